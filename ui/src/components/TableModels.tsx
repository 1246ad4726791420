import { Anchor, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";

import { consumers, type LineageEdge } from "../api/lineage";
import { visible } from "../lib/text";
import { versionPath } from "../paths";
import { EmptyState } from "../ui/EmptyState";
import { ErrorAlert } from "../ui/ErrorAlert";
import { KindIcon } from "../ui/kinds";
import { LoadingSkeleton } from "../ui/Skeletons";
import { type Column, VirtualTable } from "../ui/VirtualTable";

const COLUMNS: Column<LineageEdge>[] = [
  {
    header: "Model version",
    cell: (edge) => (
      <Anchor component={Link} className="name" to={versionPath(edge.model, edge.version)}>
        {visible(edge.model)} / {edge.version}
      </Anchor>
    ),
  },
  { header: "How", width: 150, cell: (edge) => visible(edge.context || "input") },
  {
    header: "Table version",
    width: 150,
    visibleFrom: "sm",
    cell: (edge) => visible(edge.entity_version || "unknown"),
  },
  {
    header: "Recorded by",
    visibleFrom: "sm",
    cell: (edge) => <span className="anywhere">{visible(edge.created_by)}</span>,
  },
];

/** The model versions that were made of a table, as far as the reader sees them. */
export default function TableModels({ table }: { table: string }) {
  const { data, error, isPending, refetch } = useQuery(consumers("TABLE", table));
  if (isPending) return <LoadingSkeleton />;
  if (error) return <ErrorAlert error={error} retry={() => void refetch()} />;
  const edges = data.edges.filter((edge) => edge.direction === "UPSTREAM" && edge.model !== "");
  if (edges.length === 0)
    return (
      <EmptyState
        icon={<KindIcon kind="MODEL" size={34} />}
        title="No models of this table yet"
        command={`mlflow.log_input(mlflow.data.load_delta(table_name="${table}"), "training")`}
      >
        Log the table as an input of a run. The versions of its models then appear here.
      </EmptyState>
    );
  return (
    <>
      <VirtualTable
        label="Models of this table"
        rows={edges}
        rowKey={(edge) =>
          `${edge.model}/${edge.version} ${edge.context} ${edge.entity_version ?? ""}`
        }
        columns={COLUMNS}
      />
      {data.truncated ? (
        <Text size="xs" c="dimmed" mt="xs">
          More versions exist than this list shows.
        </Text>
      ) : null}
    </>
  );
}
