import { Anchor, Group, Title } from "@mantine/core";
import { useState } from "react";
import { Link } from "react-router";

import { type PromptVersion, promptVersions } from "../api/prompts";
import { markdownSummary } from "../lib/text";
import { promptComparePath, promptPath } from "../paths";
import { type Column, VirtualTable } from "../ui/VirtualTable";
import { CompareButton } from "./CompareButton";
import { ALIASES_AND_TAGS, CREATION, compareColumn } from "./versionColumns";

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
    compareColumn(chosen, setChosen),
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
    ALIASES_AND_TAGS,
    {
      header: "Commit message",
      visibleFrom: "sm",
      cell: (row) => <span className="clip">{markdownSummary(row.comment)}</span>,
    },
    { ...CREATION, header: "Registered" },
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
