import { ActionIcon, Alert, Anchor, Badge, Button, Group, Table, Text, Title } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { IconAlertTriangle, IconCopy, IconPlus, IconTrash, IconX } from "@tabler/icons-react";
import { useEffect, useRef, useState } from "react";
import { Link, useParams } from "react-router";

import { draftComment, updateVersion } from "../api/acts";
import { useRefused } from "../api/can";
import { changed } from "../api/long";
import {
  model as modelQuery,
  PENDING,
  type Version as Info,
  version as versionQuery,
} from "../api/queries";
import { CopyVersion, DeleteAlias, DeleteVersion, SetAlias } from "../forms/version";
import { Closed } from "../parts/AskAccess";
import { Description } from "../parts/Description";
import { Dated, Fact, Facts, TagsFact } from "../parts/Facts";
import { Signature } from "../parts/Signature";
import { NotReady, Use } from "../parts/Use";
import { metricText } from "../parts/Versions";
import { inRank } from "../parts/working";
import { RunLink } from "../parts/RunLink";
import { catalogPath, home, modelPath, schemaPath, versionPath } from "../paths";
import { Copy } from "../ui/Code";
import { Action } from "../ui/Action";
import { Kebab } from "../ui/Kebab";
import { KindIcon } from "../ui/kinds";
import { PageLoading } from "../ui/Loading";
import { lazyPart } from "../ui/part";
import { Alias } from "../ui/Pairs";
import { Page } from "../ui/Page";
import { Status } from "../ui/Status";
import { Tabs } from "../ui/Tabs";
import { visible } from "../ui/text";

const Files = lazyPart(() => import("../parts/Files"));
const Lineage = lazyPart(() => import("../parts/Lineage"));

type Asked =
  | { what: "copy" | "delete" | "set alias" }
  | { what: "delete alias"; alias: string }
  | null;

export default function Version() {
  const { catalog = "", schema = "", model: leaf = "", version = "" } = useParams();
  const name = `${catalog}.${schema}.${leaf}`;
  const { data, error, isPending, refetch } = useQuery(versionQuery(name, version));
  const above = useQuery(modelQuery(name));
  // A version that has just become ready has files, a signature, a lineage: what was asked before is old.
  const client = useQueryClient();
  const was = useRef(data?.status);
  useEffect(() => {
    if (was.current === PENDING && data && data.status !== PENDING) changed(client);
    was.current = data?.status;
  }, [client, data]);
  const [asked, setAsked] = useState<Asked>(null);
  const refused = useRefused("function", name, above.data?.owner);
  const close = () => setAsked(null);
  const crumbs = [
    { label: "Catalogs", to: home },
    { label: catalog, to: catalogPath(catalog) },
    { label: schema, to: schemaPath(`${catalog}.${schema}`) },
    { label: leaf, to: modelPath(name) },
  ];
  if (isPending) return <PageLoading />;
  if (error)
    return (
      <Page title={`Version ${version}`} crumbs={crumbs}>
        <Closed
          on={{ type: "function", kind: "MODEL", name }}
          error={error}
          retry={() => void refetch()}
        />
      </Page>
    );
  const ready = data.status === "READY";
  return (
    <Page
      title={`Version ${data.version}`}
      kind={leaf}
      icon={<KindIcon kind="MODEL_VERSION" size={26} />}
      crumbs={crumbs}
      copy={`models:/${name}/${data.version}`}
      badge={<Status status={data.status} />}
      actions={
        <>
          <Button
            variant="default"
            leftSection={<IconCopy size={16} />}
            disabled={!ready}
            title={ready ? undefined : "Only a ready version can be copied."}
            onClick={() => setAsked({ what: "copy" })}
          >
            Copy this version
          </Button>
          <Kebab
            label="More actions on this version"
            items={[
              {
                label: "Set alias",
                refused: refused("set_alias"),
                icon: <IconPlus size={16} />,
                onClick: () => setAsked({ what: "set alias" }),
              },
              {
                label: "Delete",
                refused: refused("delete_version"),
                icon: <IconTrash size={16} />,
                danger: true,
                onClick: () => setAsked({ what: "delete" }),
              },
            ]}
          />
        </>
      }
    >
      {data.status === "FAILED_REGISTRATION" ? (
        <Alert
          color="red"
          variant="light"
          icon={<IconAlertTriangle size={20} />}
          mb="md"
          title="This version could not be registered"
        >
          {data.status_message || "Its files never came. Register the model again."} You can delete
          this version.
        </Alert>
      ) : null}
      <Tabs
        tabs={[
          {
            value: "overview",
            label: "Overview",
            render: () => (
              <div className="columns">
                <div>
                  <Description
                    of={`version ${name}/${data.version}`}
                    comment={data.comment}
                    etag={data.etag}
                    fresh={() =>
                      client.fetchQuery({ ...versionQuery(name, version), staleTime: 0 })
                    }
                    save={(comment, etag) => updateVersion(name, data.version, comment, etag)}
                    draft={() => draftComment(name, data.version)}
                    refused={refused("update_version")}
                  />
                  <Signature signature={data.signature} />
                  <Numbers version={data} />
                </div>
                <Facts label="About this version">
                  <Fact term="Aliases" edit={undefined}>
                    <Group gap={8}>
                      {data.aliases.map((alias) => (
                        <Group key={alias} gap={2} wrap="nowrap">
                          <Alias name={alias} />
                          {refused("delete_alias") ? null : (
                            <ActionIcon
                              variant="subtle"
                              color="gray"
                              size="sm"
                              aria-label={`Delete alias ${alias}`}
                              onClick={() => setAsked({ what: "delete alias", alias })}
                            >
                              <IconX size={13} />
                            </ActionIcon>
                          )}
                        </Group>
                      ))}
                      <Action
                        refused={refused("set_alias")}
                        variant="default"
                        size="compact-xs"
                        leftSection={<IconPlus size={13} />}
                        onClick={() => setAsked({ what: "set alias" })}
                      >
                        Set alias
                      </Action>
                    </Group>
                  </Fact>
                  <TagsFact
                    type="function"
                    name={name}
                    version={data.version}
                    tags={data.tags}
                    refused={refused("change_tags")}
                  />
                  <Origin version={data} />
                  <Dated of={data} />
                </Facts>
              </div>
            ),
          },
          {
            value: "files",
            label: "Files",
            render: () => <Files model={name} version={data.version} ready={ready} />,
          },
          {
            value: "use",
            label: "Use this model",
            render: () =>
              ready ? (
                <Use
                  model={name}
                  version={data.version}
                  alias={inRank(data.aliases, (alias) => alias)[0]}
                />
              ) : (
                <NotReady version={data.version} />
              ),
          },
          {
            value: "lineage",
            label: "Lineage",
            render: () => <Lineage model={name} version={data.version} />,
          },
        ]}
      />
      {asked?.what === "copy" ? (
        <CopyVersion model={name} version={data.version} onClose={close} />
      ) : null}
      {asked?.what === "delete" ? (
        <DeleteVersion model={name} version={data.version} aliases={data.aliases} onClose={close} />
      ) : null}
      {asked?.what === "set alias" ? (
        <SetAlias
          model={name}
          version={data.version}
          aliases={above.data?.aliases ?? []}
          onClose={close}
        />
      ) : null}
      {asked?.what === "delete alias" ? (
        <DeleteAlias model={name} version={data.version} alias={asked.alias} onClose={close} />
      ) : null}
    </Page>
  );
}

function Origin({ version }: { version: Info }) {
  const copied = version.copied_from as { model?: string; version?: number } | null;
  return (
    <>
      {version.run_id ? (
        <Fact term="Source run">
          <RunLink
            run={version.run_id}
            experiment={version.experiment_id}
            workspace={version.workspace_id}
            named
          />
        </Fact>
      ) : null}
      {copied?.model ? (
        <Fact term="Copied from">
          <Anchor component={Link} size="sm" to={versionPath(copied.model, copied.version ?? 1)}>
            {visible(copied.model)}, version {copied.version}
          </Anchor>
        </Fact>
      ) : null}
      {version.source ? (
        <Fact term="Source">
          <Group gap={4} wrap="nowrap">
            <span className="mono">{visible(version.source)}</span>
            <Copy text={version.source} label="Copy the source" />
          </Group>
        </Fact>
      ) : null}
    </>
  );
}

function Numbers({ version }: { version: Info }) {
  const { params, metrics } = version;
  return (
    <>
      <Listed
        title="Metrics"
        none="None were logged with the model."
        rows={metrics.map((metric) => [
          metric.key + (metric.dataset_name ? ` (${metric.dataset_name})` : ""),
          metricText(metric),
        ])}
      />
      <Listed
        title="Parameters"
        none="None were logged with the model."
        rows={params.map((param) => [param.name, param.value])}
      />
    </>
  );
}

function Listed({ title, rows, none }: { title: string; rows: [string, string][]; none: string }) {
  return (
    <section aria-label={title}>
      <Title order={2} size="h4" mt="lg" mb={6}>
        {title}{" "}
        {rows.length > 0 ? (
          <Badge variant="default" radius="sm" size="sm">
            {rows.length}
          </Badge>
        ) : null}
      </Title>
      {rows.length === 0 ? (
        <Text size="sm" c="dimmed">
          {none}
        </Text>
      ) : (
        <div
          className="table"
          role="region"
          aria-label={`${title} by name`}
          tabIndex={0}
          style={{ maxHeight: 420 }}
        >
          <Table verticalSpacing={6} aria-label={title}>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>Name</Table.Th>
                <Table.Th>Value</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {rows.map(([key, value], index) => (
                <Table.Tr key={`${key}${index}`}>
                  <Table.Td className="anywhere" w="45%">
                    {visible(key)}
                  </Table.Td>
                  <Table.Td className="mono">{visible(value)}</Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </div>
      )}
    </section>
  );
}
