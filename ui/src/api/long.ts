/** Long lists: of those with several pages, only the ones that are being looked at are asked for again. */

import {
  type InfiniteData,
  type Query,
  type QueryClient,
  type QueryKey,
  useQueryClient,
} from "@tanstack/react-query";
import { useEffect } from "react";

type Pages = InfiniteData<object, string>;

/** The first and the last row that show, by the hash of the list's key. */
const looked = new Map<string, readonly [number, number]>();

const pagesOf = (query: Query) => (query.state.data as Partial<Pages> | undefined)?.pages ?? [];

export const isLong = (query: unknown) => pagesOf(query as Query).length > 1;

const rowsOf = (page: object) =>
  (Object.values(page).find((value) => Array.isArray(value)) as unknown[] | undefined)?.length ?? 0;

/** The indexes of the pages that these rows are on. */
function around(pages: object[], [first, last]: readonly [number, number]): [number, number] {
  let end = 0;
  const ends = pages.map((page) => (end += rowsOf(page)));
  const at = (row: number) =>
    Math.max(
      ends.findIndex((one) => row < one),
      0,
    );
  return [at(first), at(Math.min(last, end - 1))];
}

/** The pages that show, in place. Where those behind them begin elsewhere now, they are left out until somebody scrolls there. */
async function shownAgain(client: QueryClient, query: Query): Promise<void> {
  const { pages, pageParams } = query.state.data as Pages;
  const { queryFn, getNextPageParam } = query.options as unknown as {
    queryFn: (context: { pageParam: string }) => Promise<object>;
    getNextPageParam: (page: object) => string | undefined;
  };
  const [first, last] = around(pages, looked.get(query.queryHash) ?? [0, 0]);
  const after: Pages = { pages: [...pages], pageParams: [...pageParams] };
  const cut = (at: number, token: string | undefined) => {
    if (after.pageParams[at] !== token)
      after.pages.length = after.pageParams.length = Math.min(at, after.pages.length);
  };
  try {
    let token = pageParams[first];
    let at = first;
    for (; at <= last && token !== undefined; at += 1) {
      const page: object = await queryFn({ pageParam: token });
      cut(at, token);
      after.pages[at] = page;
      after.pageParams[at] = token;
      token = getNextPageParam(page);
    }
    cut(at, token);
    if (query.state.data === undefined || pagesOf(query) !== pages) return; // somebody scrolled on meanwhile
    client.setQueryData(query.queryKey, after);
  } catch {
    await client.invalidateQueries({ queryKey: query.queryKey, exact: true }); // which tells what is wrong
  }
}

/** After a change: everything is asked for again, of long lists what shows. */
export function changed(client: QueryClient): void {
  for (const query of client.getQueryCache().findAll({ predicate: isLong })) {
    if (query.isActive()) void shownAgain(client, query);
    else client.removeQueries({ queryKey: query.queryKey, exact: true });
  }
  void client.invalidateQueries({ predicate: (query) => !isLong(query) });
}

/** For a table of a list: says which rows show, and asks for them again every `interval` ms where that is given. */
export function useLooked(
  list: QueryKey | undefined,
  first: number,
  last: number,
  interval?: number,
): void {
  const client = useQueryClient();
  const query = list ? client.getQueryCache().find({ queryKey: list }) : undefined;
  const hash = query?.queryHash;
  useEffect(() => {
    if (hash !== undefined) looked.set(hash, [first, last]);
  }, [hash, first, last]);
  useEffect(() => {
    const asked = hash === undefined ? undefined : client.getQueryCache().get(hash);
    if (!asked) return undefined;
    // Seen anew, its data may be old.
    if (isLong(asked) && Date.now() - asked.state.dataUpdatedAt > 5_000)
      void shownAgain(client, asked);
    const timer = interval
      ? setInterval(() => {
          if (isLong(asked)) void shownAgain(client, asked);
        }, interval)
      : undefined;
    return () => {
      clearInterval(timer);
      looked.delete(hash ?? "");
    };
  }, [client, hash, interval]);
}
