/** Long lists: a change refetches only the pages whose rows are in sight. */

import {
  type InfiniteData,
  type Query,
  type QueryClient,
  type QueryKey,
  useQueryClient,
} from "@tanstack/react-query";
import { useEffect } from "react";

type Pages = InfiniteData<object, string>;

/** The first and the last row in sight, by the hash of the list's query key. */
const visibleRows = new Map<string, readonly [number, number]>();

const pagesOf = (query: Query) => (query.state.data as Partial<Pages> | undefined)?.pages ?? [];

export const hasSeveralPages = (query: unknown) => pagesOf(query as Query).length > 1;

const rowCount = (page: object) =>
  (Object.values(page).find((value) => Array.isArray(value)) as unknown[] | undefined)?.length ?? 0;

/** The page that a row is on, by the row numbers at which the pages end; 0 for rows behind all of them. */
const pageIndex = (ends: number[], row: number) =>
  Math.max(
    ends.findIndex((end) => row < end),
    0,
  );

/** The indexes of the first and the last page that the rows are on. */
export function pageRange(
  pages: object[],
  [first, last]: readonly [number, number],
): [number, number] {
  const ends: number[] = [];
  for (const page of pages) ends.push((ends.at(-1) ?? 0) + rowCount(page));
  const lastRow = Math.min(last, (ends.at(-1) ?? 0) - 1);
  return [pageIndex(ends, first), pageIndex(ends, lastRow)];
}

/** Refetches the visible pages in place. Later pages that would start elsewhere are dropped until the reader scrolls there. */
async function refetchVisiblePages(client: QueryClient, query: Query): Promise<void> {
  const { pages, pageParams } = query.state.data as Pages;
  const { queryFn, getNextPageParam } = query.options as unknown as {
    queryFn: (context: { pageParam: string }) => Promise<object>;
    getNextPageParam: (page: object) => string | undefined;
  };
  const [first, last] = pageRange(pages, visibleRows.get(query.queryHash) ?? [0, 0]);
  const after: Pages = { pages: [...pages], pageParams: [...pageParams] };
  const truncate = (at: number, token: string | undefined) => {
    if (after.pageParams[at] !== token)
      after.pages.length = after.pageParams.length = Math.min(at, after.pages.length);
  };
  try {
    let token = pageParams[first];
    let at = first;
    for (; at <= last && token !== undefined; at += 1) {
      const page: object = await queryFn({ pageParam: token });
      truncate(at, token);
      after.pages[at] = page;
      after.pageParams[at] = token;
      token = getNextPageParam(page);
    }
    truncate(at, token);
    if (query.state.data === undefined || pagesOf(query) !== pages) return; // the reader has scrolled in the meantime
    client.setQueryData(query.queryKey, after);
  } catch {
    await client.invalidateQueries({ queryKey: query.queryKey, exact: true }); // the list then shows the error
  }
}

/** Refetches everything after a change. Of long lists, it refetches the visible pages. */
export function refetchAll(client: QueryClient): void {
  for (const query of client.getQueryCache().findAll({ predicate: hasSeveralPages })) {
    if (query.isActive()) void refetchVisiblePages(client, query);
    else client.removeQueries({ queryKey: query.queryKey, exact: true });
  }
  void client.invalidateQueries({ predicate: (query) => !hasSeveralPages(query) });
}

/** Reports the visible rows of a list's table, and refetches them every `interval` ms, if given. */
export function useVisibleRows(
  list: QueryKey | undefined,
  first: number,
  last: number,
  interval?: number,
): void {
  const client = useQueryClient();
  const query = list ? client.getQueryCache().find({ queryKey: list }) : undefined;
  const hash = query?.queryHash;
  useEffect(() => {
    if (hash !== undefined) visibleRows.set(hash, [first, last]);
  }, [hash, first, last]);
  useEffect(() => {
    const listQuery = hash === undefined ? undefined : client.getQueryCache().get(hash);
    if (!listQuery) return undefined;
    // A list that comes back into sight may have old data.
    if (hasSeveralPages(listQuery) && Date.now() - listQuery.state.dataUpdatedAt > 5_000)
      void refetchVisiblePages(client, listQuery);
    const timer = interval
      ? setInterval(() => {
          if (hasSeveralPages(listQuery)) void refetchVisiblePages(client, listQuery);
        }, interval)
      : undefined;
    return () => {
      clearInterval(timer);
      visibleRows.delete(hash ?? "");
    };
  }, [client, hash, interval]);
}
