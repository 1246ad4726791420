import { Anchor, Text } from "@mantine/core";
import { IconLink } from "@tabler/icons-react";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link } from "react-router";

import { mlflowEntity } from "../api/mlflow";
import { type PromptLink, promptLinks } from "../api/prompts";
import { visible } from "../lib/text";
import { mlflowEntityPath, promptPath } from "../paths";
import { EmptyState } from "../ui/EmptyState";
import { ErrorAlert } from "../ui/ErrorAlert";
import { kindLabel } from "../ui/kinds";
import { LoadingSkeleton } from "../ui/Skeletons";
import { TimeAgo } from "../ui/TimeAgo";
import { type Column, VirtualTable } from "../ui/VirtualTable";

const columns = (prompt: string): Column<PromptLink>[] => [
  { header: "Kind", width: 130, cell: (row) => kindLabel(row.kind) },
  { header: "Used by", cell: (row) => <EntityLink kind={row.kind} id={row.id} /> },
  {
    header: "Version",
    width: 110,
    cell: (row) => (
      <Link className="link nowrap" to={promptPath(prompt, row.version)}>
        Version {row.version}
      </Link>
    ),
  },
  {
    header: "Linked",
    width: 140,
    visibleFrom: "sm",
    cell: (row) => (
      <>
        <TimeAgo at={row.created_at} />
        <div className="xs quiet line">{visible(row.created_by)}</div>
      </>
    ),
  },
];

/** A link to a run, logged model or trace in MLflow's pages. */
function EntityLink({ kind, id }: { kind: string; id: string }) {
  const { data: entity } = useQuery(mlflowEntity(kind, id));
  const path = entity ? mlflowEntityPath(kind, entity.experiment, id) : null;
  const idText = <span className="mono anywhere">{visible(id)}</span>;
  if (!path) return idText;
  return (
    <>
      <Anchor component={Link} className="link anywhere" to={path}>
        {entity?.name ? visible(entity.name) : idText}
      </Anchor>
      {entity?.name ? <div className="xs quiet mono line">{visible(id)}</div> : null}
    </>
  );
}

/** The runs, logged models and traces that loaded a version of the prompt. */
export default function PromptLinks({ prompt }: { prompt: string }) {
  const { data, error, isPending, refetch, hasNextPage, fetchNextPage, isFetchingNextPage } =
    useInfiniteQuery(promptLinks(prompt));
  if (isPending) return <LoadingSkeleton />;
  if (error) return <ErrorAlert error={error} retry={() => void refetch()} />;
  const rows = data.pages.flatMap((page) => page.links);
  if (rows.length === 0 && !hasNextPage)
    return (
      <EmptyState
        icon={<IconLink size={34} />}
        title="No links yet"
        command={`with mlflow.start_run():\n    mlflow.genai.load_prompt("prompts:/${prompt}/1")`}
      >
        MLflow links a version to the run, logged model or trace that loads it. You see links to
        experiments that you can read in this workspace.
      </EmptyState>
    );
  return (
    <>
      <VirtualTable
        label="Used by"
        columns={columns(prompt)}
        rows={rows}
        queryKey={promptLinks(prompt).queryKey}
        rowKey={(row) => `${row.version} ${row.kind} ${row.id}`}
        rowHeight={56}
        loadMore={hasNextPage ? () => void fetchNextPage() : undefined}
        loadingMore={isFetchingNextPage}
      />
      <Text size="xs" c="dimmed" mt="xs">
        You see links to experiments that you can read in this workspace.
      </Text>
    </>
  );
}
