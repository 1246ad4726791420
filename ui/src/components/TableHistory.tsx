import { Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";

import { type TableCommit, tableHistory } from "../api/tableContents";
import { commitLabel } from "../lib/columns";
import { formatBytes, plural, visible } from "../lib/text";
import { ErrorAlert } from "../ui/ErrorAlert";
import { LoadingSkeleton } from "../ui/Skeletons";
import { TimeAgo } from "../ui/TimeAgo";
import { type Column, VirtualTable } from "../ui/VirtualTable";

const UNKNOWN = "unknown";

const COLUMNS: Column<TableCommit>[] = [
  { header: "Version", width: 100, cell: (commit) => commit.version ?? UNKNOWN },
  {
    header: "When",
    width: 150,
    cell: (commit) => (commit.timestamp ? <TimeAgo at={commit.timestamp} /> : UNKNOWN),
  },
  {
    header: "Operation",
    cell: (commit) => <span className="anywhere">{visible(commitLabel(commit))}</span>,
  },
  {
    header: "Rows",
    width: 110,
    align: "right",
    visibleFrom: "xs",
    cell: (commit) => commit.rows?.toLocaleString("en") ?? UNKNOWN,
  },
  {
    header: "Bytes",
    width: 110,
    align: "right",
    visibleFrom: "sm",
    cell: (commit) => (typeof commit.bytes === "number" ? formatBytes(commit.bytes) : UNKNOWN),
  },
  {
    header: "Written by",
    visibleFrom: "md",
    cell: (commit) => (
      <span className="anywhere">{visible(commit.user || commit.engine || UNKNOWN)}</span>
    ),
  },
];

/** The newest versions of a Delta table, as their writers described them. */
export default function TableHistory({ table }: { table: string }) {
  const { data, error, isPending, refetch } = useQuery(tableHistory(table));
  if (isPending) return <LoadingSkeleton />;
  if (error) return <ErrorAlert error={error} retry={() => void refetch()} />;
  const rows = typeof data.rows === "number" ? `${data.rows.toLocaleString("en")} rows, ` : "";
  return (
    <>
      <Text size="sm" c="dimmed" mb="xs">
        Version {data.version} has {rows}
        {plural(data.files, "file")} and {formatBytes(data.bytes)}. Rows and bytes of a version are
        what its writer recorded.
      </Text>
      <VirtualTable
        label="History"
        rows={data.commits}
        rowKey={(commit) => String(commit.version)}
        columns={COLUMNS}
      />
    </>
  );
}
