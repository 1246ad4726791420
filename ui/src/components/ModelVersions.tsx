import { Button, Group, Title } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";

import { versions } from "../api/versions";
import { morePages } from "../lib/morePages";
import { comparePath } from "../paths";
import { EmptyState } from "../ui/EmptyState";
import { ErrorAlert } from "../ui/ErrorAlert";
import { KindIcon } from "../ui/kinds";
import { LoadingSkeleton } from "../ui/Skeletons";
import { CompareButton } from "./CompareButton";
import { VersionTable } from "./VersionTable";

/** The versions of a model, with the choice of two to compare. */
export function ModelVersions({ name, register }: { name: string; register: () => void }) {
  const query = useInfiniteQuery(versions(name));
  const [chosen, setChosen] = useState<number[]>([]);
  const rows = query.data?.pages.flatMap((page) => page.versions) ?? [];
  return (
    <div>
      <Group justify="space-between" mb="xs">
        <Title order={2} size="h4">
          Versions
        </Title>
        {rows.length > 1 ? (
          <CompareButton chosen={chosen} path={(pair) => comparePath(name, pair)} />
        ) : null}
      </Group>
      {query.isPending ? <LoadingSkeleton /> : null}
      {query.error ? <ErrorAlert error={query.error} retry={() => void query.refetch()} /> : null}
      {query.data && rows.length === 0 ? (
        <EmptyState
          icon={<KindIcon kind="MODEL_VERSION" size={34} />}
          title="No versions yet"
          action={<Button onClick={register}>Register version</Button>}
          command={`mlflow.register_model("runs:/<run_id>/model", "${name}")`}
        >
          A version holds a model&rsquo;s files, signature, parameters and metrics. It never
          changes.
        </EmptyState>
      ) : null}
      {rows.length > 0 ? (
        <VersionTable
          model={name}
          rows={rows}
          chosen={chosen}
          setChosen={setChosen}
          {...morePages(query)}
        />
      ) : null}
    </div>
  );
}
