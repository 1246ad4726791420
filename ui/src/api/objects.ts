/** Tables, volumes and functions: the lists of them, and each one by its name. */

import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";

import { type Answer, api, UNITY_CATALOG, unwrap } from "./client";
import { nextPageToken, PAGE } from "./pages";

export type TableInfo = Answer<"/api/2.1/unity-catalog/tables/{full_name}">;
export type VolumeInfo = Answer<"/api/2.1/unity-catalog/volumes/{name}">;
export type FunctionInfo = Answer<"/api/2.1/unity-catalog/functions/{name}">;
export type TableColumn = NonNullable<TableInfo["columns"]>[number];

export type ObjectKind = "TABLE" | "VOLUME" | "FUNCTION";

// --- lists ---

interface ObjectPage<Info> {
  items: Info[];
  next_page_token?: string | undefined;
}

const inSchema = (schema: string, page_token: string) => {
  const [catalog_name = "", schema_name = ""] = schema.split(".");
  const query = { catalog_name, schema_name, max_results: PAGE, page_token, include_browse: true };
  return { params: { query } };
};

/** A page of the tables, of the volumes or of the functions of a schema. */
async function fetchTables(schema: string, page_token: string): Promise<ObjectPage<TableInfo>> {
  const { params } = inSchema(schema, page_token);
  const query = { ...params.query, omit_columns: true, omit_properties: true };
  const page = await unwrap(api.GET(`${UNITY_CATALOG}/tables`, { params: { query } }));
  return { items: page.tables, next_page_token: page.next_page_token };
}

async function fetchVolumes(schema: string, page_token: string): Promise<ObjectPage<VolumeInfo>> {
  const page = await unwrap(api.GET(`${UNITY_CATALOG}/volumes`, inSchema(schema, page_token)));
  return { items: page.volumes, next_page_token: page.next_page_token };
}

async function fetchFunctions(
  schema: string,
  page_token: string,
): Promise<ObjectPage<FunctionInfo>> {
  const page = await unwrap(api.GET(`${UNITY_CATALOG}/functions`, inSchema(schema, page_token)));
  return { items: page.functions, next_page_token: page.next_page_token };
}

const FETCH_PAGE = { TABLE: fetchTables, VOLUME: fetchVolumes, FUNCTION: fetchFunctions };
export type ObjectInfo = TableInfo | VolumeInfo | FunctionInfo;

export const objectsPage = (kind: ObjectKind, schema: string, page_token: string) =>
  queryOptions({
    queryKey: ["objects", kind, schema, page_token],
    queryFn: (): Promise<ObjectPage<ObjectInfo>> => FETCH_PAGE[kind](schema, page_token),
  });

export const objectsOf = (kind: ObjectKind, schema: string) =>
  infiniteQueryOptions({
    queryKey: ["all objects", kind, schema],
    queryFn: ({ pageParam }): Promise<ObjectPage<ObjectInfo>> =>
      FETCH_PAGE[kind](schema, pageParam),
    structuralSharing: false,
    initialPageParam: "",
    getNextPageParam: nextPageToken,
  });

// --- one by its name ---

const include_browse = true;

export const table = (full_name: string) =>
  queryOptions({
    queryKey: ["table", full_name],
    queryFn: () =>
      unwrap(
        api.GET(`${UNITY_CATALOG}/tables/{full_name}`, {
          params: { path: { full_name }, query: { include_browse } },
        }),
      ),
  });

export const volume = (name: string) =>
  queryOptions({
    queryKey: ["volume", name],
    queryFn: () =>
      unwrap(
        api.GET(`${UNITY_CATALOG}/volumes/{name}`, {
          params: { path: { name }, query: { include_browse } },
        }),
      ),
  });

export const functionOf = (name: string) =>
  queryOptions({
    queryKey: ["function", name],
    queryFn: () =>
      unwrap(
        api.GET(`${UNITY_CATALOG}/functions/{name}`, {
          params: { path: { name }, query: { include_browse } },
        }),
      ),
  });

// --- changes ---

interface ObjectChanges {
  comment?: string;
  new_name?: string;
  owner?: string;
}

export function updateObject(
  kind: ObjectKind,
  name: string,
  { comment, new_name, owner }: ObjectChanges,
): Promise<{ full_name: string }> {
  const body = {
    ...(comment === undefined ? {} : { comment }),
    ...(owner === undefined ? {} : { owner }),
  };
  if (kind === "TABLE")
    return unwrap(
      api.PATCH(`${UNITY_CATALOG}/tables/{full_name}`, {
        params: { path: { full_name: name } },
        body,
      }),
    );
  const params = { path: { name } };
  if (kind === "FUNCTION")
    return unwrap(api.PATCH(`${UNITY_CATALOG}/functions/{name}`, { params, body }));
  return unwrap(
    api.PATCH(`${UNITY_CATALOG}/volumes/{name}`, {
      params,
      body: { ...body, ...(new_name === undefined ? {} : { new_name }) },
    }),
  );
}

export function deleteObject(kind: ObjectKind, name: string): Promise<unknown> {
  if (kind === "TABLE")
    return unwrap(
      api.DELETE(`${UNITY_CATALOG}/tables/{full_name}`, {
        params: { path: { full_name: name } },
      }),
    );
  const params = { path: { name } };
  return kind === "FUNCTION"
    ? unwrap(api.DELETE(`${UNITY_CATALOG}/functions/{name}`, { params }))
    : unwrap(api.DELETE(`${UNITY_CATALOG}/volumes/{name}`, { params }));
}
