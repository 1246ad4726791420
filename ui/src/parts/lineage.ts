/** From edges to a graph: table -> run -> version -> consumers, laid out from left to right. */

import { graphlib, layout } from "@dagrejs/dagre";

import type { Edge, Version } from "../api/queries";

export interface GraphNode {
  id: string;
  kind: string;
  name: string;
  /** Where it leads, where it has a page. */
  experiment?: string;
  /** Of a run: where it was logged, '' where nobody knows. */
  workspace?: string;
  /** Of a table: the versions that were read. */
  versions?: string[];
  /** Its name is not for this user. */
  hidden?: boolean;
  x: number;
  y: number;
}

export interface GraphEdge {
  from: string;
  to: string;
  label: string;
  /** Who says so, by name; the program itself says that a run registered a version. */
  authors: string[];
}

export const WIDTH = 250;
export const HEIGHT = 74;
export const idOf = (kind: string, name: string) => `${kind} ${name}`;

/** `edges` of any number of versions; `infos` of those whose run is known. */
export function graphOf(
  edges: Edge[],
  infos: Version[],
): { nodes: GraphNode[]; edges: GraphEdge[] } {
  const nodes = new Map<string, GraphNode>();
  const found = new Map<string, GraphEdge>();
  const node = (kind: string, name: string, more: Partial<GraphNode> = {}) => {
    const id = idOf(kind, name);
    const before = nodes.get(id);
    const versions = [...new Set([...(before?.versions ?? []), ...(more.versions ?? [])])];
    nodes.set(id, {
      id,
      kind,
      name,
      x: 0,
      y: 0,
      ...before,
      ...more,
      ...(versions.length > 0 ? { versions } : {}),
    });
    return id;
  };
  const join = (from: string, to: string, label: string, author?: string) => {
    const key = `${from}\n${to}`;
    const before = found.get(key);
    if (before && author && !before.authors.includes(author)) before.authors.push(author);
    if (!before) found.set(key, { from, to, label, authors: author ? [author] : [] });
    else if (label && !before.label.split(", ").includes(label))
      before.label = before.label ? `${before.label}, ${label}` : label;
  };
  const hidden = (kind: string, of: string) => {
    const id = `hidden ${kind} ${of}`;
    nodes.set(id, { id, kind, name: "Hidden: you have no access", hidden: true, x: 0, y: 0 });
    return id;
  };
  const runs = new Map<string, string>();
  const copies = new Set(
    edges
      .filter((edge) => edge.direction === "UPSTREAM" && edge.entity_type === "MODEL_VERSION")
      .map((edge) => `${edge.model}/${edge.version}`),
  );
  for (const info of infos) {
    const version = node("MODEL_VERSION", `${info.full_name}/${info.version}`);
    if (
      info.run_id &&
      info.experiment_id &&
      !info.copied_from &&
      !copies.has(`${info.full_name}/${info.version}`)
    ) {
      const run = node("RUN", info.run_id, {
        experiment: info.experiment_id,
        workspace: info.workspace_id,
      });
      runs.set(version, run);
      join(run, version, "registered");
    }
  }
  for (const edge of edges) {
    const version = node("MODEL_VERSION", `${edge.model}/${edge.version}`);
    const other = edge.entity_name
      ? node(
          edge.entity_type,
          edge.entity_name,
          edge.entity_version ? { versions: [edge.entity_version] } : {},
        )
      : hidden(edge.entity_type, version);
    if (edge.direction === "DOWNSTREAM") join(version, other, edge.context, edge.created_by);
    else
      join(
        other,
        edge.entity_type === "MODEL_VERSION" ? version : (runs.get(version) ?? version),
        edge.context,
        edge.created_by,
      );
  }
  if (nodes.size > MOST_ARRANGED) inColumns(nodes, [...found.values()]);
  else arrange(nodes, [...found.values()]);
  return { nodes: [...nodes.values()], edges: [...found.values()] };
}

/** Nodes that are arranged with few crossings, which takes time that grows with their square. */
const MOST_ARRANGED = 300;

/** Each node one column right of the last one that leads to it, one below the other. */
function inColumns(nodes: Map<string, GraphNode>, edges: GraphEdge[]): void {
  const column = new Map([...nodes.keys()].map((id) => [id, 0]));
  for (let round = 0, moved = true; moved && round < MOST_COLUMNS; round += 1) {
    moved = false;
    for (const { from, to } of edges) {
      const next = (column.get(from) ?? 0) + 1;
      if (next > (column.get(to) ?? 0) && next < MOST_COLUMNS) {
        column.set(to, next);
        moved = true;
      }
    }
  }
  const heights = new Map<number, number>();
  for (const id of nodes.keys())
    heights.set(column.get(id) ?? 0, (heights.get(column.get(id) ?? 0) ?? 0) + 1);
  const used = new Map<number, number>();
  for (const [id, node] of nodes) {
    const at = column.get(id) ?? 0;
    const row = used.get(at) ?? 0;
    used.set(at, row + 1);
    node.x = at * (WIDTH + 90);
    node.y = (row - (heights.get(at) ?? 1) / 2) * (HEIGHT + 18);
  }
}

const MOST_COLUMNS = 12; // versions that are copies of each other in a circle would move on for ever

/** With few crossings, by dagre. */
function arrange(nodes: Map<string, GraphNode>, edges: GraphEdge[]): void {
  const graph = new graphlib.Graph();
  graph.setGraph({ rankdir: "LR", nodesep: 18, ranksep: 90 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const id of nodes.keys()) graph.setNode(id, { width: WIDTH, height: HEIGHT });
  for (const edge of edges) graph.setEdge(edge.from, edge.to);
  layout(graph);
  for (const [id, at] of nodes) {
    const place = graph.node(id) as { x: number; y: number };
    at.x = place.x - WIDTH / 2;
    at.y = place.y - HEIGHT / 2;
  }
}
