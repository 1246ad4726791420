import { Title } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";

import { type ObjectInfo, type ObjectKind, objectsOf } from "../api/objects";
import { morePages } from "../lib/morePages";
import { pathOfSecurable, securableOf } from "../lib/securables";
import { ErrorAlert } from "../ui/ErrorAlert";
import { type Column, VirtualTable } from "../ui/VirtualTable";
import { CHANGED, DESCRIPTION, OWNER, SecurableLink } from "./securableColumns";

const HEADINGS = { TABLE: "Tables", VOLUME: "Volumes", FUNCTION: "Functions" };

const columnsOf = (kind: ObjectKind): Column<ObjectInfo>[] => [
  {
    header: "Name",
    cell: (row) => (
      <SecurableLink
        kind={kind}
        name={row.name}
        path={pathOfSecurable(securableOf(kind, row.full_name))}
        browseOnly={row.browse_only}
      />
    ),
  },
  DESCRIPTION,
  OWNER,
  CHANGED,
];
const COLUMNS = {
  TABLE: columnsOf("TABLE"),
  VOLUME: columnsOf("VOLUME"),
  FUNCTION: columnsOf("FUNCTION"),
};

/** The tables, volumes or functions of a schema. A schema without any shows nothing. */
export function ObjectTable({ kind, schema }: { kind: ObjectKind; schema: string }) {
  const query = useInfiniteQuery(objectsOf(kind, schema));
  if (query.error) return <ErrorAlert error={query.error} retry={() => void query.refetch()} />;
  const rows = query.data?.pages.flatMap((page) => page.items) ?? [];
  if (rows.length === 0) return null;
  const heading = HEADINGS[kind];
  return (
    <section aria-label={`${heading} of this schema`}>
      <Title order={2} size="h4" mt="lg" mb="xs">
        {heading}
      </Title>
      <VirtualTable
        label={heading}
        rows={rows}
        queryKey={objectsOf(kind, schema).queryKey}
        rowKey={(row) => row.full_name}
        {...morePages(query)}
        columns={COLUMNS[kind]}
      />
    </section>
  );
}
