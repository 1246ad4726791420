import { Badge, Group, Text } from "@mantine/core";
import { IconX } from "@tabler/icons-react";
import { Link } from "react-router";

import type { Tag } from "../api/acts";
import { versionPath } from "../paths";
import { visible } from "./text";

/** `task:question-answering`, as tags are read. */
export function Pair({ tag, remove }: { tag: Tag; remove?: () => void }) {
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

export function Pairs({ tags, most = Number.POSITIVE_INFINITY, none = null }: { tags: Tag[]; most?: number; none?: string | null }) {
  if (tags.length === 0) return none ? <Text size="sm" c="dimmed">{none}</Text> : null;
  return (
    <Group gap={6}>
      {tags.slice(0, most).map((tag) => (
        <Pair key={tag.key} tag={tag} />
      ))}
      {tags.length > most ? <Text size="xs" c="dimmed">+{tags.length - most}</Text> : null}
    </Group>
  );
}

/** An alias; with a model, it leads to the version that it names. */
export function Alias({ name, model, version }: { name: string; model?: string; version?: number }) {
  const shown = (
    <Badge variant="light" radius="sm" tt="none" size="md" className="alias">
      @{visible(name)}
    </Badge>
  );
  if (!model || version === undefined) return shown;
  return (
    <Link to={versionPath(model, version)} aria-label={`Alias ${name}: version ${version}`} className="alias">
      {shown}
    </Link>
  );
}
