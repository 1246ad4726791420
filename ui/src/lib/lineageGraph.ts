/** The lineage graph: tables, runs, versions and their consumers, laid out from left to right. */

import { graphlib, layout } from "@dagrejs/dagre";

import type { LineageEdge, LinkedType, LinkGraph } from "../api/lineage";
import type { Version } from "../api/versions";

export interface GraphNode {
  id: string;
  kind: string;
  name: string;
  /** Of a run: its experiment. */
  experiment?: string;
  /** Of a run: the id of its workspace, or '' if unknown. */
  workspace?: string;
  /** Of a table: the versions that runs read. */
  versions?: string[];
  /** The caller may not see its name. */
  hidden?: boolean;
  /** It is gone. The name is the one that it had. */
  deleted?: boolean;
  x: number;
  y: number;
}

export interface GraphEdge {
  from: string;
  to: string;
  label: string;
  /** The principals who recorded the edge. The edge from a run to its version has no author. */
  authors: string[];
}

export const WIDTH = 250;
export const HEIGHT = 74;
export const nodeId = (kind: string, name: string) => `${kind} ${name}`;

/**
 * Builds the graph from the edges of any number of versions. `infos` are the versions whose runs it adds. `linked` are the
 * neighbours of nodes, as other systems and people have reported them.
 */
export function graphOf(
  edges: LineageEdge[],
  infos: Version[],
  linked: LinkGraph[] = [],
): { nodes: GraphNode[]; edges: GraphEdge[] } {
  const nodes = new Map<string, GraphNode>();
  const joined = new Map<string, GraphEdge>();
  const node = (kind: string, name: string, details: Partial<GraphNode> = {}) => {
    const id = nodeId(kind, name);
    const before = nodes.get(id);
    const versions = [...new Set([...(before?.versions ?? []), ...(details.versions ?? [])])];
    nodes.set(id, {
      id,
      kind,
      name,
      x: 0,
      y: 0,
      ...before,
      ...details,
      ...(versions.length > 0 ? { versions } : {}),
    });
    return id;
  };
  const join = (from: string, to: string, label: string, author?: string) => {
    const key = `${from}\n${to}`;
    const before = joined.get(key);
    if (before && author && !before.authors.includes(author)) before.authors.push(author);
    if (!before) joined.set(key, { from, to, label, authors: author ? [author] : [] });
    else if (label && !before.label.split(", ").includes(label))
      before.label = before.label ? `${before.label}, ${label}` : label;
  };
  const hiddenNode = (kind: string, of: string) => {
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
      : hiddenNode(edge.entity_type, version);
    if (edge.direction === "DOWNSTREAM") join(version, other, edge.context, edge.created_by);
    else
      join(
        other,
        edge.entity_type === "MODEL_VERSION" ? version : (runs.get(version) ?? version),
        edge.context,
        edge.created_by,
      );
  }
  for (const neighbours of linked) {
    const [middle] = neighbours.nodes;
    if (middle) node(middle.type, middle.name);
    const ids = new Map<string, string>();
    const idOf = (id: string, edge: number) => {
      const end = neighbours.nodes.find((candidate) => candidate.id === id);
      if (!end) return null;
      const known =
        ids.get(id) ??
        (end.hidden
          ? hiddenNode(end.type, `${middle?.name ?? ""} ${edge}`)
          : node(end.type, end.name, end.deleted ? { deleted: true } : {}));
      ids.set(id, known);
      return known;
    };
    // The edges of versions are in `edges`, with the runs between.
    for (const [index, edge] of neighbours.edges.filter((link) => !link.of_version).entries()) {
      const from = idOf(edge.source, index);
      const to = idOf(edge.target, index);
      if (from && to) join(from, to, edge.context, edge.created_by || undefined);
    }
  }
  if (nodes.size > MAX_ARRANGED) layoutInColumns(nodes, [...joined.values()]);
  else layoutByDagre(nodes, [...joined.values()]);
  return { nodes: [...nodes.values()], edges: [...joined.values()] };
}

/** The most nodes for dagre, whose time grows with their square. */
const MAX_ARRANGED = 300;

/** Puts each node one column right of its last source, one below the other. */
function layoutInColumns(nodes: Map<string, GraphNode>, edges: GraphEdge[]): void {
  const column = new Map([...nodes.keys()].map((id) => [id, 0]));
  for (let round = 0, moved = true; moved && round < MAX_COLUMNS; round += 1) {
    moved = false;
    for (const { from, to } of edges) {
      const next = (column.get(from) ?? 0) + 1;
      if (next > (column.get(to) ?? 0) && next < MAX_COLUMNS) {
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
    const columnIndex = column.get(id) ?? 0;
    const row = used.get(columnIndex) ?? 0;
    used.set(columnIndex, row + 1);
    node.x = columnIndex * (WIDTH + 90);
    node.y = (row - (heights.get(columnIndex) ?? 1) / 2) * (HEIGHT + 18);
  }
}

const MAX_COLUMNS = 12; // ends the loop for versions that are copies of each other in a circle

/** Lays the nodes out with few crossings. */
function layoutByDagre(nodes: Map<string, GraphNode>, edges: GraphEdge[]): void {
  const graph = new graphlib.Graph();
  graph.setGraph({ rankdir: "LR", nodesep: 18, ranksep: 90 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const id of nodes.keys()) graph.setNode(id, { width: WIDTH, height: HEIGHT });
  for (const edge of edges) graph.setEdge(edge.from, edge.to);
  layout(graph);
  for (const [id, columnIndex] of nodes) {
    const position = graph.node(id) as { x: number; y: number };
    columnIndex.x = position.x - WIDTH / 2;
    columnIndex.y = position.y - HEIGHT / 2;
  }
}

const VERSION_PREFIX = "MODEL_VERSION ";

/** The model and version of a node id, or null for other kinds of nodes. */
export function versionOfNode(id: string): [model: string, version: string] | null {
  if (!id.startsWith(VERSION_PREFIX)) return null;
  const name = id.slice(VERSION_PREFIX.length);
  const slash = name.lastIndexOf("/");
  return [name.slice(0, slash), name.slice(slash + 1)];
}

const LINKED_KINDS = [
  "MODEL_VERSION",
  "TABLE",
  "VOLUME",
  "PATH",
  "DATASET",
  "EXTERNAL_METADATA",
] as const;
const EXPANDABLE_KINDS = new Set<string>([...LINKED_KINDS, "NOTEBOOK", "JOB"]);

/** The type and name of a node id that the server can answer links for, or null. */
export function linkedNode(id: string): [type: LinkedType, name: string] | null {
  const [kind = "", ...rest] = id.split(" ");
  const type = LINKED_KINDS.find((candidate) => candidate === kind);
  return type ? [type, rest.join(" ")] : null;
}

/** Whether the server can say more about the neighbours of a node. */
export const canExpand = (node: GraphNode, expandedIds: string[]) =>
  !node.hidden && EXPANDABLE_KINDS.has(node.kind) && !expandedIds.includes(node.id);
