import { Button, Group } from "@mantine/core";
import { IconArrowsMaximize } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Handle, type Node, type NodeProps, Position } from "@xyflow/react";
import { createContext, useContext } from "react";
import { Link } from "react-router";

import { experiment as experimentQuery, visibleRun } from "../api/mlflow";
import { type GraphNode } from "../lib/lineageGraph";
import { visible } from "../lib/text";
import { securablePath } from "../paths";
import { KindIcon, kindLabel } from "../ui/kinds";
import { RunLink, useOtherWorkspace } from "./RunLink";

export type LineageNode = Node<{ node: GraphNode; root: boolean; expandable: boolean }, "entity">;

export const ExpandContext = createContext<(id: string) => void>(() => undefined);

const pathOf = (node: GraphNode) =>
  node.deleted || node.kind === "RUN" ? null : securablePath(node.kind, node.name);

/** The name and experiment of a run, if the caller may read them. */
function RunName({ node }: { node: GraphNode }) {
  const otherWorkspace = useOtherWorkspace()(node.workspace ?? "");
  const isHere = node.experiment !== undefined && otherWorkspace === null;
  const run = useQuery(visibleRun(isHere ? (node.experiment ?? "") : "", node.name));
  const experiment = useQuery(experimentQuery(run.data ? (node.experiment ?? "") : ""));
  return (
    <>
      <span className="name-line" title={node.name}>
        <RunLink
          run={node.name}
          experiment={node.experiment ?? ""}
          workspace={node.workspace ?? ""}
          named
        />
      </span>
      {experiment.data ? (
        <span className="under" title={visible(experiment.data.name)}>
          {visible(experiment.data.name)}
        </span>
      ) : null}
    </>
  );
}

export function NodeName({ node }: { node: GraphNode }) {
  const path = pathOf(node);
  const name = visible(node.name);
  if (node.kind === "RUN" && !node.hidden) return <RunName node={node} />;
  if (node.kind === "MODEL_VERSION" && path) {
    const slash = name.lastIndexOf("/");
    return (
      <>
        <Link className="name" to={path} title={name}>
          Version {name.slice(slash + 1)}
        </Link>
        <span className="under" title={name}>
          {name.slice(0, slash)}
        </span>
      </>
    );
  }
  const versions =
    (node.versions ?? []).length > 0 ? (
      <span className="under">version {(node.versions ?? []).map(visible).join(", ")}</span>
    ) : null;
  return (
    <>
      {path ? (
        <Link className="name" to={path} title={name}>
          {name}
        </Link>
      ) : (
        <span className="name-line" title={name}>
          {name}
        </span>
      )}
      {node.deleted ? <span className="under">deleted</span> : versions}
    </>
  );
}

export function LineageNodeView({ data }: NodeProps<LineageNode>) {
  const expand = useContext(ExpandContext);
  return (
    <div className="node" data-root={data.root}>
      <Handle type="target" position={Position.Left} isConnectable={false} />
      <Group gap={6} wrap="nowrap" justify="space-between">
        <Group gap={6} wrap="nowrap">
          <KindIcon kind={data.node.kind} size={15} />
          <small>{kindLabel(data.node.kind)}</small>
        </Group>
        {data.expandable ? (
          <Button
            size="compact-xs"
            variant="subtle"
            leftSection={<IconArrowsMaximize size={12} />}
            aria-label={`Expand ${data.node.name}`}
            onClick={() => expand(data.node.id)}
          >
            Expand
          </Button>
        ) : null}
      </Group>
      <NodeName node={data.node} />
      <Handle type="source" position={Position.Right} isConnectable={false} />
    </div>
  );
}
