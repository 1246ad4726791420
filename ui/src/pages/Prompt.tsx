import { ActionIcon, Alert, Anchor, Badge, Button, Group, Text, Title } from "@mantine/core";
import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { IconArrowsDiff, IconEye, IconPlus, IconTrash, IconX } from "@tabler/icons-react";
import { useState } from "react";
import { Link, useNavigate, useParams, useSearchParams } from "react-router";

import { useRefused } from "../api/can";
import {
  prompt as promptQuery,
  type PromptInfo,
  type PromptVersion,
  promptVersion,
  promptVersions,
  updatePrompt,
} from "../api/prompts";
import {
  DeletePromptAlias,
  DeletePromptVersion,
  EditMessage,
  RegisterPrompt,
  SetPromptAlias,
} from "../forms/prompt";
import { ThingMenu } from "../parts/actions";
import { AskAccess, Closed } from "../parts/AskAccess";
import { Description } from "../parts/Description";
import { Dated, Fact, Facts, TagsFact } from "../parts/Facts";
import { ProtectedFact } from "../parts/Protected";
import { Template } from "../parts/Template";
import { UsePrompt } from "../parts/UsePrompt";
import { catalogPath, home, promptComparePath, promptPath, schemaPath } from "../paths";
import { Action } from "../ui/Action";
import { Code } from "../ui/Code";
import { Empty } from "../ui/Empty";
import { Failure } from "../ui/Failure";
import { KindIcon } from "../ui/kinds";
import { Loading, PageLoading } from "../ui/Loading";
import { Page } from "../ui/Page";
import { lazyPart } from "../ui/part";
import { Pairs } from "../ui/Pairs";
import { Marks } from "../ui/Star";
import { Tabs } from "../ui/Tabs";
import { gist, visible } from "../ui/text";
import { Time } from "../ui/Time";
import { type Column, VirtualTable } from "../ui/VirtualTable";

const Permissions = lazyPart(() => import("../parts/Permissions"));
const Activity = lazyPart(() => import("../parts/Activity"));
const PromptLinks = lazyPart(() => import("../parts/PromptLinks"));

const on = (name: string) => ({ type: "prompt", kind: "PROMPT", name }) as const;

export default function Prompt() {
  const { catalog = "", schema = "", prompt = "" } = useParams();
  const name = `${catalog}.${schema}.${prompt}`;
  const { data, error, isPending, refetch } = useQuery(promptQuery(name));
  const crumbs = [
    { label: "Catalogs", to: home },
    { label: catalog, to: catalogPath(catalog) },
    { label: schema, to: schemaPath(`${catalog}.${schema}`) },
  ];
  if (isPending) return <PageLoading />;
  if (error)
    return (
      <Page title={prompt} kind="Prompt" crumbs={crumbs}>
        <Closed on={on(name)} error={error} retry={() => void refetch()} />
      </Page>
    );
  return <PromptPage key={name} prompt={data} crumbs={crumbs} />;
}

type Asked = "register" | "set alias" | { alias: string; version: number } | null;

function PromptPage({
  prompt,
  crumbs,
}: {
  prompt: PromptInfo;
  crumbs: { label: string; to: string }[];
}) {
  const name = prompt.full_name;
  const [params] = useSearchParams();
  const [asked, setAsked] = useState<Asked>(null);
  const only = prompt.browse_only;
  const listed = useInfiniteQuery({ ...promptVersions(name), enabled: !only });
  const rows = listed.data?.pages.flatMap((page) => page.versions) ?? [];
  const chosen = Number(params.get("version") ?? prompt.newest_version ?? 0);
  const refused = useRefused("prompt", name, prompt.owner);
  const client = useQueryClient();
  const aliases = Object.entries(prompt.aliases);
  const known = rows.find((row) => row.version === chosen);
  const close = () => setAsked(null);
  return (
    <Page
      title={prompt.name}
      kind="Prompt"
      icon={<KindIcon kind="PROMPT" size={26} />}
      crumbs={crumbs}
      copy={name}
      badge={<Marks kind="PROMPT" of={prompt} />}
      actions={
        <>
          {only ? <AskAccess primary on={on(name)} /> : null}
          <Action
            refused={refused("create_prompt_version")}
            leftSection={<IconPlus size={16} />}
            onClick={() => setAsked("register")}
          >
            Register version
          </Action>
          <ThingMenu thing={{ kind: "PROMPT", name }} owner={prompt.owner} />
        </>
      }
    >
      {only ? (
        <Alert
          variant="light"
          color="gray"
          icon={<IconEye size={20} />}
          mb="md"
          title="You see this prompt's metadata"
        >
          BROWSE on the catalog lets you find it. Templates, aliases and tags need EXECUTE on the
          prompt: ask {visible(prompt.owner)}.
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
                    of={`prompt ${name}`}
                    comment={prompt.comment}
                    etag={prompt.etag}
                    fresh={() => client.fetchQuery({ ...promptQuery(name), staleTime: 0 })}
                    save={(comment, etag) => updatePrompt(name, { comment, etag })}
                    readOnly={only}
                    refused={refused("update_prompt")}
                  />
                  {listed.isPending && !only ? <Loading /> : null}
                  {listed.error ? (
                    <Failure error={listed.error} retry={() => void listed.refetch()} />
                  ) : null}
                  {listed.data && rows.length === 0 ? (
                    <Empty
                      icon={<KindIcon kind="PROMPT" size={34} />}
                      title="No versions yet"
                      action={
                        <Button onClick={() => setAsked("register")}>Register version</Button>
                      }
                      command={`mlflow.genai.register_prompt(name="${name}", template="...")`}
                    >
                      A version holds a template, which never changes.
                    </Empty>
                  ) : null}
                  {rows.length > 0 ? <VersionBlock name={name} version={chosen} /> : null}
                  {rows.length > 0 ? (
                    <Versions
                      name={name}
                      rows={rows}
                      shown={chosen}
                      more={listed.hasNextPage ? () => void listed.fetchNextPage() : undefined}
                      loadingMore={listed.isFetchingNextPage}
                    />
                  ) : null}
                </div>
                <Facts label="About this prompt">
                  <Fact term="Owner">{visible(prompt.owner)}</Fact>
                  {only ? null : (
                    <TagsFact
                      type="prompt"
                      name={name}
                      tags={prompt.tags}
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
                        {aliases.map(([alias, version]) => (
                          <Group key={alias} gap={4} wrap="nowrap">
                            <Link
                              to={promptPath(name, version)}
                              aria-label={`Alias ${alias}: version ${version}`}
                              className="alias"
                            >
                              @{visible(alias)}
                            </Link>
                            <Text size="xs" c="dimmed">
                              v{version}
                            </Text>
                            {refused("delete_prompt_alias") ? null : (
                              <ActionIcon
                                variant="subtle"
                                color="gray"
                                size="xs"
                                aria-label={`Delete alias ${alias}`}
                                onClick={() => setAsked({ alias, version })}
                              >
                                <IconX size={13} />
                              </ActionIcon>
                            )}
                          </Group>
                        ))}
                        {rows.length > 0 ? (
                          <Action
                            refused={refused("set_prompt_alias")}
                            variant="default"
                            size="compact-xs"
                            leftSection={<IconPlus size={13} />}
                            onClick={() => setAsked("set alias")}
                          >
                            Set alias
                          </Action>
                        ) : null}
                      </Group>
                    </Fact>
                  )}
                  {only ? null : <ProtectedFact on={on(name)} />}
                  <Dated of={prompt} />
                  <Fact term="Full name">
                    <span className="mono">{visible(name)}</span>
                  </Fact>
                </Facts>
              </div>
            ),
          },
          ...(only || !known
            ? []
            : [
                {
                  value: "use",
                  label: "Use this prompt",
                  render: () => (
                    <UsePrompt prompt={name} version={known} alias={known.aliases[0]} />
                  ),
                },
              ]),
          ...(only
            ? []
            : [{ value: "links", label: "Used by", render: () => <PromptLinks prompt={name} /> }]),
          {
            value: "permissions",
            label: "Permissions",
            render: () => <Permissions on={on(name)} owner={prompt.owner} />,
          },
          {
            value: "activity",
            label: "Activity",
            render: () => <Activity type="prompt" name={name} />,
          },
        ]}
      />
      {asked === "register" ? (
        <RegisterPrompt prompt={name} before={known ?? rows[0]} onClose={close} />
      ) : null}
      {asked === "set alias" ? (
        <SetPromptAlias
          prompt={name}
          version={chosen}
          aliases={prompt.aliases}
          choices={rows.map((row) => row.version)}
          onClose={close}
        />
      ) : null}
      {asked !== null && typeof asked === "object" ? (
        <DeletePromptAlias prompt={name} {...asked} onClose={close} />
      ) : null}
    </Page>
  );
}

/** One version: its template, and what belongs to it. */
function VersionBlock({ name, version }: { name: string; version: number }) {
  const { data, error, isPending, refetch } = useQuery(promptVersion(name, version));
  const [asked, setAsked] = useState<"delete" | "message" | null>(null);
  const close = () => setAsked(null);
  const refused = useRefused("prompt", name);
  if (isPending) return <Loading />;
  if (error) return <Failure error={error} retry={() => void refetch()} />;
  return (
    <section aria-label={`Version ${version}`}>
      <Group justify="space-between" mb="xs" mt="md">
        <Group gap="xs">
          <Title order={2} size="h4">
            Version {version}
          </Title>
          <Badge variant="default" tt="none">
            {data.type}
          </Badge>
          {data.aliases.map((alias) => (
            <span key={alias} className="alias">
              @{visible(alias)}
            </span>
          ))}
        </Group>
        {refused("delete_prompt_version") ? null : (
          <Button
            variant="default"
            size="xs"
            leftSection={<IconTrash size={15} />}
            onClick={() => setAsked("delete")}
          >
            Delete version
          </Button>
        )}
      </Group>
      <Template version={data} />
      <dl className="facts inline">
        <Fact
          term="Commit message"
          edit={refused("update_prompt_version") ? undefined : () => setAsked("message")}
          editLabel="Edit commit message"
        >
          {visible(data.comment) || (
            <Text span size="sm" c="dimmed">
              None
            </Text>
          )}
        </Fact>
        <TagsFact
          type="prompt"
          name={name}
          version={version}
          tags={data.tags}
          refused={refused("change_prompt_version_tags")}
        />
        <Fact term="Registered">
          <Time at={data.created_at} /> by {visible(data.created_by)}
        </Fact>
      </dl>
      <Extra title="Model configuration" text={data.model_config} />
      <Extra title="Response format" text={data.response_format} />
      {asked === "delete" ? (
        <DeletePromptVersion
          prompt={name}
          version={version}
          aliases={data.aliases}
          onClose={close}
        />
      ) : null}
      {asked === "message" ? (
        <EditMessage prompt={name} version={version} message={data.comment} onClose={close} />
      ) : null}
    </section>
  );
}

function Extra({ title, text }: { title: string; text: string }) {
  if (!text) return null;
  return (
    <>
      <Title order={3} size="h5" mt="md" mb={6}>
        {title}
      </Title>
      <Code label={title} text={JSON.stringify(JSON.parse(text), null, 2)} />
    </>
  );
}

interface VersionsProps {
  name: string;
  rows: PromptVersion[];
  shown: number;
  more: (() => void) | undefined;
  loadingMore: boolean;
}

function Versions({ name, rows, shown, more, loadingMore }: VersionsProps) {
  const [chosen, setChosen] = useState<number[]>([]);
  const navigate = useNavigate();
  const columns: Column<PromptVersion>[] = [
    {
      header: "",
      label: "Compare",
      width: 40,
      cell: (row) => (
        <input
          type="checkbox"
          aria-label={`Compare version ${row.version}`}
          checked={chosen.includes(row.version)}
          disabled={chosen.length >= 2 && !chosen.includes(row.version)}
          onChange={(event) =>
            setChosen(
              event.currentTarget.checked
                ? [...chosen, row.version]
                : chosen.filter((version) => version !== row.version),
            )
          }
        />
      ),
    },
    {
      header: "Version",
      width: 100,
      cell: (row) => (
        <Anchor
          component={Link}
          className="name nowrap"
          aria-current={row.version === shown ? "true" : undefined}
          to={promptPath(name, row.version)}
        >
          Version {row.version}
        </Anchor>
      ),
    },
    {
      header: "Aliases and tags",
      cell: (row) => (
        <div className="stacked">
          {row.aliases.length > 0 ? (
            <span className="pairs">
              {row.aliases.map((alias) => (
                <span key={alias} className="alias">
                  @{visible(alias)}
                </span>
              ))}
            </span>
          ) : null}
          <Pairs tags={row.tags} most={3} />
        </div>
      ),
    },
    {
      header: "Commit message",
      from: "sm",
      cell: (row) => <span className="clip">{gist(row.comment)}</span>,
    },
    {
      header: "Registered",
      width: 130,
      cell: (row) => (
        <>
          <Time at={row.created_at} />
          <div className="xs quiet line">{visible(row.created_by)}</div>
        </>
      ),
    },
  ];
  return (
    <section aria-label="Versions">
      <Group justify="space-between" mb="xs" mt="lg">
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
                promptComparePath(
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
      <VirtualTable
        label="Versions"
        columns={columns}
        rows={rows}
        rowKey={(row) => String(row.version)}
        rowHeight={56}
        list={promptVersions(name).queryKey}
        more={more}
        loadingMore={loadingMore}
      />
    </section>
  );
}
