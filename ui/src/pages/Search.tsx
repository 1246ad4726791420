import { Anchor, Badge, Button, Group, Text } from "@mantine/core";
import { IconSearch } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "react-router";

import type { SearchResult } from "../api/search";
import { search } from "../api/search";
import { SearchFields } from "../components/SearchFields";
import { ALIASES, OWNER } from "../components/securableColumns";
import { searchFilter } from "../lib/filters";
import { markdownSummary, visible } from "../lib/text";
import { useUrlFields } from "../lib/urlFields";
import { securablePath } from "../paths";
import { EmptyState } from "../ui/EmptyState";
import { ErrorAlert } from "../ui/ErrorAlert";
import { KindIcon, kindLabel } from "../ui/kinds";
import { Page } from "../ui/Page";
import { LoadingSkeleton } from "../ui/Skeletons";
import { TagList } from "../ui/Tags";
import { TimeAgo } from "../ui/TimeAgo";
import { type Column, VirtualTable } from "../ui/VirtualTable";

const COLUMNS: Column<SearchResult>[] = [
  { header: "Name", cell: (row) => <NameCell result={row} /> },
  ALIASES,
  { header: "Tags", visibleFrom: "md", cell: (row) => <TagList tags={row.tags} max={3} /> },
  OWNER,
  {
    header: "Changed",
    width: 140,
    visibleFrom: "xs",
    cell: (row) => <TimeAgo at={row.updated_at} />,
  },
];

/** A search whose fields are in its address. */
export default function Search() {
  const fields = useUrlFields();
  const filter = searchFilter(fields.applied);
  const query = useInfiniteQuery(search(filter));
  const rows = query.data?.pages.flatMap((page) => page.results) ?? [];
  const loadMore = query.hasNextPage ? () => void query.fetchNextPage() : undefined;
  return (
    <Page title="Search">
      <SearchFields fields={fields} />
      {query.isPending ? <LoadingSkeleton /> : null}
      {query.error ? <ErrorAlert error={query.error} retry={() => void query.refetch()} /> : null}
      {rows.length === 0 && query.hasNextPage ? (
        <EmptyState
          icon={<IconSearch size={34} />}
          title="Nothing found so far"
          action={
            <Button variant="default" loading={query.isFetchingNextPage} onClick={loadMore}>
              Search on
            </Button>
          }
        >
          The search has covered only a part of the registry.
        </EmptyState>
      ) : null}
      {query.data && rows.length === 0 && !query.hasNextPage ? (
        <EmptyState icon={<IconSearch size={34} />} title="Nothing found">
          Search finds only what you may see. You see catalogs with USE CATALOG, schemas with USE
          SCHEMA, models, prompts and functions with EXECUTE, tables with SELECT, volumes with READ
          VOLUME. BROWSE on a catalog shows everything in it.
        </EmptyState>
      ) : null}
      {rows.length > 0 ? (
        <>
          <Text size="sm" c="dimmed" mb="xs" role="status">
            {rows.length}
            {query.hasNextPage ? " or more" : ""} found
          </Text>
          <VirtualTable
            label="Search results"
            rows={rows}
            queryKey={search(filter).queryKey}
            rowKey={(row) => `${row.kind} ${row.full_name}`}
            rowHeight={58}
            loadMore={loadMore}
            loadingMore={query.isFetchingNextPage}
            columns={COLUMNS}
          />
        </>
      ) : null}
    </Page>
  );
}

function NameCell({ result }: { result: SearchResult }) {
  return (
    <Group gap="sm" wrap="nowrap">
      <KindIcon kind={result.kind} />
      <div className="anywhere">
        <Group gap="xs">
          <Anchor
            component={Link}
            className="name"
            to={securablePath(result.kind, result.full_name) ?? "#"}
          >
            {visible(result.full_name)}
          </Anchor>
          {result.browse_only ? (
            <Badge size="xs" variant="default">
              browse only
            </Badge>
          ) : null}
        </Group>
        <Text size="xs" c="dimmed" lineClamp={1}>
          {kindLabel(result.kind)}
          {result.comment ? ` · ${markdownSummary(result.comment)}` : ""}
        </Text>
      </div>
    </Group>
  );
}
