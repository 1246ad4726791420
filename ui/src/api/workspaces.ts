/** Workspaces, their members, and the catalogs bound to them. */

import { queryOptions } from "@tanstack/react-query";

import { type Answer, api, UNITY_CATALOG, unwrap, V1 } from "./client";
import { allPages } from "./pages";

export type Workspace = Answer<"/api/modelkeep/v1/workspaces">["workspaces"][number];
export type Binding =
  Answer<"/api/2.1/unity-catalog/bindings/{securable_type}/{securable_name}">["bindings"][number];

export const workspaces = queryOptions({
  queryKey: ["workspaces"],
  queryFn: async () => (await unwrap(api.GET(`${V1}/workspaces`))).workspaces,
  staleTime: 60_000,
});

export const workspaceAssignments = (workspace: string) =>
  queryOptions({
    queryKey: ["assignments", workspace],
    queryFn: async () =>
      (
        await unwrap(
          api.GET(`${V1}/workspaces/{workspace}/assignments`, { params: { path: { workspace } } }),
        )
      ).assignments,
  });

export const bindings = (securable_name: string) =>
  queryOptions({
    queryKey: ["bindings", securable_name],
    queryFn: async () => {
      const pages = await allPages((page_token) =>
        unwrap(
          api.GET(`${UNITY_CATALOG}/bindings/{securable_type}/{securable_name}`, {
            params: {
              path: { securable_type: "catalog", securable_name },
              query: { max_results: 1000, page_token },
            },
          }),
        ),
      );
      return pages.flatMap((page) => page.bindings);
    },
  });
