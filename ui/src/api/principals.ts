/** Users, groups and service principals. */

import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query";

import { type Answer, api, unwrap, V1 } from "./client";
import { nextPageToken } from "./pages";

export type Principal = Answer<"/api/modelkeep/v1/users">["principals"][number];
export type PrincipalKind = "users" | "groups" | "service-principals";

export const principalsPage = (
  kind: PrincipalKind,
  filter: string,
  max_results: number,
  signal: AbortSignal,
) =>
  unwrap(api.GET(`${V1}/${kind}` as const, { params: { query: { filter, max_results } }, signal }));

/** The first 1,000 principals whose names have the text in them. `truncated` says that more exist. */
export const principals = (kind: PrincipalKind, text: string) =>
  queryOptions({
    queryKey: ["principals", kind, text],
    queryFn: async ({ signal }) => {
      const page = await principalsPage(kind, text, 1000, signal);
      return { principals: page.principals, truncated: Boolean(page.next_page_token) };
    },
    placeholderData: keepPreviousData,
  });

/** The first principals of each kind whose names have the text in them, for a picker. */
export const principalChoices = (text: string) =>
  queryOptions({
    queryKey: ["pickable", text],
    queryFn: async ({ signal }) => {
      const [groups, users, servicePrincipals] = await Promise.all([
        principalsPage("groups", text, CHOICES_PER_KIND, signal),
        principalsPage("users", text, CHOICES_PER_KIND, signal),
        principalsPage("service-principals", text, CHOICES_PER_KIND, signal),
      ]);
      return {
        groups: groups.principals,
        users: users.principals,
        servicePrincipals: servicePrincipals.principals,
      };
    },
    placeholderData: keepPreviousData,
  });

export const CHOICES_PER_KIND = 50;

/** A principal's name in access-control rules, such as `groups/admins`. */
export async function principalRuleName(name: string): Promise<string> {
  const { signal } = new AbortController();
  const prefixes = {
    users: "users",
    groups: "groups",
    "service-principals": "servicePrincipals",
  } as const;
  for (const kind of ["groups", "users", "service-principals"] as const) {
    const page = await principalsPage(kind, name, 1000, signal);
    if (page.principals.some((principal) => principal.name === name))
      return `${prefixes[kind]}/${name}`;
  }
  return `users/${name}`; // the server refuses an unknown name
}

export const members = (principal: string) =>
  infiniteQueryOptions({
    queryKey: ["members", principal],
    queryFn: ({ pageParam }) =>
      unwrap(
        api.GET(`${V1}/groups/{principal}/members`, {
          params: { path: { principal }, query: { max_results: 100, page_token: pageParam } },
        }),
      ),
    initialPageParam: "",
    getNextPageParam: nextPageToken,
  });
