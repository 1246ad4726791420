/** Lineage edges of model versions and of other entities. */

import { queryOptions } from "@tanstack/react-query";

import { type Answer, api, unwrap, V1 } from "./client";
import { nextPageToken } from "./pages";

export type LineageEdge = Answer<"/api/modelkeep/v1/lineage">["lineage"][number];

/** The most edges that a graph shows. */
export const MAX_EDGES = 2_000;

export interface Edges {
  edges: LineageEdge[];
  /** More edges exist. */
  truncated: boolean;
}

/** Reads pages of edges up to MAX_EDGES. */
export async function allEdges(
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

export type LinkGraph = Answer<"/api/modelkeep/v1/lineage/graph">;
/** What the server answers links of. */
export type LinkedType =
  | "TABLE"
  | "VOLUME"
  | "MODEL_VERSION"
  | "EXTERNAL_METADATA"
  | "PATH"
  | "DATASET";

/** What leads to a thing and what was made of it, in systems that report their lineage. */
export const links = (type: LinkedType, name: string) =>
  queryOptions({
    queryKey: ["links", type, name],
    queryFn: ({ signal }) =>
      unwrap(api.GET(`${V1}/lineage/graph`, { params: { query: { type, name } }, signal })),
  });
