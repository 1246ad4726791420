import { Button, Group, TextInput } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";

import { type SchemaInfo, schemas } from "../api/securables";
import { morePages } from "../lib/morePages";
import { leafName } from "../lib/text";
import { schemaPath } from "../paths";
import { EmptyState } from "../ui/EmptyState";
import { ErrorAlert } from "../ui/ErrorAlert";
import { KindIcon } from "../ui/kinds";
import { LoadingSkeleton } from "../ui/Skeletons";
import { type Column, VirtualTable } from "../ui/VirtualTable";
import { CREATED, DESCRIPTION, OWNER, SecurableLink } from "./securableColumns";

const COLUMNS: Column<SchemaInfo>[] = [
  {
    header: "Name",
    cell: (row) => (
      <SecurableLink
        kind="SCHEMA"
        name={leafName(row.full_name)}
        path={schemaPath(row.full_name)}
      />
    ),
  },
  DESCRIPTION,
  OWNER,
  CREATED,
];

/** The schemas of a catalog. */
export function SchemaTable({ catalog, create }: { catalog: string; create: () => void }) {
  const [filter, setFilter] = useState("");
  const query = useInfiniteQuery(schemas(catalog));
  if (query.isPending) return <LoadingSkeleton />;
  if (query.error) return <ErrorAlert error={query.error} retry={() => void query.refetch()} />;
  const rows = query.data.pages.flatMap((page) => page.schemas);
  if (rows.length === 0)
    return (
      <EmptyState
        icon={<KindIcon kind="SCHEMA" size={34} />}
        title="No schemas in this catalog"
        action={<Button onClick={create}>Create schema</Button>}
        command={`modelkeep schemas create ${catalog}.ml_team`}
      >
        A schema holds models and their grants. You do not see schemas on which you lack USE SCHEMA.
      </EmptyState>
    );
  return (
    <>
      {rows.length > 8 ? (
        <Group mb="xs">
          <TextInput
            aria-label="Filter schemas by name"
            placeholder="Filter by name"
            value={filter}
            onChange={(event) => setFilter(event.currentTarget.value)}
          />
        </Group>
      ) : null}
      <VirtualTable
        label="Schemas"
        rows={rows.filter((row) => row.name.includes(filter.toLowerCase()))}
        queryKey={filter ? undefined : schemas(catalog).queryKey}
        rowKey={(row) => row.full_name}
        {...morePages(query)}
        columns={COLUMNS}
      />
    </>
  );
}
