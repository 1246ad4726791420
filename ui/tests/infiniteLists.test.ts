import { InfiniteQueryObserver, QueryClient } from "@tanstack/react-query";
import { describe, expect, it, test } from "vitest";

import { hasSeveralPages, pageRange, refetchAll } from "../src/api/infiniteLists";

const page = (...rows: number[]) => ({ rows, next_page_token: "" });

describe("pageRange", () => {
  const pages = [page(0, 1, 2), page(3, 4, 5), page(6)];
  test.each([
    [
      [0, 2],
      [0, 0],
    ],
    [
      [2, 3],
      [0, 1],
    ],
    [
      [4, 6],
      [1, 2],
    ],
    [
      [6, 99],
      [2, 2],
    ],
  ] as [[number, number], [number, number]][])("rows %j are on pages %j", (rows, range) =>
    expect(pageRange(pages, rows)).toEqual(range),
  );
  it("of no rows is the first page", () => expect(pageRange([page()], [0, 0])).toEqual([0, 0]));
});

/** A list of three pages of two rows. `offset` moves where the server's pages begin. */
function listOf(client: QueryClient, server: { offset: number; calls: string[] }) {
  return new InfiniteQueryObserver(client, {
    queryKey: ["list"],
    initialPageParam: "0",
    queryFn: ({ pageParam }) => {
      server.calls.push(pageParam);
      const start = Number(pageParam);
      return { rows: [start, start + 1], next: start < 4 ? String(start + 2 + server.offset) : "" };
    },
    getNextPageParam: (answer: { next: string }) => answer.next || undefined,
  });
}

async function loaded(server: { offset: number; calls: string[] }) {
  const client = new QueryClient();
  const list = listOf(client, server);
  const unsubscribe = list.subscribe(() => undefined);
  await list.refetch();
  await list.fetchNextPage();
  await list.fetchNextPage();
  server.calls.length = 0;
  return { client, list, unsubscribe };
}

const settle = () => new Promise((resolve) => setTimeout(resolve, 5));

describe("refetchAll", () => {
  it("reads only the visible page of a long list again", async () => {
    const server = { offset: 0, calls: [] as string[] };
    const { client, list, unsubscribe } = await loaded(server);
    expect(hasSeveralPages(client.getQueryCache().getAll()[0])).toBe(true);
    refetchAll(client);
    await settle();
    expect(server.calls).toEqual(["0"]);
    expect(list.getCurrentResult().data?.pages.length).toBe(3);
    unsubscribe();
  });
  it("drops later pages that begin elsewhere now", async () => {
    const server = { offset: 0, calls: [] as string[] };
    const { client, list, unsubscribe } = await loaded(server);
    server.offset = 1;
    refetchAll(client);
    await settle();
    expect(list.getCurrentResult().data?.pageParams).toEqual(["0"]);
    unsubscribe();
  });
  it("forgets a long list that no page shows", async () => {
    const server = { offset: 0, calls: [] as string[] };
    const { client, unsubscribe } = await loaded(server);
    unsubscribe();
    refetchAll(client);
    expect(client.getQueryCache().getAll()).toEqual([]);
  });
});
