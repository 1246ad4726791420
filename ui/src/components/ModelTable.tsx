import { Button } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";

import { type ModelInfo, modelsOf } from "../api/securables";
import { morePages } from "../lib/morePages";
import { modelPath } from "../paths";
import { EmptyState } from "../ui/EmptyState";
import { ErrorAlert } from "../ui/ErrorAlert";
import { KindIcon } from "../ui/kinds";
import { LoadingSkeleton } from "../ui/Skeletons";
import { type Column, VirtualTable } from "../ui/VirtualTable";
import { CHANGED, DESCRIPTION, OWNER, SecurableLink } from "./securableColumns";

const COLUMNS: Column<ModelInfo>[] = [
  {
    header: "Name",
    cell: (row) => (
      <SecurableLink
        kind="MODEL"
        name={row.name}
        path={modelPath(row.full_name)}
        browseOnly={row.browse_only}
      />
    ),
  },
  DESCRIPTION,
  OWNER,
  CHANGED,
];

/** The models of a schema. */
export function ModelTable({ schema, create }: { schema: string; create: () => void }) {
  const query = useInfiniteQuery(modelsOf(schema));
  if (query.isPending) return <LoadingSkeleton />;
  if (query.error) return <ErrorAlert error={query.error} retry={() => void query.refetch()} />;
  const rows = query.data.pages.flatMap((page) => page.registered_models);
  if (rows.length === 0)
    return (
      <EmptyState
        icon={<KindIcon kind="MODEL" size={34} />}
        title="No models in this schema"
        action={<Button onClick={create}>Create model</Button>}
        command={`mlflow.register_model("runs:/<run_id>/model", "${schema}.my_model")`}
      >
        Register a run&rsquo;s model to create the first one. You do not see models on which you
        lack EXECUTE.
      </EmptyState>
    );
  return (
    <VirtualTable
      label="Models"
      rows={rows}
      queryKey={modelsOf(schema).queryKey}
      rowKey={(row) => row.full_name}
      {...morePages(query)}
      columns={COLUMNS}
    />
  );
}
