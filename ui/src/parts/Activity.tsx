import { Badge, Box, Code, Stack, Switch, Text } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { IconHistory } from "@tabler/icons-react";
import { useState } from "react";

import { activity, type AuditRecord } from "../api/queries";
import { Empty } from "../ui/Empty";
import { Failure } from "../ui/Failure";
import { Loading } from "../ui/Loading";
import { visible } from "../ui/text";
import { Time } from "../ui/Time";
import { type Column, VirtualTable } from "../ui/VirtualTable";

const short = (value: unknown): string => {
  if (value === null || value === undefined) return "none";
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return visible(text.length > 120 ? `${text.slice(0, 117)}…` : text) || "empty";
};

export function Changes({ record, besides }: { record: AuditRecord; besides?: string }) {
  const changes = Object.entries(record.changes as Record<string, [unknown, unknown]>);
  if (record.outcome !== "ok")
    return (
      <Text size="sm" className="anywhere">
        {record.reason}
      </Text>
    );
  return (
    <Stack gap={2}>
      {besides === undefined
        ? null
        : record.targets
            .filter((target) => target.name && target.name !== besides)
            .map((target) => (
              <Text size="sm" key={target.id || target.name} className="anywhere">
                {visible(target.name)}
              </Text>
            ))}
      {changes.map(([field, [before, after]]) => (
        <Text size="sm" key={field} className="anywhere">
          {visible(field)}: <Code>{short(before)}</Code> → <Code>{short(after)}</Code>
        </Text>
      ))}
    </Stack>
  );
}

export const outcome = (record: AuditRecord) => (
  <Badge variant="dot" radius="sm" tt="none" color={record.outcome === "ok" ? "teal" : "red"}>
    {record.outcome === "ok" ? "ok" : record.outcome}
  </Badge>
);

/** What a narrow window has no columns for. */
export const Narrow = (told: { record: AuditRecord; besides?: string }) => (
  <Box hiddenFrom="sm" maw={190}>
    {told.record.outcome === "ok" ? null : outcome(told.record)}
    <Changes {...told} />
  </Box>
);

const columns = (name: string): Column<AuditRecord>[] => [
  { header: "When", width: 130, cell: (record) => <Time at={record.at} /> },
  {
    header: "Who",
    cell: (record) => <span className="anywhere">{visible(record.actor || "nobody")}</span>,
  },
  {
    header: "What",
    cell: (record) => (
      <>
        <Text size="sm" fw={550} className="nowrap">
          {record.event}
        </Text>
        <Narrow record={record} besides={name} />
      </>
    ),
  },
  { header: "Changes", from: "sm", cell: (record) => <Changes record={record} besides={name} /> },
  { header: "Outcome", width: 110, from: "sm", cell: outcome },
];

export default function Activity({ type, name }: { type: string; name: string }) {
  const [all, setAll] = useState(false);
  const { data, error, isPending, refetch, hasNextPage, fetchNextPage, isFetchingNextPage } =
    useInfiniteQuery(activity(type, name, !all));
  if (isPending) return <Loading />;
  if (error) return <Failure error={error} retry={() => void refetch()} />;
  const records = data.pages.flatMap((page) => page.events);
  if (records.length === 0)
    return (
      <Empty
        icon={<IconHistory size={34} />}
        title="Nothing has happened yet"
        command={`modelkeep audit export`}
      >
        Every change, refusal and download is listed here, under all names that this has had.
      </Empty>
    );
  return (
    <>
      <Switch
        mb="sm"
        label="Show reads and downloads, too"
        checked={all}
        onChange={(event) => setAll(event.currentTarget.checked)}
      />
      <VirtualTable
        label="Activity"
        columns={columns(name)}
        rows={records}
        list={activity(type, name, !all).queryKey}
        rowKey={(record) => record.id}
        more={hasNextPage ? () => void fetchNextPage() : undefined}
        loadingMore={isFetchingNextPage}
      />
    </>
  );
}
