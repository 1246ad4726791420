import "@xyflow/react/dist/style.css";

import { Box, Group, SegmentedControl, Select, Text } from "@mantine/core";
import { IconGitFork } from "@tabler/icons-react";
import { ReactFlowProvider } from "@xyflow/react";
import { useState } from "react";

import { PENDING } from "../api/versions";
import { nodeId } from "../lib/lineageGraph";
import { plural } from "../lib/text";
import { useLineage } from "../lib/useLineage";
import { EmptyState } from "../ui/EmptyState";
import { ErrorAlert } from "../ui/ErrorAlert";
import { LoadingSkeleton } from "../ui/Skeletons";
import { LineageGraph } from "./LineageGraph";
import { LineageList } from "./LineageList";
import { ExpandContext } from "./LineageNode";

interface Props {
  model: string;
  version: number;
  /** The versions to choose from. Without them, the lineage is of `version`. */
  choices?: number[];
}

/** The sources of a version and its consumers. The reader can open and expand each of them. */
export default function Lineage({ model, version, choices }: Props) {
  const [shownVersion, setShownVersion] = useState(version);
  return (
    <ReactFlowProvider>
      {choices && choices.length > 1 ? (
        <Select
          label="Version"
          w={180}
          mb="sm"
          allowDeselect={false}
          value={String(shownVersion)}
          onChange={(value) => setShownVersion(Number(value ?? version))}
          data={choices.map((choice) => ({ value: String(choice), label: `Version ${choice}` }))}
        />
      ) : null}
      <LineageOf key={shownVersion} kind="MODEL_VERSION" name={`${model}/${shownVersion}`} />
    </ReactFlowProvider>
  );
}

/** The graph or list around one thing. */
export function LineageOf({ kind, name }: { kind: string; name: string }) {
  const lineage = useLineage(nodeId(kind, name));
  const { graph, rootId, expandedIds, expand } = lineage;
  const [view, setView] = useState(() =>
    matchMedia("(max-width: 700px)").matches ? "list" : "graph",
  );
  if (lineage.isPending) return <LoadingSkeleton />;
  if (lineage.error) return <ErrorAlert error={lineage.error} retry={lineage.retry} />;
  return (
    <ExpandContext value={expand}>
      <Group justify="space-between" mb="sm">
        <Text size="sm" c="dimmed">
          {graph.nodes.length === 1
            ? "No connections are known yet."
            : `${plural(graph.nodes.length, "node")}, ${plural(graph.edges.length, "connection")}. Sources are on the left, consumers on the right.`}
          {lineage.isTruncated ? " The graph shows only the first connections." : ""}
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
        <LineageGraph graph={graph} rootId={rootId} expandedIds={expandedIds} />
      ) : (
        <LineageList graph={graph} expandedIds={expandedIds} />
      )}
      {graph.nodes.length <= 1 && kind === "MODEL_VERSION" ? (
        <Box mt="md">
          <EmptyState
            icon={<IconGitFork size={34} />}
            title={
              lineage.root?.status === PENDING
                ? "This version is still being registered"
                : "Log what it was trained on"
            }
            command={`dataset = mlflow.data.load_delta(table_name="prod.ml_team.iris", version="0")\nmlflow.log_input(dataset, "training")`}
          >
            Tables that a run logs as inputs appear here after its model is registered. Copies
            appear, too.
          </EmptyState>
        </Box>
      ) : null}
    </ExpandContext>
  );
}
