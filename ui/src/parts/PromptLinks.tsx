import { Text } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { IconLink } from "@tabler/icons-react";
import { Link } from "react-router";

import { type PromptLink, promptLinks } from "../api/prompts";
import { promptPath } from "../paths";
import { Empty } from "../ui/Empty";
import { Failure } from "../ui/Failure";
import { kindLabel } from "../ui/kinds";
import { Loading } from "../ui/Loading";
import { visible } from "../ui/text";
import { Time } from "../ui/Time";
import { type Column, VirtualTable } from "../ui/VirtualTable";

const columns = (prompt: string): Column<PromptLink>[] => [
  { header: "Kind", width: 130, cell: (row) => kindLabel(row.kind) },
  { header: "Used by", cell: (row) => <span className="mono anywhere">{visible(row.id)}</span> },
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
    from: "sm",
    cell: (row) => (
      <>
        <Time at={row.created_at} />
        <div className="xs quiet line">{visible(row.created_by)}</div>
      </>
    ),
  },
];

/** The runs, logged models and traces that loaded a version of the prompt. */
export default function PromptLinks({ prompt }: { prompt: string }) {
  const { data, error, isPending, refetch, hasNextPage, fetchNextPage, isFetchingNextPage } =
    useInfiniteQuery(promptLinks(prompt));
  if (isPending) return <Loading />;
  if (error) return <Failure error={error} retry={() => void refetch()} />;
  const rows = data.pages.flatMap((page) => page.links);
  if (rows.length === 0 && !hasNextPage)
    return (
      <Empty
        icon={<IconLink size={34} />}
        title="No links yet"
        command={`with mlflow.start_run():\n    mlflow.genai.load_prompt("prompts:/${prompt}/1")`}
      >
        MLflow links a version to the run, logged model or trace that loads it. You see links to
        experiments that you can read in this workspace.
      </Empty>
    );
  return (
    <>
      <VirtualTable
        label="Used by"
        columns={columns(prompt)}
        rows={rows}
        list={promptLinks(prompt).queryKey}
        rowKey={(row) => `${row.version} ${row.kind} ${row.id}`}
        rowHeight={56}
        more={hasNextPage ? () => void fetchNextPage() : undefined}
        loadingMore={isFetchingNextPage}
      />
      <Text size="xs" c="dimmed" mt="xs">
        You see links to experiments that you can read in this workspace.
      </Text>
    </>
  );
}
