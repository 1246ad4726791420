/** Columns that the tables of securables share. */

import { Badge, Group } from "@mantine/core";
import type { ReactNode } from "react";
import { Link } from "react-router";

import type { SearchResult } from "../api/search";
import type { SecurableKind } from "../lib/securables";
import { markdownSummary, visible } from "../lib/text";
import { AliasBadge } from "../ui/AliasBadge";
import { KindIcon } from "../ui/kinds";
import { TimeAgo } from "../ui/TimeAgo";
import type { Column } from "../ui/VirtualTable";

interface LinkProps {
  kind: SecurableKind;
  name: string;
  path: string;
  /** In the place of the name, where it needs more than text. */
  label?: ReactNode;
  browseOnly?: boolean | undefined;
}

export function SecurableLink({ kind, name, path, label, browseOnly }: LinkProps) {
  return (
    <Group gap="xs" wrap="nowrap">
      <KindIcon kind={kind} />
      <Link className="name" to={path}>
        {label ?? visible(name)}
      </Link>
      {browseOnly ? (
        <Badge size="xs" variant="default">
          browse only
        </Badge>
      ) : null}
    </Group>
  );
}

export const DESCRIPTION: Column<{ comment?: string }> = {
  header: "Description",
  visibleFrom: "sm",
  cell: (row) => <span className="clip">{markdownSummary(row.comment ?? "")}</span>,
};

export const OWNER: Column<{ owner: string }> = {
  header: "Owner",
  visibleFrom: "xs",
  cell: (row) => <span className="anywhere">{visible(row.owner)}</span>,
};

export const CREATED: Column<{ created_at: number }> = {
  header: "Created",
  width: 140,
  cell: (row) => <TimeAgo at={row.created_at} />,
};

export const CHANGED: Column<{ updated_at: number }> = {
  header: "Changed",
  width: 140,
  cell: (row) => <TimeAgo at={row.updated_at} />,
};

/** The aliases of a search result, each with a link to its version. */
export const ALIASES: Column<SearchResult> = {
  header: "Aliases",
  visibleFrom: "sm",
  cell: (row) => (
    <Group gap={4}>
      {Object.entries(row.aliases).map(([alias, version]) => (
        <AliasBadge
          key={alias}
          name={alias}
          target={{ kind: row.kind, name: row.full_name, version }}
        />
      ))}
    </Group>
  ),
};
