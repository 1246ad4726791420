import { Alert, Button } from "@mantine/core";
import { IconAlertTriangle, IconCopy, IconPlus, IconTrash } from "@tabler/icons-react";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { useParams } from "react-router";

import { refetchAll } from "../api/infiniteLists";
import { draftComment, updateVersion } from "../api/mutations";
import { useDenialReason } from "../api/permissions";
import { model as modelQuery } from "../api/securables";
import type { Version as VersionInfo } from "../api/versions";
import { FAILED, PENDING, READY, version as versionQuery } from "../api/versions";
import { AliasesDetail } from "../components/AliasesDetail";
import { Description } from "../components/Description";
import { CreatedAndChanged, DetailsPanel } from "../components/Details";
import { ModelSnippets, NotReadyNotice } from "../components/ModelSnippets";
import { NameValueTable } from "../components/NameValueTable";
import { QueryPage } from "../components/QueryPage";
import { Signature } from "../components/Signature";
import { TagsDetail } from "../components/TagsDetail";
import { VersionOrigin } from "../components/VersionOrigin";
import { CopyVersion } from "../dialogs/CopyVersion";
import { DeleteVersion } from "../dialogs/DeleteVersion";
import { SetAlias } from "../dialogs/SetAlias";
import { modelCrumbs } from "../lib/crumbs";
import { lazyComponent } from "../lib/lazyComponent";
import { championFirst } from "../lib/loadTarget";
import { metricName, metricText } from "../lib/metrics";
import { securableOf } from "../lib/securables";
import { AliasBadge } from "../ui/AliasBadge";
import { KebabMenu } from "../ui/KebabMenu";
import { KindIcon } from "../ui/kinds";
import { type Crumb, Page } from "../ui/Page";
import { StatusBadge } from "../ui/StatusBadge";
import { UrlTabs } from "../ui/UrlTabs";

const Files = lazyComponent(() => import("../components/Files"));
const Lineage = lazyComponent(() => import("../components/Lineage"));

export default function Version() {
  const { catalog = "", schema = "", model: leaf = "", version: number = "" } = useParams();
  const name = `${catalog}.${schema}.${leaf}`;
  const query = useQuery(versionQuery(name, number));
  const crumbs = modelCrumbs(catalog, schema, leaf);
  return (
    <QueryPage
      query={query}
      securable={securableOf("MODEL", name)}
      title={`Version ${number}`}
      crumbs={crumbs}
    >
      {(version) => <VersionPage name={name} modelLeaf={leaf} version={version} crumbs={crumbs} />}
    </QueryPage>
  );
}

interface Props {
  name: string;
  modelLeaf: string;
  version: VersionInfo;
  crumbs: Crumb[];
}

function VersionPage({ name, modelLeaf, version, crumbs }: Props) {
  const securable = securableOf("MODEL", name);
  const { version: number, status } = version;
  const model = useQuery(modelQuery(name)).data;
  const [dialog, setDialog] = useState<"copy" | "delete" | "set alias" | null>(null);
  const close = () => setDialog(null);
  const denialReason = useDenialReason("function", name, model?.owner);
  useRefetchWhenReady(status);
  const ready = status === READY;
  return (
    <Page
      title={`Version ${number}`}
      kind={modelLeaf}
      icon={<KindIcon kind="MODEL_VERSION" size={26} />}
      crumbs={crumbs}
      copy={`models:/${name}/${number}`}
      badge={<StatusBadge status={status} />}
      actions={
        <>
          <Button
            variant="default"
            leftSection={<IconCopy size={16} />}
            disabled={!ready}
            title={ready ? undefined : "Only a ready version can be copied."}
            onClick={() => setDialog("copy")}
          >
            Copy this version
          </Button>
          <KebabMenu
            label="More actions on this version"
            items={[
              {
                label: "Set alias",
                denialReason: denialReason("set_alias"),
                icon: <IconPlus size={16} />,
                onClick: () => setDialog("set alias"),
              },
              {
                label: "Delete",
                denialReason: denialReason("delete_version"),
                icon: <IconTrash size={16} />,
                danger: true,
                onClick: () => setDialog("delete"),
              },
            ]}
          />
        </>
      }
    >
      {status === FAILED ? <FailedNotice message={version.status_message} /> : null}
      <UrlTabs
        tabs={[
          {
            value: "overview",
            label: "Overview",
            render: () => <Overview name={name} version={version} />,
          },
          {
            value: "files",
            label: "Files",
            render: () => <Files model={name} version={number} ready={ready} />,
          },
          {
            value: "use",
            label: "Use this model",
            render: () => <UseTab name={name} version={version} />,
          },
          {
            value: "lineage",
            label: "Lineage",
            render: () => <Lineage model={name} version={number} />,
          },
        ]}
      />
      {dialog === "copy" ? <CopyVersion model={name} version={number} onClose={close} /> : null}
      {dialog === "delete" ? (
        <DeleteVersion
          securable={securable}
          version={number}
          aliases={version.aliases}
          onClose={close}
        />
      ) : null}
      {dialog === "set alias" ? (
        <SetAlias
          securable={securable}
          version={number}
          aliases={model?.aliases ?? []}
          onClose={close}
        />
      ) : null}
    </Page>
  );
}

/** Refetches everything once a pending version is ready: it has files, a signature and a lineage then. */
function useRefetchWhenReady(status: string): void {
  const client = useQueryClient();
  const lastStatus = useRef(status);
  useEffect(() => {
    if (lastStatus.current === PENDING && status !== PENDING) refetchAll(client);
    lastStatus.current = status;
  }, [client, status]);
}

function FailedNotice({ message }: { message: string }) {
  return (
    <Alert
      color="red"
      variant="light"
      icon={<IconAlertTriangle size={20} />}
      mb="md"
      title="This version could not be registered"
    >
      {message || "Its files never arrived. Register the model again."} You can delete this version.
    </Alert>
  );
}

function UseTab({ name, version }: { name: string; version: VersionInfo }) {
  if (version.status !== READY) return <NotReadyNotice version={version.version} />;
  const alias = championFirst(version.aliases, (candidate) => candidate)[0];
  return <ModelSnippets model={name} version={version.version} alias={alias} />;
}

function Overview({ name, version }: { name: string; version: VersionInfo }) {
  const securable = securableOf("MODEL", name);
  const { version: number, metrics, params } = version;
  const model = useQuery(modelQuery(name)).data;
  const denialReason = useDenialReason("function", name, model?.owner);
  const client = useQueryClient();
  return (
    <div className="columns">
      <div>
        <Description
          draftName={`version ${name}/${number}`}
          comment={version.comment}
          etag={version.etag}
          reload={() => client.fetchQuery({ ...versionQuery(name, String(number)), staleTime: 0 })}
          save={(comment, etag) => updateVersion(name, number, comment, etag)}
          generate={() => draftComment(name, number)}
          denialReason={denialReason("update_version")}
        />
        <Signature signature={version.signature} />
        <NameValueTable
          title="Metrics"
          emptyText="The model was logged without metrics."
          rows={metrics.map((metric) => [metricName(metric), metricText(metric)])}
        />
        <NameValueTable
          title="Parameters"
          emptyText="The model was logged without parameters."
          rows={params.map((param) => [param.name, param.value])}
        />
      </div>
      <DetailsPanel label="About this version">
        <AliasesDetail
          securable={securable}
          shownAliases={version.aliases.map((alias) => ({
            alias_name: alias,
            version_num: number,
          }))}
          allAliases={model?.aliases ?? []}
          badge={({ alias_name }) => <AliasBadge name={alias_name} />}
          proposed={number}
          setDenial={denialReason("set_alias")}
          deleteDenial={denialReason("delete_alias")}
        />
        <TagsDetail
          securable={securable}
          version={number}
          tags={version.tags}
          denialReason={denialReason("change_tags")}
        />
        <VersionOrigin version={version} />
        <CreatedAndChanged dates={version} />
      </DetailsPanel>
    </div>
  );
}
