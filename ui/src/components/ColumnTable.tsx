import { Badge, Group, Text, TextInput, Title } from "@mantine/core";
import { useState } from "react";

import type { TableColumn } from "../api/objects";
import { columnType, inOrder, matchesColumn, partitionNames } from "../lib/columns";
import { plural, visible } from "../lib/text";
import { type Column, VirtualTable } from "../ui/VirtualTable";

const FILTER_FROM = 9;

const COLUMNS: Column<TableColumn>[] = [
  {
    header: "Name",
    cell: (column) => (
      <Group gap="xs" wrap="nowrap">
        <span className="mono anywhere">{visible(column.name)}</span>
        {typeof column.partition_index === "number" ? (
          <Badge size="xs" variant="default">
            partition
          </Badge>
        ) : null}
      </Group>
    ),
  },
  {
    header: "Type",
    cell: (column) => <span className="mono anywhere">{visible(columnType(column))}</span>,
  },
  {
    header: "Nullable",
    width: 110,
    visibleFrom: "sm",
    cell: (column) => (column.nullable === false ? "no" : "yes"),
  },
  {
    header: "Comment",
    visibleFrom: "xs",
    cell: (column) => <span className="anywhere">{visible(column.comment ?? "")}</span>,
  },
];

/** The columns of a table, with a filter where there are many. */
export function ColumnTable({ columns }: { columns: TableColumn[] }) {
  const [filter, setFilter] = useState("");
  const rows = inOrder(columns).filter((column) => matchesColumn(column, filter));
  const partitions = partitionNames(columns);
  return (
    <section aria-label="Columns of this table">
      <Title order={2} size="h4" mt="lg" mb="xs">
        Columns
      </Title>
      {columns.length === 0 ? (
        <Text size="sm" c="dimmed">
          The table was registered without columns. Engines read them from its files.
        </Text>
      ) : (
        <>
          <Text size="sm" c="dimmed" mb="xs">
            {plural(columns.length, "column")}
            {partitions.length > 0 ? `, partitioned by ${visible(partitions.join(", "))}` : ""}
          </Text>
          {columns.length >= FILTER_FROM ? (
            <TextInput
              aria-label="Filter columns"
              placeholder="Filter by name, type or comment"
              value={filter}
              onChange={(event) => setFilter(event.currentTarget.value)}
              maw={360}
              mb="xs"
            />
          ) : null}
          <VirtualTable
            label="Columns"
            rows={rows}
            rowKey={(column) => column.name}
            columns={COLUMNS}
          />
        </>
      )}
    </section>
  );
}
