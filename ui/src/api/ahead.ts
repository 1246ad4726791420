/** What a page asks for first, by the page's name: begun before its code is there. Its own queries then find it under way. */

import type { QueryClient } from "@tanstack/react-query";
import type { Params } from "react-router";

import { can } from "./can";
import { catalog, catalogs, model, modelsOf, schema, schemas, version, versions } from "./queries";

const modelName = (params: Params) => `${params.catalog}.${params.schema}.${params.model}`;

export const AHEAD: Record<string, (client: QueryClient, params: Params) => void> = {
  Home: (client) => void client.prefetchInfiniteQuery(catalogs),
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
  },
  Model: (client, params) => {
    const name = modelName(params);
    void client.prefetchQuery(can("function", name));
    // Who may only browse is refused the versions, and a refusal is a line in the audit log: the model itself tells.
    void client.ensureQueryData(model(name)).then((found) => (found.browse_only ? undefined : client.prefetchInfiniteQuery(versions(name))), () => undefined);
  },
  Version: (client, params) => void client.prefetchQuery(version(modelName(params), params.version ?? "")),
};
