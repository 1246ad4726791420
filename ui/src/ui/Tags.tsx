import { IconX } from "@tabler/icons-react";

import type { Tag } from "../api/mutations";
import { visible } from "../lib/text";

/** A tag: its key, then its value. */
export function TagChip({ tag, remove }: { tag: Tag; remove?: () => void }) {
  return (
    <span className="pair">
      <b>{visible(tag.key)}</b>
      {tag.value === "" ? null : <span>{visible(tag.value)}</span>}
      {remove ? (
        <button type="button" aria-label={`Remove tag ${tag.key}`} onClick={remove}>
          <IconX size={13} />
        </button>
      ) : null}
    </span>
  );
}

export function TagList({
  tags,
  max = Number.POSITIVE_INFINITY,
  emptyText = null,
}: {
  tags: Tag[];
  max?: number;
  emptyText?: string | null;
}) {
  if (tags.length === 0) return emptyText ? <span className="sm quiet">{emptyText}</span> : null;
  return (
    <span className="pairs">
      {tags.slice(0, max).map((tag) => (
        <TagChip key={tag.key} tag={tag} />
      ))}
      {tags.length > max ? <span className="xs quiet">+{tags.length - max}</span> : null}
    </span>
  );
}
