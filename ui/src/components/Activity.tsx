import { Switch, Text } from "@mantine/core";
import { IconHistory } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";

import type { AuditRecord } from "../api/audit";
import { activity } from "../api/audit";
import { visible } from "../lib/text";
import { EmptyState } from "../ui/EmptyState";
import { ErrorAlert } from "../ui/ErrorAlert";
import { LoadingSkeleton } from "../ui/Skeletons";
import { TimeAgo } from "../ui/TimeAgo";
import { type Column, VirtualTable } from "../ui/VirtualTable";
import { Changes, NarrowChanges, OutcomeBadge } from "./AuditCells";

const columns = (name: string): Column<AuditRecord>[] => [
  { header: "When", width: 130, cell: (record) => <TimeAgo at={record.at} /> },
  {
    header: "Who",
    cell: (record) => <span className="anywhere">{visible(record.actor || "nobody")}</span>,
  },
  {
    header: "What",
    cell: (record) => (
      <>
        <Text size="sm" fw={550} className="nowrap">
          {record.event}
        </Text>
        <NarrowChanges record={record} besides={name} />
      </>
    ),
  },
  {
    header: "Changes",
    visibleFrom: "sm",
    cell: (record) => <Changes record={record} besides={name} />,
  },
  {
    header: "Outcome",
    width: 110,
    visibleFrom: "sm",
    cell: (record) => <OutcomeBadge record={record} />,
  },
];

/** What happened to a securable, newest first. */
export default function Activity({ type, name }: { type: string; name: string }) {
  const [all, setAll] = useState(false);
  const { data, error, isPending, refetch, hasNextPage, fetchNextPage, isFetchingNextPage } =
    useInfiniteQuery(activity(type, name, !all));
  if (isPending) return <LoadingSkeleton />;
  if (error) return <ErrorAlert error={error} retry={() => void refetch()} />;
  const records = data.pages.flatMap((page) => page.events);
  if (records.length === 0)
    return (
      <EmptyState
        icon={<IconHistory size={34} />}
        title="Nothing has happened yet"
        command="modelkeep audit export"
      >
        This page lists every change, refusal and download, under all names that it has had.
      </EmptyState>
    );
  return (
    <>
      <Switch
        mb="sm"
        label="Also show reads and downloads"
        checked={all}
        onChange={(event) => setAll(event.currentTarget.checked)}
      />
      <VirtualTable
        label="Activity"
        columns={columns(name)}
        rows={records}
        queryKey={activity(type, name, !all).queryKey}
        rowKey={(record) => record.id}
        loadMore={hasNextPage ? () => void fetchNextPage() : undefined}
        loadingMore={isFetchingNextPage}
      />
    </>
  );
}
