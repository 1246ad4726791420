/** The lineage graph of a version or table, and of the nodes that the reader has expanded. */

import { useQueries } from "@tanstack/react-query";
import { useMemo, useState } from "react";

import { consumers, lineage, links } from "../api/lineage";
import type { Version } from "../api/versions";
import { version as versionQuery } from "../api/versions";
import { type GraphEdge, type GraphNode, graphOf, linkedNode, versionOfNode } from "./lineageGraph";

interface Lineage {
  rootId: string;
  root: Version | undefined;
  graph: { nodes: GraphNode[]; edges: GraphEdge[] };
  expandedIds: string[];
  expand: (id: string) => void;
  /** More edges exist than the graph shows. */
  isTruncated: boolean;
  isPending: boolean;
  error: Error | null;
  retry: () => void;
}

export function useLineage(rootId: string): Lineage {
  const [expandedIds, setExpandedIds] = useState<string[]>([rootId]);
  const versions = expandedIds.map(versionOfNode).filter((name) => name !== null);
  const entities = expandedIds.filter((id) => versionOfNode(id) === null);
  const edges = useQueries({ queries: versions.map((name) => lineage(...name)) });
  const infos = useQueries({ queries: versions.map((name) => versionQuery(...name)) });
  const consumerEdges = useQueries({
    queries: entities.map((id) =>
      consumers(id.slice(0, id.indexOf(" ")), id.slice(id.indexOf(" ") + 1)),
    ),
  });
  const linked = useQueries({
    queries: expandedIds
      .map(linkedNode)
      .filter((name) => name !== null)
      .map((name) => links(...name)),
  });
  const updatedAt = [...edges, ...infos, ...consumerEdges, ...linked]
    .map((answer) => answer.dataUpdatedAt)
    .join();
  const graph = useMemo(
    () =>
      graphOf(
        [...edges, ...consumerEdges].flatMap((answer) => answer.data?.edges ?? []),
        infos.flatMap((answer) => (answer.data ? [answer.data] : [])),
        linked.flatMap((answer) => (answer.data ? [answer.data] : [])),
      ),
    // Each render has new answer objects. Their data changes only with these times.
    // oxlint-disable-next-line react/exhaustive-deps
    [updatedAt],
  );
  const root = edges[0] ?? consumerEdges[0];
  return {
    rootId,
    root: infos[0]?.data,
    graph,
    expandedIds,
    expand: (id) => setExpandedIds((ids) => (ids.includes(id) ? ids : [...ids, id])),
    isTruncated: [...edges, ...consumerEdges, ...linked].some((answer) => answer.data?.truncated),
    isPending: root?.isPending === true || infos[0]?.isPending === true,
    error: root?.error ?? null,
    retry: () => void root?.refetch(),
  };
}
