import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useParams } from "react-router";

import { updateSecurable } from "../api/mutations";
import { type TableInfo, table as tableQuery } from "../api/objects";
import { useDenialReason } from "../api/permissions";
import { tags as tagsQuery } from "../api/securables";
import { ColumnTable } from "../components/ColumnTable";
import { Detail } from "../components/Details";
import { NameValueTable } from "../components/NameValueTable";
import { QueryPage } from "../components/QueryPage";
import { SecurablePage } from "../components/SecurablePage";
import { schemaCrumbs } from "../lib/crumbs";
import { lazyComponent } from "../lib/lazyComponent";
import { securableOf } from "../lib/securables";
import { visible } from "../lib/text";
import type { Crumb } from "../ui/Page";

const TableSample = lazyComponent(() => import("../components/TableSample"));
const TableHistory = lazyComponent(() => import("../components/TableHistory"));
const TableLineage = lazyComponent(() => import("../components/TableLineage"));
const TableModels = lazyComponent(() => import("../components/TableModels"));

export default function Table() {
  const { catalog = "", schema = "", table: leaf = "" } = useParams();
  const name = `${catalog}.${schema}.${leaf}`;
  const query = useQuery(tableQuery(name));
  const crumbs = schemaCrumbs(catalog, schema);
  return (
    <QueryPage
      query={query}
      securable={securableOf("TABLE", name)}
      title={leaf}
      kind="Table"
      crumbs={crumbs}
    >
      {(table) => <TablePage key={name} table={table} crumbs={crumbs} />}
    </QueryPage>
  );
}

function TablePage({ table, crumbs }: { table: TableInfo; crumbs: Crumb[] }) {
  const name = table.full_name;
  const browseOnly = table.browse_only === true;
  const tags = useQuery({ ...tagsQuery("tables", name), enabled: !browseOnly });
  const client = useQueryClient();
  const denialReason = useDenialReason("table", name, table.owner);
  return (
    <SecurablePage
      securable={securableOf("TABLE", name)}
      info={table}
      title={table.name}
      crumbs={crumbs}
      tags={tags.data ?? []}
      description={{
        reload: () => client.fetchQuery({ ...tableQuery(name), staleTime: 0 }),
        save: (comment) => updateSecurable("TABLE", name, { comment }),
        readOnly: browseOnly,
        denialReason: denialReason("update_comment"),
      }}
      settings={<TableDetails table={table} />}
      content={
        browseOnly ? null : (
          <>
            <ColumnTable columns={table.columns ?? []} />
            <NameValueTable
              title="Properties"
              emptyText="The table has no properties."
              rows={Object.entries(table.properties ?? {})}
            />
          </>
        )
      }
      tabs={
        browseOnly
          ? []
          : [
              { value: "sample", label: "Sample", render: () => <TableSample table={name} /> },
              { value: "history", label: "History", render: () => <TableHistory table={name} /> },
              { value: "lineage", label: "Lineage", render: () => <TableLineage table={name} /> },
              { value: "models", label: "Models", render: () => <TableModels table={name} /> },
            ]
      }
      actions={null}
    />
  );
}

/** What the catalog knows of a table beyond other securables. */
function TableDetails({ table }: { table: TableInfo }) {
  return (
    <>
      <Detail term="Type">{visible(table.table_type.toLowerCase())}</Detail>
      <Detail term="Format">{visible(table.data_source_format.toLowerCase())}</Detail>
      <Detail term="Location">
        <span className="mono anywhere">{visible(table.storage_location ?? "")}</span>
      </Detail>
      <Detail term="Id">
        <span className="mono anywhere">{table.table_id}</span>
      </Detail>
    </>
  );
}
