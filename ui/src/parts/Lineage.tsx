import "@xyflow/react/dist/style.css";

import {
  Anchor,
  Box,
  Button,
  Group,
  SegmentedControl,
  Select,
  Table,
  Text,
  useComputedColorScheme,
} from "@mantine/core";
import { useWindowEvent } from "@mantine/hooks";
import { useQueries, useQuery } from "@tanstack/react-query";
import {
  Background,
  Controls,
  Handle,
  MiniMap,
  type Node,
  type NodeProps,
  Position,
  ReactFlow,
  ReactFlowProvider,
  useReactFlow,
} from "@xyflow/react";
import { IconArrowsMaximize, IconGitFork } from "@tabler/icons-react";
import { createContext, type FocusEvent, useContext, useMemo, useState } from "react";
import { Link } from "react-router";

import { experiment as experimentQuery, visibleRun } from "../api/mlflow";
import { consumers, lineage, PENDING, version as versionQuery } from "../api/queries";
import { securablePath } from "../paths";
import { Empty } from "../ui/Empty";
import { Failure } from "../ui/Failure";
import { KindIcon, kindLabel } from "../ui/kinds";
import { Loading } from "../ui/Loading";
import { plural, visible } from "../ui/text";
import { RunLink, useWorkspaceOf } from "./RunLink";
import { type GraphNode, graphOf, HEIGHT, idOf, WIDTH } from "./lineage";

type Shown = Node<{ node: GraphNode; root: boolean; expandable: boolean }, "entity">;

const Expand = createContext<(id: string) => void>(() => undefined);

const pathOf = (node: GraphNode) =>
  node.kind === "TABLE" || node.kind === "RUN" ? null : securablePath(node.kind, node.name);

/** A run by its name and experiment, where the caller may read them. */
function RunName({ node }: { node: GraphNode }) {
  const elsewhere = useWorkspaceOf()(node.workspace ?? "");
  const here = node.experiment !== undefined && elsewhere === null;
  const run = useQuery(visibleRun(here ? (node.experiment ?? "") : "", node.name));
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

function Name({ node }: { node: GraphNode }) {
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
  const under =
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
      {under}
    </>
  );
}

function Entity({ data }: NodeProps<Shown>) {
  const expand = useContext(Expand);
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
      <Name node={data.node} />
      <Handle type="source" position={Position.Right} isConnectable={false} />
    </div>
  );
}

const TYPES = { entity: Entity };
const FIT = { minZoom: 0.7, maxZoom: 1, padding: 0.15 };

/** What a version came from and what came of it; anything in it can be opened, or followed further. */
export default function Lineage({
  model,
  version,
  choices,
}: {
  model: string;
  version: number;
  choices?: number[];
}) {
  const [shown, setShown] = useState(version);
  return (
    <ReactFlowProvider>
      {choices && choices.length > 1 ? (
        <Select
          label="Version"
          w={180}
          mb="sm"
          allowDeselect={false}
          value={String(shown)}
          onChange={(value) => setShown(Number(value ?? version))}
          data={choices.map((choice) => ({ value: String(choice), label: `Version ${choice}` }))}
        />
      ) : null}
      <Graph key={shown} model={model} version={shown} />
    </ReactFlowProvider>
  );
}

function Graph({ model, version }: { model: string; version: number }) {
  const root = idOf("MODEL_VERSION", `${model}/${version}`);
  const [expanded, setExpanded] = useState<string[]>([root]);
  const [view, setView] = useState(() =>
    matchMedia("(max-width: 700px)").matches ? "list" : "graph",
  );
  const scheme = useComputedColorScheme("light");
  const { setCenter, getZoom, fitView } = useReactFlow();
  useWindowEvent("resize", () => void setTimeout(() => void fitView(FIT), 100)); // once the graph knows its new size
  const versions = expanded
    .filter((id) => id.startsWith("MODEL_VERSION "))
    .map((id) => id.slice("MODEL_VERSION ".length));
  const entities = expanded.filter((id) => !id.startsWith("MODEL_VERSION "));
  const split = (name: string) =>
    [name.slice(0, name.lastIndexOf("/")), name.slice(name.lastIndexOf("/") + 1)] as const;
  const edges = useQueries({ queries: versions.map((name) => lineage(...split(name))) });
  const infos = useQueries({ queries: versions.map((name) => versionQuery(...split(name))) });
  const used = useQueries({
    queries: entities.map((id) =>
      consumers(id.slice(0, id.indexOf(" ")), id.slice(id.indexOf(" ") + 1)),
    ),
  });
  const stamp = [...edges, ...infos, ...used].map((answer) => answer.dataUpdatedAt).join();
  const graph = useMemo(
    () =>
      graphOf(
        [...edges, ...used].flatMap((answer) => answer.data?.edges ?? []),
        infos.flatMap((answer) => (answer.data ? [answer.data] : [])),
      ),
    // The answers are new objects at each render; what they hold changes with their times.
    // oxlint-disable-next-line react/exhaustive-deps
    [stamp],
  );
  const cut = [...edges, ...used].some((answer) => answer.data?.more);
  if (edges[0]?.isPending || infos[0]?.isPending) return <Loading />;
  if (edges[0]?.error)
    return <Failure error={edges[0].error} retry={() => void edges[0]?.refetch()} />;
  const expandable = (node: GraphNode) =>
    !node.hidden &&
    !expanded.includes(node.id) &&
    (node.kind === "MODEL_VERSION" ||
      node.kind === "TABLE" ||
      node.kind === "PATH" ||
      node.kind === "NOTEBOOK" ||
      node.kind === "JOB");
  const expand = (id: string) =>
    setExpanded((before) => (before.includes(id) ? before : [...before, id]));
  const nodes: Shown[] = graph.nodes.map((node) => ({
    id: node.id,
    type: "entity",
    position: { x: node.x, y: node.y },
    data: { node, root: node.id === root, expandable: expandable(node) },
    draggable: false,
    connectable: false,
    ariaLabel: `${kindLabel(node.kind)} ${node.name}`,
  }));
  const tall =
    Math.max(...graph.nodes.map((node) => node.y + HEIGHT), 0) -
    Math.min(...graph.nodes.map((node) => node.y), 0);
  const alone = graph.nodes.length <= 1;
  const nameOf = (id: string) => graph.nodes.find((node) => node.id === id);
  /** What the keyboard reaches is brought into sight by the graph; the browser, which would scroll the frame for it, is undone. */
  const show = ({ target, currentTarget }: FocusEvent<HTMLElement>) => {
    const element = target.closest<HTMLElement>(".react-flow__node");
    const node = element ? nameOf(element.dataset.id ?? "") : undefined;
    if (!element || !node || !target.matches(":focus-visible")) return;
    for (let at = element.parentElement; at && currentTarget.contains(at); at = at.parentElement)
      at.scrollTo(0, 0);
    const [inner, outer] = [element.getBoundingClientRect(), currentTarget.getBoundingClientRect()];
    const seen =
      inner.left >= outer.left &&
      inner.right <= outer.right &&
      inner.top >= outer.top &&
      inner.bottom <= outer.bottom;
    if (!seen) void setCenter(node.x + WIDTH / 2, node.y + HEIGHT / 2, { zoom: getZoom() });
  };
  return (
    <Expand value={expand}>
      <Group justify="space-between" mb="sm">
        <Text size="sm" c="dimmed">
          {graph.nodes.length === 1
            ? "Only this version is known so far."
            : `${plural(graph.nodes.length, "thing")}, ${plural(graph.edges.length, "connection")}. Left is where it came from, right what came of it.`}
          {cut ? " There is more than fits: these are the first connections." : ""}
        </Text>
        <SegmentedControl
          size="xs"
          aria-label="Show lineage as"
          value={view}
          onChange={setView}
          data={[
            { value: "graph", label: "Graph" },
            { value: "list", label: "List" },
          ]}
        />
      </Group>
      {view === "graph" ? (
        <Box
          className="panel"
          onFocus={show}
          h={`min(62vh, ${Math.max(260, tall + 160)}px)`}
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
            nodeTypes={TYPES}
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
            {graph.nodes.length > 30 ? (
              <MiniMap pannable zoomable ariaLabel="Overview of the graph" />
            ) : null}
          </ReactFlow>
        </Box>
      ) : (
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
                  {[edge.from, edge.to].map((id) => {
                    const node = nameOf(id);
                    return (
                      <Table.Td key={id}>
                        {node ? (
                          <Group gap={6} wrap="nowrap">
                            <KindIcon kind={node.kind} size={15} />
                            <div className="named">
                              <Name node={node} />
                            </div>
                            {expandable(node) ? (
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
                        ) : null}
                      </Table.Td>
                    );
                  })}
                  <Table.Td>{visible(edge.label)}</Table.Td>
                  <Table.Td>{visible(edge.authors.join(", "))}</Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </div>
      )}
      {alone ? (
        <Box mt="md">
          <Empty
            icon={<IconGitFork size={34} />}
            title={
              infos[0]?.data?.status === PENDING
                ? "This version is still being registered"
                : "Log what it was trained on"
            }
            command={`dataset = mlflow.data.load_delta(table_name="prod.ml_team.iris", version="0")\nmlflow.log_input(dataset, "training")`}
          >
            Tables that a run logs as inputs appear here when its model is registered, and so do
            copies.
          </Empty>
        </Box>
      ) : null}
    </Expand>
  );
}
