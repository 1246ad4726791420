import { IconStack2 } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";

import { type CatalogInfo, catalogs } from "../api/securables";
import { morePages } from "../lib/morePages";
import { catalogPath } from "../paths";
import { ActionButton } from "../ui/ActionButton";
import { EmptyState } from "../ui/EmptyState";
import { ErrorAlert } from "../ui/ErrorAlert";
import { LoadingSkeleton } from "../ui/Skeletons";
import { type Column, VirtualTable } from "../ui/VirtualTable";
import { CREATED, DESCRIPTION, OWNER, SecurableLink } from "./securableColumns";

const COLUMNS: Column<CatalogInfo>[] = [
  {
    header: "Name",
    cell: (row) => <SecurableLink kind="CATALOG" name={row.name} path={catalogPath(row.name)} />,
  },
  DESCRIPTION,
  OWNER,
  CREATED,
];

interface Props {
  denialReason: string | undefined;
  create: () => void;
}

/** The catalogs that the caller sees. */
export function CatalogTable({ denialReason, create }: Props) {
  const query = useInfiniteQuery(catalogs);
  if (query.isPending) return <LoadingSkeleton />;
  if (query.error) return <ErrorAlert error={query.error} retry={() => void query.refetch()} />;
  const rows = query.data.pages.flatMap((page) => page.catalogs);
  if (rows.length === 0)
    return (
      <EmptyState
        icon={<IconStack2 size={34} />}
        title="No catalogs yet"
        command="modelkeep catalogs create prod"
        action={
          <ActionButton denialReason={denialReason} onClick={create}>
            Create catalog
          </ActionButton>
        }
      >
        A catalog holds schemas, and a schema holds models. You do not see catalogs on which you
        lack USE CATALOG.
      </EmptyState>
    );
  return (
    <VirtualTable
      label="Catalogs"
      rows={rows}
      rowKey={(row) => row.full_name}
      {...morePages(query)}
      height="420px"
      columns={COLUMNS}
    />
  );
}
