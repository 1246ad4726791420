import { Skeleton, Text } from "@mantine/core";
import { IconChevronDown, IconChevronRight, IconDots } from "@tabler/icons-react";

import { leafName, visible } from "../lib/text";
import { KindIcon } from "../ui/kinds";
import { canExpand, isSecurable, type TreeRow } from "./treeRows";

export const ROW_HEIGHT = 32;

interface Props {
  row: TreeRow;
  id: string;
  /** Pixels from the top of the tree. */
  top: number;
  expanded: boolean;
  selected: boolean;
  active: boolean;
  onClick: () => void;
  setExpanded: (expanded: boolean) => void;
}

export function TreeRowView({ row, id, top, expanded, selected, active, ...actions }: Props) {
  const style = { height: ROW_HEIGHT, top, paddingInlineStart: 4 + (row.level - 1) * 16 };
  if (!isSecurable(row))
    return (
      <div
        role="treeitem"
        aria-selected={false}
        id={id}
        aria-level={row.level}
        className="tree-row"
        style={style}
        aria-label={row.text ?? "Loading"}
        tabIndex={-1}
      >
        <span className="twist">{row.kind === "MORE" ? <IconDots size={14} /> : null}</span>
        {row.text ? (
          <Text span size="xs" c="dimmed" title={row.text}>
            {row.text}
          </Text>
        ) : (
          <Skeleton height={12} width="60%" />
        )}
      </div>
    );
  const expandable = canExpand(row);
  return (
    <div
      id={id}
      role="treeitem"
      tabIndex={-1}
      aria-level={row.level}
      aria-expanded={expandable ? expanded : undefined}
      aria-selected={selected}
      aria-label={leafName(row.name)}
      className={active ? "tree-row at" : "tree-row"}
      style={style}
      title={visible(row.name)}
      onClick={actions.onClick}
      onKeyDown={undefined}
    >
      <span
        className="twist"
        aria-hidden
        onClick={(event) => {
          event.stopPropagation();
          if (expandable) actions.setExpanded(!expanded);
        }}
      >
        {expandable ? <Chevron expanded={expanded} /> : null}
      </span>
      <span className="kind" aria-hidden>
        <KindIcon kind={row.kind} size={16} />
      </span>
      <span>{visible(leafName(row.name))}</span>
    </div>
  );
}

const Chevron = ({ expanded }: { expanded: boolean }) =>
  expanded ? <IconChevronDown size={15} /> : <IconChevronRight size={15} />;
