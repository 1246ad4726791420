/** Grants, explanations of access, access requests and protected aliases. */

import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";

import { type Answer, api, UNITY_CATALOG, unwrap, V1 } from "./client";
import { nextPageToken, PAGE } from "./pages";

export type ProtectedAlias =
  Answer<"/api/modelkeep/v1/protected-aliases/{securable_type}/{full_name}">["protected_aliases"][number];
export type PrivilegeAssignment =
  Answer<"/api/2.1/unity-catalog/effective-permissions/{securable_type}/{full_name}">["privilege_assignments"][number];
export type Explanation = Answer<"/api/modelkeep/v1/explain">;
export type Step = NonNullable<Explanation["steps"]>[number];
export type AccessRequest = Answer<"/api/modelkeep/v1/access-requests">["access_requests"][number];

export const grantablePrivileges = queryOptions({
  queryKey: ["vocabulary"],
  queryFn: () => unwrap(api.GET(`${V1}/privileges`)),
  staleTime: Number.POSITIVE_INFINITY,
});

export const grants = (securable_type: string, full_name: string) =>
  queryOptions({
    queryKey: ["grants", securable_type, full_name],
    queryFn: async () =>
      (
        await unwrap(
          api.GET(`${UNITY_CATALOG}/effective-permissions/{securable_type}/{full_name}`, {
            params: { path: { securable_type, full_name } },
          }),
        )
      ).privilege_assignments,
  });

/** Explains an operation for a principal. With `mine`, the principal '' is the caller. */
export const explanation = (
  securable_type: string,
  full_name: string,
  principal: string,
  operation: string,
  mine = false,
  field = "",
) =>
  queryOptions({
    queryKey: ["explain", securable_type, full_name, principal, operation, field],
    queryFn: () =>
      unwrap(
        api.GET(`${V1}/explain`, {
          params: { query: { securable_type, full_name, principal, operation, field } },
        }),
      ),
    enabled: mine || Boolean(principal && operation),
  });

export const accessRequests = (state: "PENDING" | "ALL") =>
  infiniteQueryOptions({
    queryKey: ["access requests", state],
    queryFn: ({ pageParam }) =>
      unwrap(
        api.GET(`${V1}/access-requests`, {
          params: { query: { state, max_results: PAGE, page_token: pageParam } },
        }),
      ),
    initialPageParam: "",
    getNextPageParam: nextPageToken,
    staleTime: 30_000,
  });

export const protectedAliases = (securable_type: string, full_name: string) =>
  queryOptions({
    queryKey: ["protected aliases", securable_type, full_name],
    queryFn: async () =>
      (
        await unwrap(
          api.GET(`${V1}/protected-aliases/{securable_type}/{full_name}`, {
            params: { path: { securable_type, full_name } },
          }),
        )
      ).protected_aliases,
  });
