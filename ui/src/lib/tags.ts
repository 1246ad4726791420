/** What a change of tags sends. */

import type { Tag } from "../api/mutations";

/** The tags with `tag` in them, in the place of another of its key. A tag without a key changes nothing. */
export function withTag(tags: Tag[], tag: Tag): Tag[] {
  const key = tag.key.trim();
  if (!key) return tags;
  return [...withoutTag(tags, key), { key, value: tag.value.trim() }];
}

export const withoutTag = (tags: Tag[], key: string): Tag[] =>
  tags.filter((tag) => tag.key !== key);

/** The tags to set and the keys to remove, to get from `before` to `after`. */
export function tagChanges(before: Tag[], after: Tag[]): { added: Tag[]; removed: string[] } {
  const values = new Map(before.map((tag) => [tag.key, tag.value]));
  const keys = new Set(after.map((tag) => tag.key));
  return {
    added: after.filter((tag) => values.get(tag.key) !== tag.value),
    removed: before.map((tag) => tag.key).filter((key) => !keys.has(key)),
  };
}

/** Tags from the JSON text of a draft; `fallback` where it is no list of tags. */
export function parseTags(text: string, fallback: Tag[]): Tag[] {
  try {
    const parsed: unknown = JSON.parse(text);
    return Array.isArray(parsed) && parsed.every(isTag) ? parsed : fallback;
  } catch {
    return fallback;
  }
}

function isTag(value: unknown): value is Tag {
  if (typeof value !== "object" || value === null) return false;
  return (
    "key" in value &&
    typeof value.key === "string" &&
    "value" in value &&
    typeof value.value === "string"
  );
}
