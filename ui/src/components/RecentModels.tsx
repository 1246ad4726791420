import { Button } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";

import type { SearchResult } from "../api/search";
import { search } from "../api/search";
import { modelPath } from "../paths";
import { DottedName } from "../ui/DottedName";
import { EmptyState } from "../ui/EmptyState";
import { ErrorAlert } from "../ui/ErrorAlert";
import { KindIcon } from "../ui/kinds";
import { LoadingSkeleton } from "../ui/Skeletons";
import { TagList } from "../ui/Tags";
import { type Column, VirtualTable } from "../ui/VirtualTable";
import { ALIASES, CHANGED, SecurableLink } from "./securableColumns";

const COLUMNS: Column<SearchResult>[] = [
  {
    header: "Model",
    cell: (row) => (
      <SecurableLink
        kind="MODEL"
        name={row.full_name}
        path={modelPath(row.full_name)}
        label={<DottedName name={row.full_name} />}
      />
    ),
  },
  ALIASES,
  { header: "Tags", visibleFrom: "lg", cell: (row) => <TagList tags={row.tags} max={2} /> },
  CHANGED,
];

/** The ten models that changed last. */
export function RecentModels({ register }: { register: () => void }) {
  const query = useInfiniteQuery(search({ query: "", kinds: "MODEL", order_by: "updated" }, 10));
  if (query.isPending) return <LoadingSkeleton />;
  if (query.error) return <ErrorAlert error={query.error} retry={() => void query.refetch()} />;
  const models = query.data.pages[0]?.results ?? [];
  if (models.length === 0)
    return (
      <EmptyState
        icon={<KindIcon kind="MODEL" size={34} />}
        title="No models yet"
        action={
          <Button variant="default" onClick={register}>
            Register model
          </Button>
        }
        command={'mlflow.register_model("runs:/<run_id>/model", "main.default.my_model")'}
      >
        Train with MLflow, then register the run&rsquo;s model: from its run page, here, or from
        code.
      </EmptyState>
    );
  return (
    <VirtualTable
      label="Models changed last"
      rows={models}
      rowKey={(row) => row.full_name}
      columns={COLUMNS}
    />
  );
}
