import { IconCopy, IconUpload } from "@tabler/icons-react";
import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useParams } from "react-router";

import { draftComment, updateSecurable } from "../api/mutations";
import { useDenialReason } from "../api/permissions";
import { type ModelInfo, model as modelQuery } from "../api/securables";
import { READY, versions } from "../api/versions";
import { SecurableAliases } from "../components/AliasesDetail";
import { ModelSnippetsByAlias } from "../components/ModelSnippets";
import { ModelVersions } from "../components/ModelVersions";
import { QueryPage } from "../components/QueryPage";
import { SecurablePage } from "../components/SecurablePage";
import { CopyVersion } from "../dialogs/CopyVersion";
import { RegisterModel } from "../dialogs/RegisterModel";
import { schemaCrumbs } from "../lib/crumbs";
import { lazyComponent } from "../lib/lazyComponent";
import { championFirst, useLoadTarget } from "../lib/loadTarget";
import { securableOf } from "../lib/securables";
import { ActionButton } from "../ui/ActionButton";
import type { Crumb } from "../ui/Page";

const Lineage = lazyComponent(() => import("../components/Lineage"));

export default function Model() {
  const { catalog = "", schema = "", model: leaf = "" } = useParams();
  const name = `${catalog}.${schema}.${leaf}`;
  const query = useQuery(modelQuery(name));
  const crumbs = schemaCrumbs(catalog, schema);
  return (
    <QueryPage
      query={query}
      securable={securableOf("MODEL", name)}
      title={leaf}
      kind="Model"
      crumbs={crumbs}
    >
      {(model) => <ModelPage key={name} name={name} model={model} crumbs={crumbs} />}
    </QueryPage>
  );
}

interface Props {
  name: string;
  model: ModelInfo;
  crumbs: Crumb[];
}

function ModelPage({ name, model, crumbs }: Props) {
  const securable = securableOf("MODEL", name);
  const browseOnly = model.browse_only === true;
  const [dialog, setDialog] = useState<"register" | "copy" | null>(null);
  const close = () => setDialog(null);
  const versionPages = useInfiniteQuery({ ...versions(name), enabled: !browseOnly });
  const newestVersions = versionPages.data?.pages[0]?.versions ?? [];
  const newest = newestVersions[0];
  const target = useLoadTarget(name, model.aliases ?? [], newestVersions);
  const client = useQueryClient();
  const denialReason = useDenialReason("function", name, model.owner);
  const aliases = championFirst(model.aliases ?? [], (alias) => alias.alias_name);
  const choices = newestVersions.map(({ version }) => version);
  const shownVersion = target?.version ?? newest?.version;
  return (
    <SecurablePage
      securable={securable}
      info={model}
      title={model.name}
      crumbs={crumbs}
      tags={model.tags ?? []}
      description={{
        reload: () => client.fetchQuery({ ...modelQuery(name), staleTime: 0 }),
        save: (comment, etag) => updateSecurable("MODEL", name, { comment, etag }),
        generate: () => draftComment(name),
        readOnly: browseOnly,
        denialReason: denialReason("update_comment"),
      }}
      aliases={
        <SecurableAliases
          securable={securable}
          aliases={aliases}
          proposed={(newestVersions.find(({ status }) => status === READY) ?? newest)?.version}
          choices={choices}
          setDenial={denialReason("set_alias")}
          deleteDenial={denialReason("delete_alias")}
        />
      }
      content={
        browseOnly ? null : <ModelVersions name={name} register={() => setDialog("register")} />
      }
      tabs={
        browseOnly || newest === undefined || shownVersion === undefined
          ? []
          : [
              {
                value: "use",
                label: "Use this model",
                render: () => (
                  <ModelSnippetsByAlias
                    model={name}
                    target={target}
                    aliases={aliases}
                    newest={newest.version}
                  />
                ),
              },
              {
                value: "lineage",
                label: "Lineage",
                render: () => (
                  <Lineage
                    key={shownVersion}
                    model={name}
                    version={shownVersion}
                    choices={choices}
                  />
                ),
              },
            ]
      }
      actions={
        <ActionButton
          denialReason={denialReason("register_version")}
          variant="default"
          leftSection={<IconUpload size={16} />}
          onClick={() => setDialog("register")}
        >
          Register version
        </ActionButton>
      }
      copy={{ label: "Copy", icon: <IconCopy size={16} />, onClick: () => setDialog("copy") }}
    >
      {dialog === "register" ? <RegisterModel destination={name} onClose={close} /> : null}
      {dialog === "copy" && shownVersion !== undefined ? (
        <CopyVersion model={name} version={shownVersion} onClose={close} />
      ) : null}
    </SecurablePage>
  );
}
