import { Box, useComputedColorScheme } from "@mantine/core";
import { useWindowEvent } from "@mantine/hooks";
import { Background, Controls, MiniMap, ReactFlow, useReactFlow } from "@xyflow/react";
import type { FocusEvent } from "react";

import { canExpand, type GraphEdge, type GraphNode, HEIGHT, WIDTH } from "../lib/lineageGraph";
import { kindLabel } from "../ui/kinds";
import { type LineageNode, LineageNodeView } from "./LineageNode";

const NODE_TYPES = { entity: LineageNodeView };
const FIT = { minZoom: 0.7, maxZoom: 1, padding: 0.15 };
const MINIMAP_FROM = 30; // nodes

interface Props {
  graph: { nodes: GraphNode[]; edges: GraphEdge[] };
  rootId: string;
  expandedIds: string[];
}

/** The lineage as a picture. */
export function LineageGraph({ graph, rootId, expandedIds }: Props) {
  const scheme = useComputedColorScheme("light");
  const { setCenter, getZoom, fitView } = useReactFlow();
  useWindowEvent("resize", () => void setTimeout(() => void fitView(FIT), 100)); // after the graph has its new size
  const nodes: LineageNode[] = graph.nodes.map((node) => ({
    id: node.id,
    type: "entity",
    position: { x: node.x, y: node.y },
    data: { node, root: node.id === rootId, expandable: canExpand(node, expandedIds) },
    draggable: false,
    connectable: false,
    ariaLabel: `${kindLabel(node.kind)} ${node.name}`,
  }));
  const top = Math.min(...graph.nodes.map((node) => node.y), 0);
  const bottom = Math.max(...graph.nodes.map((node) => node.y + HEIGHT), 0);
  /** Centres the node that the keyboard reaches, and undoes the browser's own scrolling of the frame. */
  const revealFocused = ({ target, currentTarget }: FocusEvent<HTMLElement>) => {
    const element = target.closest<HTMLElement>(".react-flow__node");
    const node = graph.nodes.find((candidate) => candidate.id === element?.dataset.id);
    if (!element || !node || !target.matches(":focus-visible")) return;
    let ancestor = element.parentElement;
    while (ancestor && currentTarget.contains(ancestor)) {
      ancestor.scrollTo(0, 0);
      ancestor = ancestor.parentElement;
    }
    if (!isInside(element, currentTarget))
      void setCenter(node.x + WIDTH / 2, node.y + HEIGHT / 2, { zoom: getZoom() });
  };
  return (
    <Box
      className="panel"
      onFocus={revealFocused}
      h={`min(62vh, ${Math.max(260, bottom - top + 160)}px)`}
      style={{ overflow: "hidden" }}
    >
      <ReactFlow
        nodes={nodes}
        edges={graph.edges.map((edge) => ({
          id: `${edge.from}\n${edge.to}`,
          source: edge.from,
          target: edge.to,
          label: edge.label,
          animated: false,
        }))}
        nodeTypes={NODE_TYPES}
        colorMode={scheme}
        fitView
        fitViewOptions={FIT}
        minZoom={0.1}
        maxZoom={2}
        nodesDraggable={false}
        nodesConnectable={false}
        edgesFocusable={false}
        proOptions={{ hideAttribution: true }}
      >
        <Background gap={22} />
        <Controls showInteractive={false} aria-label="Zoom" />
        {graph.nodes.length > MINIMAP_FROM ? (
          <MiniMap pannable zoomable ariaLabel="Overview of the graph" />
        ) : null}
      </ReactFlow>
    </Box>
  );
}

function isInside(inner: Element, outer: Element): boolean {
  const [innerBox, outerBox] = [inner.getBoundingClientRect(), outer.getBoundingClientRect()];
  return (
    innerBox.left >= outerBox.left &&
    innerBox.right <= outerBox.right &&
    innerBox.top >= outerBox.top &&
    innerBox.bottom <= outerBox.bottom
  );
}
