/** Requests that start before the code of a page has arrived. The queries of that code then join them. */

import type { QueryClient } from "@tanstack/react-query";
import type { Params } from "react-router";

import { accessRequests } from "./access";
import { me } from "./me";
import { functionOf, objectsOf, table, volume } from "./objects";
import { allowedOperations } from "./permissions";
import { prompt, promptsOf, promptsPage, promptVersions } from "./prompts";
import {
  catalog,
  catalogs,
  catalogsPage,
  model,
  modelsOf,
  modelsPage,
  schema,
  schemas,
  schemasPage,
} from "./securables";
import { version, versions } from "./versions";

const leafName = (params: Params, leaf: string | undefined) =>
  `${params.catalog}.${params.schema}.${leaf}`;
const modelName = (params: Params) => leafName(params, params.model);
const OBJECT_KINDS = ["TABLE", "VOLUME", "FUNCTION"] as const;

/** Starts the first requests of a page, by the page's name. */
export const PREFETCH_BY_PAGE: Record<string, (client: QueryClient, params: Params) => void> = {
  Home: (client) => {
    void client.prefetchQuery(allowedOperations("metastore", "metastore"));
    void client.prefetchInfiniteQuery(catalogs);
  },
  Catalog: (client, { catalog: name = "" }) => {
    void client.prefetchQuery(catalog(name));
    void client.prefetchQuery(allowedOperations("catalog", name));
    void client.prefetchInfiniteQuery(schemas(name));
  },
  Schema: (client, params) => {
    const name = `${params.catalog}.${params.schema}`;
    void client.prefetchQuery(schema(name));
    void client.prefetchQuery(allowedOperations("schema", name));
    void client.prefetchInfiniteQuery(modelsOf(name));
    void client.prefetchInfiniteQuery(promptsOf(name));
    for (const kind of OBJECT_KINDS) void client.prefetchInfiniteQuery(objectsOf(kind, name));
  },
  Table: (client, params) => {
    const name = leafName(params, params.table);
    void client.prefetchQuery(allowedOperations("table", name));
    void client.prefetchQuery(table(name));
  },
  Volume: (client, params) => {
    const name = leafName(params, params.volume);
    void client.prefetchQuery(allowedOperations("volume", name));
    void client.prefetchQuery(volume(name));
  },
  Function: (client, params) => {
    const name = leafName(params, params.function);
    void client.prefetchQuery(allowedOperations("function", name));
    void client.prefetchQuery(functionOf(name));
  },
  Model: (client, params) => {
    const name = modelName(params);
    void client.prefetchQuery(allowedOperations("function", name));
    // Who may only browse is refused the versions, and a refusal is a line in the audit log: the model itself tells.
    void client.ensureQueryData(model(name)).then(
      (info) => (info.browse_only ? undefined : client.prefetchInfiniteQuery(versions(name))),
      () => undefined,
    );
  },
  Prompt: (client, params) => {
    const name = `${params.catalog}.${params.schema}.${params.prompt}`;
    void client.prefetchQuery(allowedOperations("prompt", name));
    void client.ensureQueryData(prompt(name)).then(
      (info) => (info.browse_only ? undefined : client.prefetchInfiniteQuery(promptVersions(name))),
      () => undefined,
    );
  },
  Version: (client, params) =>
    void client.prefetchQuery(version(modelName(params), params.version ?? "")),
};

/** Starts the requests of the frame: the caller, pending access requests, and the tree down to the address. */
export function prefetchShell(
  client: QueryClient,
  { catalog: name, schema: schemaName, ...leaf }: Params,
) {
  void client.prefetchQuery(me);
  void client.prefetchInfiniteQuery(accessRequests("PENDING"));
  void client.prefetchQuery(catalogsPage(""));
  if (name && schemaName) void client.prefetchQuery(schemasPage(name, ""));
  if (!name || !schemaName || Object.keys(leaf).length === 0) return;
  void client.prefetchQuery(modelsPage(`${name}.${schemaName}`, ""));
  if (!leaf.model) void client.prefetchQuery(promptsPage(`${name}.${schemaName}`, ""));
}

/** Resolves when the code and the first requests have arrived, or after `timeoutMs`. A complete page then renders once,
 * without a skeleton. */
export async function untilLoaded(client: QueryClient, code: Promise<void>, timeoutMs: number) {
  const end = performance.now() + timeoutMs;
  const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
  const settled = async () => {
    await code.catch(() => undefined); // the page shows the error
    while (client.isFetching() > 0 && performance.now() < end) await wait(5);
  };
  await Promise.race([settled(), wait(timeoutMs)]);
}
