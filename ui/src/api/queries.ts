/** All reads of the pages. A query key begins with its subject, and every change refetches everything. */

import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query";

import { type Answer, api, fetchOk, UNITY_CATALOG, unwrap, V1 } from "./client";

export type CatalogInfo = Answer<"/api/2.1/unity-catalog/catalogs/{full_name}">;
export type SchemaInfo = Answer<"/api/2.1/unity-catalog/schemas/{full_name}">;
export type ModelInfo = Answer<"/api/2.1/unity-catalog/models/{full_name}">;
export type Version = Answer<"/api/modelkeep/v1/models/{full_name}/versions">["versions"][number];
export type VersionFile =
  Answer<"/api/modelkeep/v1/models/{full_name}/versions/{version}/files">["files"][number];
export type SearchResult = Answer<"/api/modelkeep/v1/search">["results"][number];
export type LineageEdge = Answer<"/api/modelkeep/v1/lineage">["lineage"][number];
export type AuditRecord = Answer<"/api/modelkeep/v1/audit">["events"][number];
export type Principal = Answer<"/api/modelkeep/v1/users">["principals"][number];
export type TokenInfo = Answer<"/api/modelkeep/v1/tokens">["tokens"][number];
export type Job = Answer<"/api/modelkeep/v1/jobs">["jobs"][number];
export type ProtectedAlias =
  Answer<"/api/modelkeep/v1/protected-aliases/{securable_type}/{full_name}">["protected_aliases"][number];
export type PrivilegeAssignment =
  Answer<"/api/2.1/unity-catalog/effective-permissions/{securable_type}/{full_name}">["privilege_assignments"][number];
export type TagPolicy = Answer<"/api/2.1/tag-policies">["tag_policies"][number];
export type Workspace = Answer<"/api/modelkeep/v1/workspaces">["workspaces"][number];
export type Binding =
  Answer<"/api/2.1/unity-catalog/bindings/{securable_type}/{securable_name}">["bindings"][number];
export type Explanation = Answer<"/api/modelkeep/v1/explain">;
export type Step = NonNullable<Explanation["steps"]>[number];
export type AccessRequest = Answer<"/api/modelkeep/v1/access-requests">["access_requests"][number];

export const PAGE = 200;
export const READY = "READY";
export const FAILED = "FAILED_REGISTRATION";
export const PENDING = "PENDING_REGISTRATION";

/** The token of the next page, or undefined on the last page. */
const nextPageToken = (page: { next_page_token?: string | null }) =>
  page.next_page_token || undefined;

/** Reads all pages of a list. */
export async function allPages<P extends { next_page_token?: string | null }>(
  read: (page_token: string) => Promise<P>,
): Promise<P[]> {
  const pages: P[] = [];
  let token: string | undefined = "";
  while (token !== undefined) {
    const page: P = await read(token);
    pages.push(page);
    token = nextPageToken(page);
  }
  return pages;
}

export const me = queryOptions({
  queryKey: ["me"],
  queryFn: () => unwrap(api.GET(`${V1}/me`)),
  staleTime: 60_000,
});

export const grantablePrivileges = queryOptions({
  queryKey: ["vocabulary"],
  queryFn: () => unwrap(api.GET(`${V1}/privileges`)),
  staleTime: Number.POSITIVE_INFINITY,
});

// --- lists of securables ---

export const catalogsPage = (page_token: string) =>
  queryOptions({
    queryKey: ["catalogs", page_token],
    queryFn: () =>
      unwrap(
        api.GET(`${UNITY_CATALOG}/catalogs`, {
          params: { query: { max_results: PAGE, page_token, include_browse: true } },
        }),
      ),
  });

export const schemasPage = (catalog_name: string, page_token: string) =>
  queryOptions({
    queryKey: ["schemas", catalog_name, page_token],
    queryFn: () =>
      unwrap(
        api.GET(`${UNITY_CATALOG}/schemas`, {
          params: { query: { catalog_name, max_results: PAGE, page_token, include_browse: true } },
        }),
      ),
  });

const fetchModels = (schema: string, page_token: string) => {
  const [catalog_name = "", schema_name = ""] = schema.split(".");
  const query = { catalog_name, schema_name, max_results: PAGE, page_token, include_browse: true };
  return unwrap(api.GET(`${UNITY_CATALOG}/models`, { params: { query } }));
};

export const modelsPage = (schema: string, page_token: string) =>
  queryOptions({
    queryKey: ["models", schema, page_token],
    queryFn: () => fetchModels(schema, page_token),
  });

export const catalogs = infiniteQueryOptions({
  queryKey: ["all catalogs"],
  queryFn: ({ pageParam }) =>
    unwrap(
      api.GET(`${UNITY_CATALOG}/catalogs`, {
        params: { query: { max_results: PAGE, page_token: pageParam, include_browse: true } },
      }),
    ),
  initialPageParam: "",
  getNextPageParam: nextPageToken,
});

export const schemas = (catalog_name: string) =>
  infiniteQueryOptions({
    queryKey: ["all schemas", catalog_name],
    queryFn: ({ pageParam }) =>
      unwrap(
        api.GET(`${UNITY_CATALOG}/schemas`, {
          params: {
            query: { catalog_name, max_results: PAGE, page_token: pageParam, include_browse: true },
          },
        }),
      ),
    initialPageParam: "",
    getNextPageParam: nextPageToken,
  });

export const modelsOf = (schema: string) =>
  infiniteQueryOptions({
    queryKey: ["all models", schema],
    queryFn: ({ pageParam }) => fetchModels(schema, pageParam),
    structuralSharing: false, // would compare all pages with each new one
    initialPageParam: "",
    getNextPageParam: nextPageToken,
  });

// --- securables ---

export const catalog = (name: string) =>
  queryOptions({
    queryKey: ["catalog", name],
    queryFn: () =>
      unwrap(
        api.GET(`${UNITY_CATALOG}/catalogs/{full_name}`, {
          params: { path: { full_name: name }, query: { include_browse: true } },
        }),
      ),
  });

export const schema = (name: string) =>
  queryOptions({
    queryKey: ["schema", name],
    queryFn: () =>
      unwrap(
        api.GET(`${UNITY_CATALOG}/schemas/{full_name}`, {
          params: { path: { full_name: name }, query: { include_browse: true } },
        }),
      ),
  });

export const model = (name: string) =>
  queryOptions({
    queryKey: ["model", name],
    queryFn: () =>
      unwrap(
        api.GET(`${UNITY_CATALOG}/models/{full_name}`, {
          params: {
            path: { full_name: name },
            query: { include_aliases: true, include_browse: true },
          },
        }),
      ),
  });

export const tags = (entity_type: "catalogs" | "schemas", entity_name: string) =>
  queryOptions({
    queryKey: ["tags", entity_type, entity_name],
    queryFn: async () => {
      const pages = await allPages((page_token) =>
        unwrap(
          api.GET(`${UNITY_CATALOG}/entity-tag-assignments/{entity_type}/{entity_name}/tags`, {
            params: {
              path: { entity_type, entity_name },
              query: { max_results: 1000, page_token },
            },
          }),
        ),
      );
      return pages
        .flatMap((page) => page.tag_assignments)
        .map((tag) => ({ key: tag.tag_key, value: tag.tag_value }));
    },
  });

// --- versions ---

export const versions = (full_name: string) =>
  infiniteQueryOptions({
    queryKey: ["versions", full_name],
    queryFn: ({ pageParam }) =>
      unwrap(
        api.GET(`${V1}/models/{full_name}/versions`, {
          params: { path: { full_name }, query: { max_results: PAGE, page_token: pageParam } },
        }),
      ),
    structuralSharing: false,
    initialPageParam: "",
    getNextPageParam: nextPageToken,
    refetchInterval: (query) =>
      query.state.data?.pages.length === 1 &&
      query.state.data.pages.some((page) => page.versions.some((v) => v.status === PENDING))
        ? 2000
        : false,
  });

export const version = (full_name: string, number: string) =>
  queryOptions({
    queryKey: ["version", full_name, number],
    queryFn: () =>
      unwrap(
        api.GET(`${V1}/models/{full_name}/versions/{version}`, {
          params: { path: { full_name, version: number } },
        }),
      ),
    refetchInterval: (query) => (query.state.data?.status === PENDING ? 1500 : false),
  });

export const versionFiles = (full_name: string, number: string) =>
  infiniteQueryOptions({
    queryKey: ["files", full_name, number],
    queryFn: ({ pageParam }) =>
      unwrap(
        api.GET(`${V1}/models/{full_name}/versions/{version}/files`, {
          params: {
            path: { full_name, version: number },
            query: { max_results: 1000, page_token: pageParam },
          },
        }),
      ),
    initialPageParam: "",
    getNextPageParam: nextPageToken,
  });

/** The first bytes of a file, for a preview; 0 bytes is the whole file. */
export const fileText = (path: string, bytes: number) =>
  queryOptions({
    queryKey: ["text", path, bytes],
    queryFn: async () => {
      const answer = await fetchOk(
        path,
        bytes > 0 ? { headers: { range: `bytes=0-${bytes - 1}` } } : {},
      );
      return new Uint8Array(await answer.arrayBuffer());
    },
    staleTime: Number.POSITIVE_INFINITY,
  });

/** The most edges that a graph shows. */
const MAX_EDGES = 2_000;

export interface Edges {
  edges: LineageEdge[];
  /** More edges exist. */
  truncated: boolean;
}

/** Reads pages of edges up to MAX_EDGES. */
async function allEdges(
  read: (page_token: string) => Promise<{ lineage: LineageEdge[]; next_page_token: string }>,
): Promise<Edges> {
  const edges: LineageEdge[] = [];
  let token: string | undefined = "";
  while (token !== undefined && edges.length < MAX_EDGES) {
    const page: { lineage: LineageEdge[]; next_page_token: string } = await read(token);
    edges.push(...page.lineage);
    token = nextPageToken(page);
  }
  return { edges, truncated: token !== undefined };
}

export const lineage = (full_name: string, number: string) =>
  queryOptions({
    queryKey: ["lineage", full_name, number],
    queryFn: ({ signal }) =>
      allEdges((page_token) =>
        unwrap(
          api.GET(`${V1}/models/{full_name}/versions/{version}/lineage`, {
            params: { path: { full_name, version: number }, query: { page_token } },
            signal,
          }),
        ),
      ),
  });

export const consumers = (type: string, name: string) =>
  queryOptions({
    queryKey: ["consumers", type, name],
    queryFn: ({ signal }) =>
      allEdges((page_token) =>
        unwrap(api.GET(`${V1}/lineage`, { params: { query: { type, name, page_token } }, signal })),
      ),
  });

// --- search ---

export interface SearchFilter {
  query: string;
  kinds?: string;
  tag?: string;
  owner?: string;
  order_by?: string;
}

export const search = (filter: SearchFilter, size = 50) =>
  infiniteQueryOptions({
    queryKey: ["search", filter, size],
    // A new text aborts the request, and the server stops the earlier search.
    queryFn: ({ pageParam, signal }) =>
      unwrap(
        api.GET(`${V1}/search`, {
          params: { query: { ...filter, max_results: size, page_token: pageParam } },
          signal,
        }),
      ),
    initialPageParam: "",
    getNextPageParam: nextPageToken,
    placeholderData: keepPreviousData,
  });

// --- permissions and activity ---

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

// --- governed tags ---

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

const account = queryOptions({
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

// --- workspaces ---

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

// --- activity ---

export const activity = (securable_type: string, full_name: string, changes_only: boolean) =>
  infiniteQueryOptions({
    queryKey: ["activity", securable_type, full_name, changes_only],
    queryFn: ({ pageParam }) =>
      unwrap(
        api.GET(`${V1}/activity/{securable_type}/{full_name}`, {
          params: {
            path: { securable_type, full_name },
            query: { changes_only, max_results: 50, page_token: pageParam },
          },
        }),
      ),
    initialPageParam: "",
    getNextPageParam: nextPageToken,
    placeholderData: keepPreviousData,
  });

// --- administration ---

export interface AuditFilter {
  actor?: string;
  event?: string;
  outcome?: string;
  name?: string;
  source?: string;
  changes_only?: boolean;
  since?: number;
  until?: number;
}

export const auditPage = (
  filter: AuditFilter,
  size: number,
  page_token: string,
  signal?: AbortSignal,
) =>
  unwrap(
    api.GET(`${V1}/audit`, {
      params: { query: { ...filter, max_results: size, page_token } },
      signal,
    }),
  );

/** The records in Databricks' schema, oldest first. `after` is the cursor of the previous page. */
export const auditExport = (filter: AuditFilter, after: number) =>
  unwrap(
    api.GET(`${V1}/audit/export`, { params: { query: { ...filter, after, max_results: 5000 } } }),
  );

export const audit = (filter: AuditFilter) =>
  infiniteQueryOptions({
    queryKey: ["audit", filter],
    queryFn: ({ pageParam, signal }) => auditPage(filter, 100, pageParam, signal),
    initialPageParam: "",
    getNextPageParam: nextPageToken,
    placeholderData: keepPreviousData,
  });

export type PrincipalKind = "users" | "groups" | "service-principals";

const principalsPage = (
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

const CHOICES_PER_KIND = 50;

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
export const tokens = (principal: string) =>
  infiniteQueryOptions({
    queryKey: ["tokens", principal],
    queryFn: ({ pageParam }) =>
      unwrap(
        api.GET(`${V1}/tokens`, {
          params: { query: { principal, max_results: 100, page_token: pageParam } },
        }),
      ),
    initialPageParam: "",
    getNextPageParam: nextPageToken,
  });
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
