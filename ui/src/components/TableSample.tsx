import { Alert, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";

import { tableSample } from "../api/tableContents";
import { plural, visible } from "../lib/text";
import { ErrorAlert } from "../ui/ErrorAlert";
import { LoadingSkeleton } from "../ui/Skeletons";
import { type Column, VirtualTable } from "../ui/VirtualTable";

type Row = (string | null)[];

const columnsOf = (names: string[]): Column<{ cells: Row }>[] =>
  names.map((name, index) => ({
    header: visible(name),
    label: name,
    cell: ({ cells }) => <Cell text={cells[index] ?? null} />,
  }));

const Cell = ({ text }: { text: string | null }) =>
  text === null ? (
    <Text span size="xs" c="dimmed">
      null
    </Text>
  ) : (
    <span className="mono anywhere">{visible(text)}</span>
  );

/** A few rows of a Delta table. The audit log records who read them. */
export default function TableSample({ table }: { table: string }) {
  const { data, error, isPending, refetch } = useQuery(tableSample(table));
  const columns = useMemo(() => columnsOf(data?.columns ?? []), [data]);
  if (isPending) return <LoadingSkeleton />;
  if (error) return <ErrorAlert error={error} retry={() => void refetch()} />;
  if (data.deletion_vectors)
    return (
      <Alert variant="light" color="gray" title="No rows are shown">
        This table uses deletion vectors: its files may hold deleted rows. Read it with an engine
        that applies them, such as Spark or DuckDB.
      </Alert>
    );
  const rows = data.rows.map((cells, index) => ({ cells, index }));
  return (
    <>
      <Text size="sm" c="dimmed" mb="xs">
        {plural(rows.length, "row")} of version {data.version}, in no order
        {data.hidden_columns > 0 ? `, without ${plural(data.hidden_columns, "column")}` : ""}. The
        audit log records that you read them.
      </Text>
      {rows.length === 0 ? null : (
        <VirtualTable
          label="Sample rows"
          rows={rows}
          rowKey={(row) => String(row.index)}
          columns={columns}
        />
      )}
    </>
  );
}
