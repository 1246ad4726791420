import { IconPlus } from "@tabler/icons-react";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useParams } from "react-router";

import { updateSecurable } from "../api/mutations";
import { useDenialReason } from "../api/permissions";
import { type CatalogInfo, catalog as catalogQuery, tags as tagsQuery } from "../api/securables";
import { QueryPage } from "../components/QueryPage";
import { SchemaTable } from "../components/SchemaTable";
import { SecurablePage } from "../components/SecurablePage";
import { SignatureSetting } from "../components/SignatureSetting";
import { CreateSchema } from "../dialogs/CreateSecurable";
import { CATALOGS } from "../lib/crumbs";
import { lazyComponent } from "../lib/lazyComponent";
import { securableOf } from "../lib/securables";
import { ActionButton } from "../ui/ActionButton";

const WorkspaceBindings = lazyComponent(() => import("../components/WorkspaceBindings"));

export default function Catalog() {
  const { catalog: name = "" } = useParams();
  const query = useQuery(catalogQuery(name));
  return (
    <QueryPage
      query={query}
      securable={securableOf("CATALOG", name)}
      title={name}
      kind="Catalog"
      crumbs={[CATALOGS]}
    >
      {(catalog) => <CatalogPage name={name} catalog={catalog} />}
    </QueryPage>
  );
}

function CatalogPage({ name, catalog }: { name: string; catalog: CatalogInfo }) {
  const browseOnly = catalog.browse_only === true;
  const tags = useQuery({ ...tagsQuery("catalogs", name), enabled: !browseOnly });
  const [creating, setCreating] = useState(false);
  const denialReason = useDenialReason("catalog", name, catalog.owner);
  const client = useQueryClient();
  return (
    <SecurablePage
      securable={securableOf("CATALOG", name)}
      info={catalog}
      title={catalog.name}
      crumbs={[CATALOGS]}
      tags={tags.data ?? []}
      description={{
        reload: () => client.fetchQuery({ ...catalogQuery(name), staleTime: 0 }),
        save: (comment, etag) => updateSecurable("CATALOG", name, { comment, etag }),
        denialReason: denialReason("update_catalog_comment"),
      }}
      settings={
        <SignatureSetting catalog={catalog} denialReason={denialReason("update_catalog_spec")} />
      }
      content={<SchemaTable catalog={name} create={() => setCreating(true)} />}
      settingTabs={
        browseOnly
          ? []
          : [
              {
                value: "workspaces",
                label: "Workspaces",
                render: () => <WorkspaceBindings catalog={catalog} />,
              },
            ]
      }
      actions={
        <ActionButton
          denialReason={denialReason("create_schema")}
          leftSection={<IconPlus size={16} />}
          onClick={() => setCreating(true)}
        >
          Create schema
        </ActionButton>
      }
    >
      {creating ? <CreateSchema catalog={name} onClose={() => setCreating(false)} /> : null}
    </SecurablePage>
  );
}
