import { Link } from "react-router";

import { visible } from "../lib/text";
import { promptPath, versionPath } from "../paths";

interface Props {
  name: string;
  /** Where the badge leads: the version that the alias names. */
  target?: { kind: string; name: string; version: number };
}

/** An alias of a model or prompt. With a target, it links to that version. */
export function AliasBadge({ name, target }: Props) {
  if (!target) return <span className="alias">@{visible(name)}</span>;
  const path =
    target.kind === "PROMPT"
      ? promptPath(target.name, target.version)
      : versionPath(target.name, target.version);
  return (
    <Link to={path} aria-label={`Alias ${name}: version ${target.version}`} className="alias">
      @{visible(name)}
    </Link>
  );
}
