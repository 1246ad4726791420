/** What is asked for before the code that shows it is there. The queries of that code then find it under way. */

import type { QueryClient } from "@tanstack/react-query";
import type { Params } from "react-router";

import { can } from "./can";
import { prompt, promptsOf, promptsPage, promptVersions } from "./prompts";
import {
  accessRequests,
  catalog,
  catalogs,
  catalogsPage,
  me,
  model,
  modelsOf,
  modelsPage,
  schema,
  schemas,
  schemasPage,
  version,
  versions,
} from "./queries";

const modelName = (params: Params) => `${params.catalog}.${params.schema}.${params.model}`;

/** What a page asks for first, by the page's name. */
export const AHEAD: Record<string, (client: QueryClient, params: Params) => void> = {
  Home: (client) => {
    void client.prefetchQuery(can("metastore", "metastore"));
    void client.prefetchInfiniteQuery(catalogs);
  },
  Catalog: (client, { catalog: name = "" }) => {
    void client.prefetchQuery(catalog(name));
    void client.prefetchQuery(can("catalog", name));
    void client.prefetchInfiniteQuery(schemas(name));
  },
  Schema: (client, params) => {
    const name = `${params.catalog}.${params.schema}`;
    void client.prefetchQuery(schema(name));
    void client.prefetchQuery(can("schema", name));
    void client.prefetchInfiniteQuery(modelsOf(name));
    void client.prefetchInfiniteQuery(promptsOf(name));
  },
  Model: (client, params) => {
    const name = modelName(params);
    void client.prefetchQuery(can("function", name));
    // Who may only browse is refused the versions, and a refusal is a line in the audit log: the model itself tells.
    void client.ensureQueryData(model(name)).then(
      (found) => (found.browse_only ? undefined : client.prefetchInfiniteQuery(versions(name))),
      () => undefined,
    );
  },
  Prompt: (client, params) => {
    const name = `${params.catalog}.${params.schema}.${params.prompt}`;
    void client.prefetchQuery(can("prompt", name));
    void client.ensureQueryData(prompt(name)).then(
      (found) =>
        found.browse_only ? undefined : client.prefetchInfiniteQuery(promptVersions(name)),
      () => undefined,
    );
  },
  Version: (client, params) =>
    void client.prefetchQuery(version(modelName(params), params.version ?? "")),
};

/** What every page has around it: who asks, what waits for an answer, and the tree down to what the address shows. */
export function shellAhead(
  client: QueryClient,
  { catalog: name, schema: inner, model: leaf, prompt: aPrompt }: Params,
) {
  void client.prefetchQuery(me);
  void client.prefetchInfiniteQuery(accessRequests("PENDING"));
  void client.prefetchQuery(catalogsPage(""));
  if (name && inner) void client.prefetchQuery(schemasPage(name, ""));
  if (name && inner && aPrompt) void client.prefetchQuery(promptsPage(`${name}.${inner}`, ""));
  if (name && inner && (leaf || aPrompt))
    void client.prefetchQuery(modelsPage(`${name}.${inner}`, ""));
}

/** Resolves when the code and all that was asked for ahead is there, or after `most` ms: a page that is complete is drawn once,
 * not first as its shape. */
export async function there(client: QueryClient, code: Promise<void>, most: number) {
  const end = performance.now() + most;
  const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
  const all = async () => {
    await code.catch(() => undefined); // the page tells
    while (client.isFetching() > 0 && performance.now() < end) await wait(5);
  };
  await Promise.race([all(), wait(most)]);
}
