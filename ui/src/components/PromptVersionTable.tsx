import { Anchor, Group, Title } from "@mantine/core";
import { useState } from "react";
import { Link } from "react-router";

import { type PromptVersion, promptVersions } from "../api/prompts";
import { markdownSummary, visible } from "../lib/text";
import { promptComparePath, promptPath } from "../paths";
import { AliasBadge } from "../ui/AliasBadge";
import { TagList } from "../ui/Tags";
import { TimeAgo } from "../ui/TimeAgo";
import { type Column, VirtualTable } from "../ui/VirtualTable";
import { CompareButton } from "./CompareButton";
import { CompareCheckbox } from "./CompareCheckbox";

interface Props {
  name: string;
  rows: PromptVersion[];
  /** The version that the page shows. */
  current: number;
  loadMore: (() => void) | undefined;
  loadingMore: boolean;
}

export function PromptVersionTable({ name, rows, current, loadMore, loadingMore }: Props) {
  const [chosen, setChosen] = useState<number[]>([]);
  const columns: Column<PromptVersion>[] = [
    {
      header: <span className="visually-hidden">Compare</span>,
      label: "Compare",
      width: 40,
      cell: (row) => (
        <CompareCheckbox version={row.version} chosen={chosen} setChosen={setChosen} />
      ),
    },
    {
      header: "Version",
      width: 100,
      cell: (row) => (
        <Anchor
          component={Link}
          className="name nowrap"
          aria-current={row.version === current ? "true" : undefined}
          to={promptPath(name, row.version)}
        >
          Version {row.version}
        </Anchor>
      ),
    },
    {
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
    },
    {
      header: "Commit message",
      visibleFrom: "sm",
      cell: (row) => <span className="clip">{markdownSummary(row.comment)}</span>,
    },
    {
      header: "Registered",
      width: 130,
      cell: (row) => (
        <>
          <TimeAgo at={row.created_at} />
          <div className="xs quiet line">{visible(row.created_by)}</div>
        </>
      ),
    },
  ];
  return (
    <div>
      <Group justify="space-between" mb="xs" mt="lg">
        <Title order={2} size="h4">
          Versions
        </Title>
        {rows.length > 1 ? (
          <CompareButton chosen={chosen} path={(pair) => promptComparePath(name, pair)} />
        ) : null}
      </Group>
      <VirtualTable
        label="Versions"
        columns={columns}
        rows={rows}
        rowKey={(row) => String(row.version)}
        rowHeight={56}
        queryKey={promptVersions(name).queryKey}
        loadMore={loadMore}
        loadingMore={loadingMore}
      />
    </div>
  );
}
