import { Text, Title } from "@mantine/core";

import type { FunctionInfo } from "../api/objects";
import { visible } from "../lib/text";
import { type Column, VirtualTable } from "../ui/VirtualTable";

type Parameters = NonNullable<FunctionInfo["input_params"]>["parameters"];
type Parameter = NonNullable<Parameters>[number];

const COLUMNS: Column<Parameter>[] = [
  { header: "Name", cell: (row) => <span className="mono anywhere">{visible(row.name)}</span> },
  {
    header: "Type",
    cell: (row) => (
      <span className="mono anywhere">
        {visible(row.type_text || (row.type_name ?? "").toLowerCase())}
      </span>
    ),
  },
  {
    header: "Default",
    visibleFrom: "sm",
    cell: (row) => <span className="mono anywhere">{visible(row.parameter_default ?? "")}</span>,
  },
  {
    header: "Comment",
    visibleFrom: "xs",
    cell: (row) => <span className="anywhere">{visible(row.comment ?? "")}</span>,
  },
];

/** The parameters of a function. */
export function ParameterTable({ parameters }: { parameters: Parameter[] }) {
  return (
    <section aria-label="Parameters of this function">
      <Title order={2} size="h4" mt="lg" mb="xs">
        Parameters
      </Title>
      {parameters.length === 0 ? (
        <Text size="sm" c="dimmed">
          The function takes no parameters.
        </Text>
      ) : (
        <VirtualTable
          label="Parameters"
          rows={parameters}
          rowKey={(row) => row.name}
          columns={COLUMNS}
        />
      )}
    </section>
  );
}
