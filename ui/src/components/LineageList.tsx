import { Anchor, Group, Table } from "@mantine/core";
import { useContext } from "react";

import { canExpand, type GraphEdge, type GraphNode } from "../lib/lineageGraph";
import { visible } from "../lib/text";
import { KindIcon } from "../ui/kinds";
import { ExpandContext, NodeName } from "./LineageNode";

interface Props {
  graph: { nodes: GraphNode[]; edges: GraphEdge[] };
  expandedIds: string[];
}

/** The lineage as a table of its connections. */
export function LineageList({ graph, expandedIds }: Props) {
  const nodes = new Map(graph.nodes.map((node) => [node.id, node]));
  return (
    <div className="table" role="region" aria-label="Connections" tabIndex={0}>
      <Table aria-label="Connections">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>From</Table.Th>
            <Table.Th>To</Table.Th>
            <Table.Th>How</Table.Th>
            <Table.Th>Recorded by</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {graph.edges.map((edge) => (
            <Table.Tr key={`${edge.from}\n${edge.to}`}>
              {[edge.from, edge.to].map((id) => (
                <Table.Td key={id}>
                  <NodeCell node={nodes.get(id)} expandedIds={expandedIds} />
                </Table.Td>
              ))}
              <Table.Td>{visible(edge.label)}</Table.Td>
              <Table.Td>{visible(edge.authors.join(", "))}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </div>
  );
}

function NodeCell({ node, expandedIds }: { node: GraphNode | undefined; expandedIds: string[] }) {
  const expand = useContext(ExpandContext);
  if (!node) return null;
  return (
    <Group gap={6} wrap="nowrap">
      <KindIcon kind={node.kind} size={15} />
      <div className="named">
        <NodeName node={node} />
      </div>
      {canExpand(node, expandedIds) ? (
        <Anchor
          component="button"
          size="xs"
          onClick={() => expand(node.id)}
          aria-label={`Expand ${node.name}`}
        >
          expand
        </Anchor>
      ) : null}
    </Group>
  );
}
