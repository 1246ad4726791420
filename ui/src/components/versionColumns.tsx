/** Columns that the tables of model versions and of prompt versions share. */

import { visible } from "../lib/text";
import { AliasBadge } from "../ui/AliasBadge";
import { hiddenHeader } from "../ui/hiddenHeader";
import { TagList } from "../ui/Tags";
import { TimeAgo } from "../ui/TimeAgo";
import type { Column } from "../ui/VirtualTable";
import { CompareCheckbox } from "./CompareCheckbox";

/** The checkbox that chooses a version for a comparison. */
export const compareColumn = (
  chosen: number[],
  setChosen: (versions: number[]) => void,
): Column<{ version: number }> => ({
  ...hiddenHeader("Compare", 40),
  cell: (row) => <CompareCheckbox version={row.version} chosen={chosen} setChosen={setChosen} />,
});

export const ALIASES_AND_TAGS: Column<{
  aliases: string[];
  tags: Parameters<typeof TagList>[0]["tags"];
}> = {
  header: "Aliases and tags",
  cell: (row) => (
    <div className="stacked">
      {row.aliases.length > 0 ? (
        <span className="pairs">
          {row.aliases.map((alias) => (
            <AliasBadge key={alias} name={alias} />
          ))}
        </span>
      ) : null}
      <TagList tags={row.tags} max={3} />
    </div>
  ),
};

/** When a version was created, and by whom. */
export const CREATION: Column<{ created_at: number; created_by: string }> = {
  header: "Created",
  width: 130,
  cell: (row) => (
    <>
      <TimeAgo at={row.created_at} />
      <div className="xs quiet line">{visible(row.created_by)}</div>
    </>
  ),
};
