import { Button, Group, SimpleGrid, Stack, Text, Title } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { IconPlus, IconStack2, IconUpload } from "@tabler/icons-react";
import { Fragment, type ReactNode, useState } from "react";
import { Link } from "react-router";

import { useRefused } from "../api/can";
import { catalogs, search } from "../api/queries";
import { CreateCatalog } from "../forms/create";
import { RegisterModel } from "../forms/RegisterModel";
import { catalogPath, modelPath, securablePath } from "../paths";
import { Action } from "../ui/Action";
import { Empty } from "../ui/Empty";
import { Failure } from "../ui/Failure";
import { type Kept, useFavourites, useRecents } from "../ui/kept";
import { KindIcon } from "../ui/kinds";
import { Loading } from "../ui/Loading";
import { Alias, Pairs } from "../ui/Pairs";
import { Page } from "../ui/Page";
import { gist, visible } from "../ui/text";
import { Time } from "../ui/Time";
import { VirtualTable } from "../ui/VirtualTable";

function Block({ title, children }: { title: string; children: ReactNode }) {
  return (
    <div>
      <Title order={2} size="h4" mb="xs">
        {title}
      </Title>
      {children}
    </div>
  );
}

/** Breaks after the dots, before a name breaks within a word. */
function DottedName({ name }: { name: string }) {
  const parts = visible(name).split(".");
  return (
    <span className="anywhere">
      {parts.map((part, index) => (
        <Fragment key={index}>
          {part}
          {index < parts.length - 1 ? (
            <>
              .<wbr />
            </>
          ) : null}
        </Fragment>
      ))}
    </span>
  );
}

function Links({ items, none }: { items: Kept[]; none: string }) {
  if (items.length === 0)
    return (
      <Text size="sm" c="dimmed">
        {none}
      </Text>
    );
  return (
    <Stack gap={2}>
      {items.map((one) => (
        <Link
          key={`${one.kind} ${one.name}`}
          className="nav-link"
          to={securablePath(one.kind, one.name) ?? "/explore"}
        >
          <KindIcon kind={one.kind} />
          <DottedName name={one.name} />
        </Link>
      ))}
    </Stack>
  );
}

export default function Home() {
  const all = useInfiniteQuery(catalogs);
  const newest = useInfiniteQuery(search({ query: "", kinds: "MODEL", order_by: "updated" }, 10));
  const refused = useRefused("metastore", "metastore");
  const recents = useRecents();
  const favourites = useFavourites();
  const [dialog, setDialog] = useState<"catalog" | "register" | null>(null);
  const listed = all.data?.pages.flatMap((page) => page.catalogs) ?? [];
  const models = newest.data?.pages[0]?.results ?? [];
  return (
    <Page
      title="Catalog Explorer"
      actions={
        <>
          <Button
            variant="default"
            leftSection={<IconUpload size={16} />}
            onClick={() => setDialog("register")}
          >
            Register model
          </Button>
          <Action
            refused={refused("create_catalog")}
            leftSection={<IconPlus size={16} />}
            onClick={() => setDialog("catalog")}
          >
            Create catalog
          </Action>
        </>
      }
    >
      <div className="columns">
        <Stack gap="xl">
          <Block title="Catalogs">
            {all.isPending ? <Loading /> : null}
            {all.error ? <Failure error={all.error} retry={() => void all.refetch()} /> : null}
            {all.data && listed.length === 0 ? (
              <Empty
                icon={<IconStack2 size={34} />}
                title="No catalogs yet"
                command="modelkeep catalogs create prod"
                action={
                  <Action refused={refused("create_catalog")} onClick={() => setDialog("catalog")}>
                    Create catalog
                  </Action>
                }
              >
                A catalog holds schemas, a schema holds models. Either none has been made, or nobody
                has given you USE CATALOG.
              </Empty>
            ) : null}
            {listed.length > 0 ? (
              <VirtualTable
                label="Catalogs"
                rows={listed}
                rowKey={(row) => row.full_name}
                more={all.hasNextPage ? () => void all.fetchNextPage() : undefined}
                loadingMore={all.isFetchingNextPage}
                height="420px"
                columns={[
                  {
                    header: "Name",
                    cell: (row) => (
                      <Group gap="xs" wrap="nowrap">
                        <KindIcon kind="CATALOG" />
                        <Link className="name" to={catalogPath(row.name)}>
                          {visible(row.name)}
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
            ) : null}
          </Block>
          <Block title="Changed last">
            {newest.isPending ? <Loading /> : null}
            {newest.error ? (
              <Failure error={newest.error} retry={() => void newest.refetch()} />
            ) : null}
            {newest.data && models.length === 0 ? (
              <Empty
                icon={<KindIcon kind="MODEL" size={34} />}
                title="No models yet"
                action={
                  <Button variant="default" onClick={() => setDialog("register")}>
                    Register model
                  </Button>
                }
                command={'mlflow.register_model("runs:/<run_id>/model", "main.default.my_model")'}
              >
                Train with MLflow, then register the run's model: from its run page, here, or from
                code.
              </Empty>
            ) : null}
            {models.length > 0 ? (
              <VirtualTable
                label="Models changed last"
                rows={models}
                rowKey={(row) => row.full_name}
                columns={[
                  {
                    header: "Model",
                    cell: (row) => (
                      <Group gap="xs" wrap="nowrap">
                        <KindIcon kind="MODEL" />
                        <Link className="name" to={modelPath(row.full_name)}>
                          <DottedName name={row.full_name} />
                        </Link>
                      </Group>
                    ),
                  },
                  {
                    header: "Aliases",
                    from: "sm",
                    cell: (row) => (
                      <Group gap={4}>
                        {Object.entries(row.aliases).map(([alias, version]) => (
                          <Alias key={alias} name={alias} model={row.full_name} version={version} />
                        ))}
                      </Group>
                    ),
                  },
                  { header: "Tags", from: "lg", cell: (row) => <Pairs tags={row.tags} most={2} /> },
                  { header: "Changed", width: 140, cell: (row) => <Time at={row.updated_at} /> },
                ]}
              />
            ) : null}
          </Block>
        </Stack>
        <SimpleGrid cols={{ base: 1, sm: 2, md: 2, lg: 1 }} spacing="xl">
          <Block title="Favourites">
            <Links items={favourites} none="The star on a page puts it here." />
          </Block>
          <Block title="Recents">
            <Links items={recents} none="What you open appears here." />
          </Block>
        </SimpleGrid>
      </div>
      {dialog === "catalog" ? <CreateCatalog onClose={() => setDialog(null)} /> : null}
      {dialog === "register" ? <RegisterModel onClose={() => setDialog(null)} /> : null}
    </Page>
  );
}
