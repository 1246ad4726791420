/** Storage and background jobs. */

import { queryOptions } from "@tanstack/react-query";

import { type Answer, api, unwrap, V1 } from "./client";
import { allPages } from "./pages";

export type Job = Answer<"/api/modelkeep/v1/jobs">["jobs"][number];

export const jobs = queryOptions({
  queryKey: ["jobs"],
  queryFn: async () =>
    (
      await allPages((page_token) =>
        unwrap(api.GET(`${V1}/jobs`, { params: { query: { max_results: 1000, page_token } } })),
      )
    ).flatMap((page) => page.jobs),
  refetchInterval: 10_000,
});

export const storage = queryOptions({
  queryKey: ["storage"],
  queryFn: () => unwrap(api.GET(`${V1}/storage`)),
  refetchInterval: 30_000,
});
