import { Badge, Button, Group, Title } from "@mantine/core";
import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { IconPlus, IconUpload } from "@tabler/icons-react";
import { useState } from "react";
import { Link, useParams } from "react-router";

import { update } from "../api/acts";
import { useRefused } from "../api/can";
import { type PromptInfo, promptsOf } from "../api/prompts";
import { type ModelInfo, modelsOf, schema as schemaQuery, tags as tagsQuery } from "../api/queries";
import { CreateModel } from "../forms/create";
import { RegisterPrompt } from "../forms/prompt";
import { RegisterModel } from "../forms/RegisterModel";
import { ThingMenu } from "../parts/actions";
import { AskAccess, Closed } from "../parts/AskAccess";
import { Description } from "../parts/Description";
import { Dated, Fact, Facts, TagsFact } from "../parts/Facts";
import { ProtectedFact } from "../parts/Protected";
import { catalogPath, home, modelPath, promptPath } from "../paths";
import { Action } from "../ui/Action";
import { Empty } from "../ui/Empty";
import { Failure } from "../ui/Failure";
import { KindIcon } from "../ui/kinds";
import { Loading, PageLoading } from "../ui/Loading";
import { Page } from "../ui/Page";
import { lazyPart } from "../ui/part";
import { Marks } from "../ui/Star";
import { Tabs } from "../ui/Tabs";
import { gist, lastPart, visible } from "../ui/text";
import { Time } from "../ui/Time";
import { type Column, VirtualTable } from "../ui/VirtualTable";

const Permissions = lazyPart(() => import("../parts/Permissions"));
const Activity = lazyPart(() => import("../parts/Activity"));

const COLUMNS: Column<ModelInfo>[] = [
  {
    header: "Name",
    cell: (row) => (
      <Group gap="xs" wrap="nowrap">
        <KindIcon kind="MODEL" />
        <Link className="name" to={modelPath(row.full_name)}>
          {visible(row.name)}
        </Link>
        {row.browse_only ? (
          <Badge size="xs" variant="default">
            browse only
          </Badge>
        ) : null}
      </Group>
    ),
  },
  {
    header: "Description",
    from: "sm",
    cell: (row) => <span className="clip">{gist(row.comment)}</span>,
  },
  {
    header: "Owner",
    from: "xs",
    cell: (row) => <span className="anywhere">{visible(row.owner)}</span>,
  },
  { header: "Changed", width: 140, cell: (row) => <Time at={row.updated_at} /> },
];

const PROMPT_COLUMNS: Column<PromptInfo>[] = [
  {
    header: "Name",
    cell: (row) => (
      <Group gap="xs" wrap="nowrap">
        <KindIcon kind="PROMPT" />
        <Link className="name" to={promptPath(row.full_name)}>
          {visible(row.name)}
        </Link>
        {row.browse_only ? (
          <Badge size="xs" variant="default">
            browse only
          </Badge>
        ) : null}
      </Group>
    ),
  },
  {
    header: "Description",
    from: "sm",
    cell: (row) => <span className="clip">{gist(row.comment)}</span>,
  },
  {
    header: "Owner",
    from: "xs",
    cell: (row) => <span className="anywhere">{visible(row.owner)}</span>,
  },
  { header: "Changed", width: 140, cell: (row) => <Time at={row.updated_at} /> },
];

export default function Schema() {
  const { catalog = "", schema = "" } = useParams();
  const name = `${catalog}.${schema}`;
  const { data, error, isPending, refetch } = useQuery(schemaQuery(name));
  const tags = useQuery({
    ...tagsQuery("schemas", name),
    enabled: Boolean(data && !data.browse_only),
  });
  const [dialog, setDialog] = useState<"model" | "register" | "prompt" | null>(null);
  const refused = useRefused("schema", name, data?.owner);
  const client = useQueryClient();
  const crumbs = [
    { label: "Catalogs", to: home },
    { label: catalog, to: catalogPath(catalog) },
  ];
  if (isPending) return <PageLoading />;
  if (error)
    return (
      <Page title={schema} kind="Schema" crumbs={crumbs}>
        <Closed
          on={{ type: "schema", kind: "SCHEMA", name }}
          error={error}
          retry={() => void refetch()}
        />
      </Page>
    );
  return (
    <Page
      title={lastPart(data.full_name)}
      kind="Schema"
      icon={<KindIcon kind="SCHEMA" size={26} />}
      crumbs={crumbs}
      copy={data.full_name}
      badge={<Marks kind="SCHEMA" of={data} />}
      actions={
        <>
          {data.browse_only ? (
            <AskAccess primary on={{ type: "schema", kind: "SCHEMA", name }} />
          ) : null}
          <Button
            variant="default"
            leftSection={<IconUpload size={16} />}
            onClick={() => setDialog("register")}
          >
            Register model
          </Button>
          <Action
            refused={refused("create_prompt")}
            variant="default"
            leftSection={<IconPlus size={16} />}
            onClick={() => setDialog("prompt")}
          >
            Create prompt
          </Action>
          <Action
            refused={refused("create_model")}
            leftSection={<IconPlus size={16} />}
            onClick={() => setDialog("model")}
          >
            Create model
          </Action>
          <ThingMenu thing={{ kind: "SCHEMA", name: data.full_name }} owner={data.owner} />
        </>
      }
    >
      <Tabs
        tabs={[
          {
            value: "overview",
            label: "Overview",
            render: () => (
              <div className="columns">
                <div>
                  <Description
                    of={`schema ${name}`}
                    comment={data.comment}
                    etag={data.etag}
                    fresh={() => client.fetchQuery({ ...schemaQuery(name), staleTime: 0 })}
                    save={(comment, etag) => update("SCHEMA", name, { comment, etag })}
                    refused={refused("update_comment")}
                  />
                  <Contents schema={name} create={() => setDialog("model")} />
                  <Prompts schema={name} />
                </div>
                <Facts label="About this schema">
                  <Fact term="Owner">{visible(data.owner)}</Fact>
                  {data.browse_only ? null : (
                    <TagsFact
                      type="schema"
                      name={name}
                      tags={tags.data ?? []}
                      refused={refused("change_tags")}
                    />
                  )}
                  {data.browse_only ? null : (
                    <ProtectedFact on={{ type: "schema", kind: "SCHEMA", name }} />
                  )}
                  <Dated of={data} />
                </Facts>
              </div>
            ),
          },
          {
            value: "permissions",
            label: "Permissions",
            render: () => (
              <Permissions on={{ type: "schema", kind: "SCHEMA", name }} owner={data.owner} />
            ),
          },
          {
            value: "activity",
            label: "Activity",
            render: () => <Activity type="schema" name={name} />,
          },
        ]}
      />
      {dialog === "model" ? <CreateModel schema={name} onClose={() => setDialog(null)} /> : null}
      {dialog === "prompt" ? (
        <RegisterPrompt schema={name} onClose={() => setDialog(null)} />
      ) : null}
      {dialog === "register" ? <RegisterModel onClose={() => setDialog(null)} /> : null}
    </Page>
  );
}

function Contents({ schema, create }: { schema: string; create: () => void }) {
  const { data, error, isPending, refetch, hasNextPage, fetchNextPage, isFetchingNextPage } =
    useInfiniteQuery(modelsOf(schema));
  if (isPending) return <Loading />;
  if (error) return <Failure error={error} retry={() => void refetch()} />;
  const rows = data.pages.flatMap((page) => page.registered_models);
  if (rows.length === 0)
    return (
      <Empty
        icon={<KindIcon kind="MODEL" size={34} />}
        title="No models in this schema"
        action={<Button onClick={create}>Create model</Button>}
        command={`mlflow.register_model("runs:/<run_id>/model", "${schema}.my_model")`}
      >
        Registering a run's model makes the first one. Or there are some, and you have EXECUTE on
        none.
      </Empty>
    );
  return (
    <VirtualTable
      label="Models"
      rows={rows}
      list={modelsOf(schema).queryKey}
      rowKey={(row) => row.full_name}
      more={hasNextPage ? () => void fetchNextPage() : undefined}
      loadingMore={isFetchingNextPage}
      columns={COLUMNS}
    />
  );
}

/** The schema's prompts; nothing where it has none. */
function Prompts({ schema }: { schema: string }) {
  const { data, error, refetch, hasNextPage, fetchNextPage, isFetchingNextPage } = useInfiniteQuery(
    promptsOf(schema),
  );
  if (error) return <Failure error={error} retry={() => void refetch()} />;
  const rows = data?.pages.flatMap((page) => page.prompts) ?? [];
  if (rows.length === 0) return null;
  return (
    <section aria-label="Prompts of this schema">
      <Title order={2} size="h4" mt="lg" mb="xs">
        Prompts
      </Title>
      <VirtualTable
        label="Prompts"
        rows={rows}
        list={promptsOf(schema).queryKey}
        rowKey={(row) => row.full_name}
        more={hasNextPage ? () => void fetchNextPage() : undefined}
        loadingMore={isFetchingNextPage}
        columns={PROMPT_COLUMNS}
      />
    </section>
  );
}
