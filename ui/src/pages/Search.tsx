import {
  Anchor,
  Badge,
  Button,
  Group,
  SegmentedControl,
  Select,
  SimpleGrid,
  Text,
  TextInput,
} from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { useInfiniteQuery } from "@tanstack/react-query";
import { IconSearch } from "@tabler/icons-react";
import { useEffect, useRef, useState } from "react";
import { Link, useSearchParams } from "react-router";

import { search } from "../api/queries";
import { promptPath, securablePath } from "../paths";
import { Empty } from "../ui/Empty";
import { Failure } from "../ui/Failure";
import { KindIcon, kindLabel } from "../ui/kinds";
import { Loading } from "../ui/Loading";
import { Alias, Pairs } from "../ui/Pairs";
import { Page } from "../ui/Page";
import { gist, visible } from "../ui/text";
import { Time } from "../ui/Time";
import { VirtualTable } from "../ui/VirtualTable";

type Fields = Record<string, string>;

const filled = (fields: Fields) =>
  new URLSearchParams(
    Object.entries(fields)
      .map(([key, value]) => [key, value.trim()])
      .filter(([, value]) => value) as [string, string][],
  );

/** All of a search is in its address, so that it can be sent to somebody else. */
export default function Search() {
  const [params, setParams] = useSearchParams();
  // What is asked for stays here, and is written to the address when a hand rests: what changes before that is not lost.
  const [fields, setFields] = useState<Fields>(() => Object.fromEntries(params));
  const latest = useRef(fields);
  const write = useDebouncedCallback(
    () => setParams(filled(latest.current), { replace: true }),
    250,
  );
  const set = (key: string, value: string) => {
    latest.current = { ...latest.current, [key]: value };
    setFields(latest.current);
    write();
  };
  const address = params.toString();
  const seen = useRef(address);
  useEffect(() => {
    if (seen.current === address) return;
    seen.current = address;
    if (address === filled(latest.current).toString()) return;
    latest.current = Object.fromEntries(new URLSearchParams(address)); // from elsewhere: a link, the search box
    setFields(latest.current);
  }, [address]);
  const get = (key: string) => params.get(key) ?? "";
  const now = (key: string) => fields[key] ?? "";
  const asked = {
    query: get("q"),
    kinds: get("kind"),
    tag: get("tag"),
    owner: get("owner"),
    order_by: get("sort"),
  };
  const found = useInfiniteQuery(search(asked));
  const rows = found.data?.pages.flatMap((page) => page.results) ?? [];
  return (
    <Page title="Search">
      <SimpleGrid cols={{ base: 1, sm: 3 }} mb="sm">
        <TextInput
          label="Words"
          description="In names, descriptions, tags, owners, aliases"
          value={now("q")}
          onChange={(e) => set("q", e.currentTarget.value)}
          leftSection={<IconSearch size={16} />}
        />
        <TextInput
          label="Tag"
          description="key, or key:value"
          value={now("tag")}
          onChange={(e) => set("tag", e.currentTarget.value)}
        />
        <TextInput
          label="Owner"
          description="The exact name of a user or group"
          value={now("owner")}
          onChange={(e) => set("owner", e.currentTarget.value)}
        />
      </SimpleGrid>
      <Group mb="md" justify="space-between">
        <SegmentedControl
          aria-label="Kind"
          size="xs"
          value={now("kind")}
          onChange={(value) => set("kind", value)}
          data={[
            { value: "", label: "All" },
            { value: "CATALOG", label: "Catalogs" },
            { value: "SCHEMA", label: "Schemas" },
            { value: "MODEL", label: "Models" },
            { value: "PROMPT", label: "Prompts" },
          ]}
        />
        <Select
          aria-label="Sort by"
          size="xs"
          w={180}
          allowDeselect={false}
          value={now("sort") || "fit"}
          onChange={(value) => set("sort", value === "updated" ? "updated" : "")}
          data={[
            { value: "fit", label: "Best fit first" },
            { value: "updated", label: "Changed last first" },
          ]}
        />
      </Group>
      {found.isPending ? <Loading /> : null}
      {found.error ? <Failure error={found.error} retry={() => void found.refetch()} /> : null}
      {rows.length === 0 && found.hasNextPage ? (
        <Empty
          icon={<IconSearch size={34} />}
          title="Nothing found so far"
          action={
            <Button
              variant="default"
              loading={found.isFetchingNextPage}
              onClick={() => void found.fetchNextPage()}
            >
              Search on
            </Button>
          }
        >
          Only a part of the registry was searched.
        </Empty>
      ) : null}
      {found.data && rows.length === 0 && !found.hasNextPage ? (
        <Empty icon={<IconSearch size={34} />} title="Nothing found">
          Only what you may see is found: a catalog with USE CATALOG, a schema with USE SCHEMA, a
          model or prompt with EXECUTE, or all of a catalog with BROWSE on it.
        </Empty>
      ) : null}
      {rows.length > 0 ? (
        <>
          <Text size="sm" c="dimmed" mb="xs" role="status">
            {rows.length}
            {found.hasNextPage ? " or more" : ""} found
          </Text>
          <VirtualTable
            label="Search results"
            rows={rows}
            list={search(asked).queryKey}
            rowKey={(row) => `${row.kind} ${row.full_name}`}
            rowHeight={58}
            more={found.hasNextPage ? () => void found.fetchNextPage() : undefined}
            loadingMore={found.isFetchingNextPage}
            columns={[
              {
                header: "Name",
                cell: (row) => (
                  <Group gap="sm" wrap="nowrap">
                    <KindIcon kind={row.kind} />
                    <div className="anywhere">
                      <Group gap="xs">
                        <Anchor
                          component={Link}
                          className="name"
                          to={securablePath(row.kind, row.full_name) ?? "#"}
                        >
                          {visible(row.full_name)}
                        </Anchor>
                        {row.browse_only ? (
                          <Badge size="xs" variant="default">
                            browse only
                          </Badge>
                        ) : null}
                      </Group>
                      <Text size="xs" c="dimmed" lineClamp={1}>
                        {kindLabel(row.kind)}
                        {row.comment ? ` · ${gist(row.comment)}` : ""}
                      </Text>
                    </div>
                  </Group>
                ),
              },
              {
                header: "Aliases",
                from: "sm",
                cell: (row) => (
                  <Group gap={4}>
                    {Object.entries(row.aliases).map(([alias, version]) =>
                      row.kind === "PROMPT" ? (
                        <Link
                          key={alias}
                          className="alias"
                          aria-label={`Alias ${alias}: version ${version}`}
                          to={promptPath(row.full_name, version)}
                        >
                          @{visible(alias)}
                        </Link>
                      ) : (
                        <Alias key={alias} name={alias} model={row.full_name} version={version} />
                      ),
                    )}
                  </Group>
                ),
              },
              { header: "Tags", from: "md", cell: (row) => <Pairs tags={row.tags} most={3} /> },
              {
                header: "Owner",
                from: "xs",
                cell: (row) => <span className="anywhere">{visible(row.owner)}</span>,
              },
              {
                header: "Changed",
                width: 140,
                from: "xs",
                cell: (row) => <Time at={row.updated_at} />,
              },
            ]}
          />
        </>
      ) : null}
    </Page>
  );
}
