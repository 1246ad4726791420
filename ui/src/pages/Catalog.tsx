import { Button, Group, Switch, TextInput } from "@mantine/core";
import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { IconPlus } from "@tabler/icons-react";
import { useState } from "react";
import { Link, useParams } from "react-router";

import { update } from "../api/acts";
import { useRefused } from "../api/can";
import {
  catalog as catalogQuery,
  type CatalogInfo,
  schemas,
  tags as tagsQuery,
} from "../api/queries";
import { CreateSchema } from "../forms/create";
import { ThingMenu } from "../parts/actions";
import { AskAccess, Closed } from "../parts/AskAccess";
import { Description } from "../parts/Description";
import { Dated, Fact, Facts, TagsFact } from "../parts/Facts";
import { ProtectedFact } from "../parts/Protected";
import { home, schemaPath } from "../paths";
import { useAct } from "../ui/Act";
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
import { VirtualTable } from "../ui/VirtualTable";

const Permissions = lazyPart(() => import("../parts/Permissions"));
const Bindings = lazyPart(() => import("../parts/Bindings"));
const Activity = lazyPart(() => import("../parts/Activity"));

export default function Catalog() {
  const { catalog: name = "" } = useParams();
  const { data, error, isPending, refetch } = useQuery(catalogQuery(name));
  const tags = useQuery({
    ...tagsQuery("catalogs", name),
    enabled: Boolean(data && !data.browse_only),
  });
  const [creating, setCreating] = useState(false);
  const refused = useRefused("catalog", name, data?.owner);
  const client = useQueryClient();
  const crumbs = [{ label: "Catalogs", to: home }];
  if (isPending) return <PageLoading />;
  if (error)
    return (
      <Page title={name} kind="Catalog" crumbs={crumbs}>
        <Closed
          on={{ type: "catalog", kind: "CATALOG", name }}
          error={error}
          retry={() => void refetch()}
        />
      </Page>
    );
  return (
    <Page
      title={data.name}
      kind="Catalog"
      icon={<KindIcon kind="CATALOG" size={26} />}
      crumbs={crumbs}
      copy={data.full_name}
      badge={<Marks kind="CATALOG" of={data} />}
      actions={
        <>
          {data.browse_only ? (
            <AskAccess primary on={{ type: "catalog", kind: "CATALOG", name }} />
          ) : null}
          <Action
            refused={refused("create_schema")}
            leftSection={<IconPlus size={16} />}
            onClick={() => setCreating(true)}
          >
            Create schema
          </Action>
          <ThingMenu thing={{ kind: "CATALOG", name: data.full_name }} owner={data.owner} />
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
                    of={`catalog ${name}`}
                    comment={data.comment}
                    etag={data.etag}
                    fresh={() => client.fetchQuery({ ...catalogQuery(name), staleTime: 0 })}
                    save={(comment, etag) => update("CATALOG", name, { comment, etag })}
                    refused={refused("update_catalog_comment")}
                  />
                  <Contents catalog={name} create={() => setCreating(true)} />
                </div>
                <Facts label="About this catalog">
                  <Fact term="Owner">{visible(data.owner)}</Fact>
                  {data.browse_only ? null : (
                    <TagsFact
                      type="catalog"
                      name={name}
                      tags={tags.data ?? []}
                      refused={refused("change_tags")}
                    />
                  )}
                  {data.browse_only ? null : (
                    <ProtectedFact on={{ type: "catalog", kind: "CATALOG", name }} />
                  )}
                  {data.browse_only ? null : (
                    <SignaturesFact catalog={data} refused={refused("update_catalog_spec")} />
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
              <Permissions on={{ type: "catalog", kind: "CATALOG", name }} owner={data.owner} />
            ),
          },
          ...(data.browse_only
            ? []
            : [
                {
                  value: "workspaces",
                  label: "Workspaces",
                  render: () => <Bindings catalog={data} />,
                },
              ]),
          {
            value: "activity",
            label: "Activity",
            render: () => <Activity type="catalog" name={name} />,
          },
        ]}
      />
      {creating ? <CreateSchema catalog={name} onClose={() => setCreating(false)} /> : null}
    </Page>
  );
}

const REQUIRED = "require_signature";

/** Which versions need a signature: those of Unity Catalog's clients, or all. */
function SignaturesFact({
  catalog,
  refused,
}: {
  catalog: CatalogInfo;
  refused: string | undefined;
}) {
  const required = catalog.properties?.[REQUIRED]?.toLowerCase() === "true";
  const client = useQueryClient();
  const act = useAct(
    async (on: boolean) => {
      const now = await client.fetchQuery({ ...catalogQuery(catalog.name), staleTime: 0 });
      const { [REQUIRED]: _, ...others } = now.properties ?? {};
      return update("CATALOG", catalog.name, {
        properties: on ? { ...others, [REQUIRED]: "true" } : others,
      });
    },
    (_, on) =>
      on
        ? "Every version needs a signature from now on."
        : "Plain MLflow clients may register without a signature.",
  );
  return (
    <Fact term="Signatures">
      <Switch
        label="Every version needs one"
        description={
          refused ??
          (required
            ? "Whatever client registers it."
            : "Versions from plain MLflow clients may come without one.")
        }
        checked={required}
        disabled={refused !== undefined || act.isPending}
        onChange={(event) => act.mutate(event.currentTarget.checked)}
      />
      {act.error ? <Failure error={act.error} act /> : null}
    </Fact>
  );
}

function Contents({ catalog, create }: { catalog: string; create: () => void }) {
  const [filter, setFilter] = useState("");
  const { data, error, isPending, refetch, hasNextPage, fetchNextPage, isFetchingNextPage } =
    useInfiniteQuery(schemas(catalog));
  if (isPending) return <Loading />;
  if (error) return <Failure error={error} retry={() => void refetch()} />;
  const rows = data.pages.flatMap((page) => page.schemas);
  if (rows.length === 0)
    return (
      <Empty
        icon={<KindIcon kind="SCHEMA" size={34} />}
        title="No schemas in this catalog"
        action={<Button onClick={create}>Create schema</Button>}
        command={`modelkeep schemas create ${catalog}.ml_team`}
      >
        A schema holds models and who may use them. Or there are some, and you have USE SCHEMA on
        none.
      </Empty>
    );
  return (
    <>
      {rows.length > 8 ? (
        <Group mb="xs">
          <TextInput
            aria-label="Filter schemas by name"
            placeholder="Filter by name"
            value={filter}
            onChange={(e) => setFilter(e.currentTarget.value)}
          />
        </Group>
      ) : null}
      <VirtualTable
        label="Schemas"
        rows={rows.filter((row) => row.name.includes(filter.toLowerCase()))}
        list={filter ? undefined : schemas(catalog).queryKey}
        rowKey={(row) => row.full_name}
        more={hasNextPage ? () => void fetchNextPage() : undefined}
        loadingMore={isFetchingNextPage}
        columns={[
          {
            header: "Name",
            cell: (row) => (
              <Group gap="xs" wrap="nowrap">
                <KindIcon kind="SCHEMA" />
                <Link className="name" to={schemaPath(row.full_name)}>
                  {visible(lastPart(row.full_name))}
                </Link>
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
          { header: "Created", width: 140, cell: (row) => <Time at={row.created_at} /> },
        ]}
      />
    </>
  );
}
