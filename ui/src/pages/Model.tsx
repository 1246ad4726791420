import { ActionIcon, Alert, Button, Group, Text, Title } from "@mantine/core";
import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import {
  IconArrowsDiff,
  IconCopy,
  IconEye,
  IconPlus,
  IconUpload,
  IconX,
} from "@tabler/icons-react";
import { useState } from "react";
import { useNavigate, useParams } from "react-router";

import { draftComment, update } from "../api/acts";
import { useRefused } from "../api/can";
import { model as modelQuery, type ModelInfo, READY, versions } from "../api/queries";
import { RegisterModel } from "../forms/RegisterModel";
import { CopyVersion, DeleteAlias, SetAlias } from "../forms/version";
import { ThingMenu } from "../parts/actions";
import { AskAccess, Closed } from "../parts/AskAccess";
import { Description } from "../parts/Description";
import { Dated, Fact, Facts, TagsFact } from "../parts/Facts";
import { ProtectedFact } from "../parts/Protected";
import { UseModel } from "../parts/Use";
import { Versions } from "../parts/Versions";
import { inRank, useWorking } from "../parts/working";
import { catalogPath, comparePath, home, schemaPath } from "../paths";
import { Action } from "../ui/Action";
import { Empty } from "../ui/Empty";
import { Failure } from "../ui/Failure";
import { KindIcon } from "../ui/kinds";
import { Loading, PageLoading } from "../ui/Loading";
import { Alias } from "../ui/Pairs";
import { Page } from "../ui/Page";
import { lazyPart } from "../ui/part";
import { Marks } from "../ui/Star";
import { Tabs } from "../ui/Tabs";
import { visible } from "../ui/text";

const Permissions = lazyPart(() => import("../parts/Permissions"));
const Activity = lazyPart(() => import("../parts/Activity"));
const Lineage = lazyPart(() => import("../parts/Lineage"));

export default function Model() {
  const { catalog = "", schema = "", model = "" } = useParams();
  const name = `${catalog}.${schema}.${model}`;
  const { data, error, isPending, refetch } = useQuery(modelQuery(name));
  const crumbs = [
    { label: "Catalogs", to: home },
    { label: catalog, to: catalogPath(catalog) },
    { label: schema, to: schemaPath(`${catalog}.${schema}`) },
  ];
  if (isPending) return <PageLoading />;
  if (error)
    return (
      <Page title={model} kind="Model" crumbs={crumbs}>
        <Closed
          on={{ type: "function", kind: "MODEL", name }}
          error={error}
          retry={() => void refetch()}
        />
      </Page>
    );
  return <Shown key={name} name={name} data={data} crumbs={crumbs} />;
}

function Shown({
  name,
  data,
  crumbs,
}: {
  name: string;
  data: ModelInfo;
  crumbs: { label: string; to: string }[];
}) {
  const [dialog, setDialog] = useState<"register" | "copy" | "set alias" | null>(null);
  const [deleting, setDeleting] = useState<{ alias: string; version: number } | null>(null);
  const listed = useInfiniteQuery({ ...versions(name), enabled: !data.browse_only });
  const first = listed.data?.pages[0]?.versions;
  const newest = first?.[0];
  const working = useWorking(name, data.aliases ?? [], first ?? []);
  const client = useQueryClient();
  const only = data.browse_only;
  const refused = useRefused("function", name, data.owner);
  const aliases = inRank(data.aliases ?? [], (one) => one.alias_name);
  return (
    <Page
      title={data.name}
      kind="Model"
      icon={<KindIcon kind="MODEL" size={26} />}
      crumbs={crumbs}
      copy={data.full_name}
      badge={<Marks kind="MODEL" of={data} />}
      actions={
        <>
          {only ? <AskAccess primary on={{ type: "function", kind: "MODEL", name }} /> : null}
          <Action
            refused={refused("register_version")}
            variant="default"
            leftSection={<IconUpload size={16} />}
            onClick={() => setDialog("register")}
          >
            Register version
          </Action>
          <ThingMenu
            thing={{ kind: "MODEL", name: data.full_name }}
            owner={data.owner}
            copy={{ label: "Copy", icon: <IconCopy size={16} />, onClick: () => setDialog("copy") }}
          />
        </>
      }
    >
      {only ? (
        <Alert
          variant="light"
          color="gray"
          icon={<IconEye size={20} />}
          mb="md"
          title="You see this model's metadata"
        >
          BROWSE on the catalog lets you find it. Versions, aliases, tags and files need EXECUTE on
          the model: ask {visible(data.owner)}.
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
                    comment={data.comment}
                    of={`model ${name}`}
                    etag={data.etag}
                    fresh={() => client.fetchQuery({ ...modelQuery(name), staleTime: 0 })}
                    save={(comment, etag) => update("MODEL", name, { comment, etag })}
                    draft={() => draftComment(name)}
                    readOnly={only}
                    refused={refused("update_comment")}
                  />
                  {only ? null : (
                    <VersionsBlock name={name} register={() => setDialog("register")} />
                  )}
                </div>
                <Facts label="About this model">
                  <Fact term="Owner">{visible(data.owner)}</Fact>
                  {only ? null : (
                    <TagsFact
                      type="function"
                      name={name}
                      tags={data.tags ?? []}
                      refused={refused("change_tags")}
                    />
                  )}
                  {only ? null : (
                    <Fact term="Aliases">
                      {aliases.length === 0 ? (
                        <Text size="sm" c="dimmed" mb={4}>
                          None. An alias names the version that is in use.
                        </Text>
                      ) : null}
                      <Group gap={6}>
                        {aliases.map((alias) => (
                          <Group
                            key={alias.alias_name}
                            gap={4}
                            wrap="nowrap"
                            maw="100%"
                            className="alias-row"
                          >
                            <Alias
                              name={alias.alias_name}
                              model={name}
                              version={alias.version_num}
                            />
                            <Text size="xs" c="dimmed">
                              v{alias.version_num}
                            </Text>
                            {refused("delete_alias") ? null : (
                              <ActionIcon
                                variant="subtle"
                                color="gray"
                                size="sm"
                                aria-label={`Delete alias ${alias.alias_name}`}
                                onClick={() =>
                                  setDeleting({
                                    alias: alias.alias_name,
                                    version: alias.version_num,
                                  })
                                }
                              >
                                <IconX size={13} />
                              </ActionIcon>
                            )}
                          </Group>
                        ))}
                        {newest ? (
                          <Action
                            refused={refused("set_alias")}
                            variant="default"
                            size="compact-xs"
                            leftSection={<IconPlus size={13} />}
                            onClick={() => setDialog("set alias")}
                          >
                            Set alias
                          </Action>
                        ) : null}
                      </Group>
                    </Fact>
                  )}
                  {only ? null : <ProtectedFact on={{ type: "function", kind: "MODEL", name }} />}
                  <Dated of={data} />
                  <Fact term="Full name">
                    <span className="mono">{visible(data.full_name)}</span>
                  </Fact>
                </Facts>
              </div>
            ),
          },
          ...(only || !newest
            ? []
            : [
                {
                  value: "use",
                  label: "Use this model",
                  render: () => (
                    <UseModel
                      model={name}
                      working={working}
                      choices={aliases}
                      newest={newest.version}
                    />
                  ),
                },
              ]),
          ...(only || !newest
            ? []
            : [
                {
                  value: "lineage",
                  label: "Lineage",
                  render: () => (
                    <Lineage
                      key={working?.version ?? newest.version}
                      model={name}
                      version={working?.version ?? newest.version}
                      choices={first?.map((v) => v.version)}
                    />
                  ),
                },
              ]),
          {
            value: "permissions",
            label: "Permissions",
            render: () => (
              <Permissions on={{ type: "function", kind: "MODEL", name }} owner={data.owner} />
            ),
          },
          {
            value: "activity",
            label: "Activity",
            render: () => <Activity type="function" name={name} />,
          },
        ]}
      />
      {dialog === "register" ? (
        <RegisterModel destination={name} onClose={() => setDialog(null)} />
      ) : null}
      {dialog === "set alias" && newest ? (
        <SetAlias
          model={name}
          version={(first?.find((one) => one.status === READY) ?? newest).version}
          choices={first?.map((v) => v.version)}
          aliases={aliases}
          onClose={() => setDialog(null)}
        />
      ) : null}
      {deleting ? (
        <DeleteAlias model={name} {...deleting} onClose={() => setDeleting(null)} />
      ) : null}
      {dialog === "copy" && newest ? (
        <CopyVersion
          model={name}
          version={working?.version ?? newest.version}
          onClose={() => setDialog(null)}
        />
      ) : null}
    </Page>
  );
}

function VersionsBlock({ name, register }: { name: string; register: () => void }) {
  const listed = useInfiniteQuery(versions(name));
  const [chosen, setChosen] = useState<number[]>([]);
  const navigate = useNavigate();
  const rows = listed.data?.pages.flatMap((page) => page.versions) ?? [];
  return (
    <div>
      <Group justify="space-between" mb="xs">
        <Title order={2} size="h4">
          Versions
        </Title>
        {rows.length > 1 ? (
          <Button
            variant="default"
            size="xs"
            leftSection={<IconArrowsDiff size={15} />}
            disabled={chosen.length !== 2}
            onClick={() =>
              void navigate(
                comparePath(
                  name,
                  chosen.toSorted((a, b) => a - b),
                ),
              )
            }
          >
            {chosen.length === 2 ? "Compare" : "Choose two to compare"}
          </Button>
        ) : null}
      </Group>
      {listed.isPending ? <Loading /> : null}
      {listed.error ? <Failure error={listed.error} retry={() => void listed.refetch()} /> : null}
      {listed.data && rows.length === 0 ? (
        <Empty
          icon={<KindIcon kind="MODEL_VERSION" size={34} />}
          title="No versions yet"
          action={<Button onClick={register}>Register version</Button>}
          command={`mlflow.register_model("runs:/<run_id>/model", "${name}")`}
        >
          A version holds a model's files, signature, parameters and metrics, and never changes.
        </Empty>
      ) : null}
      {rows.length > 0 ? (
        <Versions
          model={name}
          rows={rows}
          chosen={chosen}
          choose={setChosen}
          more={listed.hasNextPage ? () => void listed.fetchNextPage() : undefined}
          loadingMore={listed.isFetchingNextPage}
        />
      ) : null}
    </div>
  );
}
