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

export function Pairs({
  tags,
  most = Number.POSITIVE_INFINITY,
  none = null,
}: {
  tags: Tag[];
  most?: number;
  none?: string | null;
}) {
  if (tags.length === 0) return none ? <span className="sm quiet">{none}</span> : null;
  return (
    <span className="pairs">
      {tags.slice(0, most).map((tag) => (
        <Pair key={tag.key} tag={tag} />
      ))}
      {tags.length > most ? <span className="xs quiet">+{tags.length - most}</span> : null}
    </span>
  );
}

/** An alias; with a model, it leads to the version that it names. */
export function Alias({
  name,
  model,
  version,
}: {
  name: string;
  model?: string;
  version?: number;
}) {
  if (!model || version === undefined) return <span className="alias">@{visible(name)}</span>;
  return (
    <Link
      to={versionPath(model, version)}
      aria-label={`Alias ${name}: version ${version}`}
      className="alias"
    >
      @{visible(name)}
    </Link>
  );
}
