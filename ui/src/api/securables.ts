/** Catalogs, schemas and models: the lists of them, and each one by its name. */

import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";

import { type Answer, api, UNITY_CATALOG, unwrap } from "./client";
import { allPages, nextPageToken, PAGE } from "./pages";

export type CatalogInfo = Answer<"/api/2.1/unity-catalog/catalogs/{full_name}">;
export type SchemaInfo = Answer<"/api/2.1/unity-catalog/schemas/{full_name}">;
export type ModelInfo = Answer<"/api/2.1/unity-catalog/models/{full_name}">;

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

export type TaggedCollection = "catalogs" | "schemas" | "tables" | "volumes" | "functions";

export const tags = (entity_type: TaggedCollection, entity_name: string) =>
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
// --- search ---
// --- permissions and activity ---
// --- governed tags ---
// --- workspaces ---
// --- activity ---
// --- administration ---
