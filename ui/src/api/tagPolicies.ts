/** Governed tags, and who may assign and manage them. */

import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";

import { type Answer, api, fetchOk, unwrap } from "./client";
import { nextPageToken } from "./pages";

export type TagPolicy = Answer<"/api/2.1/tag-policies">["tag_policies"][number];

export const tagPolicies = infiniteQueryOptions({
  queryKey: ["tag policies"],
  queryFn: ({ pageParam }) =>
    unwrap(
      api.GET("/api/2.1/tag-policies", {
        params: { query: { page_size: 1000, page_token: pageParam } },
      }),
    ),
  initialPageParam: "",
  getNextPageParam: nextPageToken,
  staleTime: 60_000,
});

export const account = queryOptions({
  queryKey: ["account"],
  queryFn: async () =>
    (await (await fetchOk("/.well-known/databricks-config")).json()) as { account_id: string },
  staleTime: Number.POSITIVE_INFINITY,
});

/** The principals of each role of a tag policy. The policy '' stands for all policies. */
export const tagRules = (policy: string) =>
  queryOptions({
    queryKey: ["tag rules", policy],
    queryFn: async ({ client }) => {
      const { account_id } = await client.fetchQuery(account);
      const name = `accounts/${account_id}${policy ? `/tagPolicies/${policy}` : ""}/ruleSets/default`;
      return unwrap(
        api.GET("/api/2.0/preview/accounts/access-control/rule-sets", {
          params: { query: { name, etag: "" } },
        }),
      );
    },
  });
