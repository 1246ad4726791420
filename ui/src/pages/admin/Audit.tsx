import { Button, Menu, Select, SimpleGrid, Text, TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { useInfiniteQuery } from "@tanstack/react-query";
import { IconChevronDown, IconDownload, IconHistory } from "@tabler/icons-react";
import { useState } from "react";
import { useSearchParams } from "react-router";

import {
  type AuditFilter,
  type AuditRecord,
  audit,
  auditExport,
  auditPage,
} from "../../api/queries";
import { Changes, Narrow, outcome } from "../../parts/Activity";
import { Empty } from "../../ui/Empty";
import { Failure } from "../../ui/Failure";
import { Loading } from "../../ui/Loading";
import { visible } from "../../ui/text";
import { Time } from "../../ui/Time";
import { type Column, VirtualTable } from "../../ui/VirtualTable";
import { Admin } from "./Admin";

const day = (text: string | undefined, end = false) =>
  text ? new Date(`${text}T00:00:00`).getTime() + (end ? 86_400_000 : 0) : undefined;

const COLUMNS: Column<AuditRecord>[] = [
  { header: "When", width: 130, cell: (row) => <Time at={row.at} /> },
  {
    header: "Who",
    cell: (row) => (
      <>
        <span className="anywhere">{visible(row.actor || "nobody")}</span>
        <Text size="xs" c="dimmed">
          {row.source}
        </Text>
      </>
    ),
  },
  {
    header: "Event",
    cell: (row) => (
      <>
        <Text size="sm" fw={550} className="nowrap">
          {row.event}
        </Text>
        <Narrow record={row} />
      </>
    ),
  },
  {
    header: "On",
    from: "sm",
    cell: (row) =>
      row.targets.slice(0, 2).map((target) => (
        <Text size="sm" key={target.id || target.name} className="anywhere wide">
          {visible(target.name || target.kind.toLowerCase())}
        </Text>
      )),
  },
  { header: "Changes", from: "md", cell: (row) => <Changes record={row} /> },
  { header: "Outcome", width: 120, from: "sm", cell: outcome },
];

/** One page of lines, and whether there are more. */
type Pages = () => Promise<{ lines: unknown[]; more: boolean }>;

/** As the page shows them, the newest first. */
function shown(asked: AuditFilter): Pages {
  let token = "";
  return async () => {
    const page = await auditPage(asked, 1000, token);
    token = page.next_page_token;
    return { lines: page.events, more: token !== "" };
  };
}

/** In Databricks' schema, in the order of the chain. */
function asDatabricks(asked: AuditFilter): Pages {
  let after = 0;
  return async () => {
    const page = await auditExport(asked, after);
    after = page.cursor;
    return { lines: page.records, more: page.more };
  };
}

/** To the end, however long that is: each page goes to a blob, which the browser keeps outside this page's memory. */
async function save(next: Pages, name: string, tell: (count: number) => void): Promise<void> {
  const parts: Blob[] = [];
  let count = 0;
  let more = true;
  while (more) {
    const page = await next();
    if (page.lines.length > 0)
      parts.push(new Blob(page.lines.map((line) => `${JSON.stringify(line)}\n`)));
    count += page.lines.length;
    more = page.more;
    tell(count);
  }
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(parts, { type: "application/x-ndjson" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

export default function Audit() {
  const [params, setParams] = useSearchParams();
  // What is typed stays here, and is written to the address when a hand rests: one of two quick changes would be lost there.
  const [fields, setFields] = useState<Record<string, string>>(() => Object.fromEntries(params));
  const write = useDebouncedCallback(
    (after: Record<string, string>) => setParams(after, { replace: true }),
    250,
  );
  const get = (key: string) => fields[key] ?? "";
  const set = (key: string, value: string) => {
    const after = Object.fromEntries(
      Object.entries({ ...fields, [key]: value }).filter(([, text]) => text),
    );
    setFields(after);
    write(after);
  };
  const settled = Object.fromEntries(params);
  const asked: AuditFilter = {
    actor: settled.actor,
    event: settled.event,
    outcome: settled.outcome,
    name: settled.name,
    source: settled.source,
    changes_only: settled.show !== "all" || undefined,
    since: day(settled.since),
    until: day(settled.until, true),
  };
  const found = useInfiniteQuery(audit(asked));
  const [saving, setSaving] = useState<number | null>(null);
  const [failure, setFailure] = useState<unknown>(null);
  const rows = found.data?.pages.flatMap((page) => page.events) ?? [];
  const start = (next: Pages, name: string) => {
    setSaving(0);
    setFailure(null);
    save(next, name, setSaving)
      .catch(setFailure)
      .finally(() => setSaving(null));
  };
  const exporting = (
    <Menu position="bottom-end" shadow="md">
      <Menu.Target>
        <Button
          variant="default"
          leftSection={<IconDownload size={16} />}
          rightSection={<IconChevronDown size={14} />}
          loading={saving !== null}
        >
          Export
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>JSON lines, with these filters</Menu.Label>
        <Menu.Item onClick={() => start(shown(asked), "audit.jsonl")}>As shown here</Menu.Item>
        <Menu.Item onClick={() => start(asDatabricks(asked), "audit-databricks.jsonl")}>
          In Databricks' schema
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
  return (
    <Admin section="audit" actions={exporting}>
      <SimpleGrid cols={{ base: 2, md: 4 }} spacing="sm" mb="md">
        <TextInput
          label="Who"
          placeholder="alice@example.com"
          value={get("actor")}
          onChange={(e) => set("actor", e.currentTarget.value)}
        />
        <TextInput
          label="Event"
          placeholder="model.* or alias.set"
          value={get("event")}
          onChange={(e) => set("event", e.currentTarget.value)}
        />
        <TextInput
          label="On"
          placeholder="prod.ml_team.churn"
          value={get("name")}
          onChange={(e) => set("name", e.currentTarget.value)}
        />
        <TextInput
          label="From address"
          placeholder="192.0.2.7"
          value={get("source")}
          onChange={(e) => set("source", e.currentTarget.value)}
        />
        <Select
          label="Outcome"
          clearable
          placeholder="Any"
          value={get("outcome") || null}
          onChange={(value) => set("outcome", value ?? "")}
          data={[
            { value: "ok", label: "ok" },
            { value: "refused", label: "refused" },
          ]}
        />
        <Select
          label="Show"
          allowDeselect={false}
          value={get("show") || "changes"}
          onChange={(value) => set("show", value === "all" ? "all" : "")}
          data={[
            { value: "changes", label: "Changes" },
            { value: "all", label: "Everything" },
          ]}
        />
        <TextInput
          label="From"
          type="date"
          value={get("since")}
          onChange={(e) => set("since", e.currentTarget.value)}
        />
        <TextInput
          label="To"
          type="date"
          value={get("until")}
          onChange={(e) => set("until", e.currentTarget.value)}
        />
      </SimpleGrid>
      {saving ? (
        <Text size="sm" c="dimmed" mb="sm" role="status">
          {saving.toLocaleString()} lines so far
        </Text>
      ) : null}
      {failure ? <Failure error={failure} /> : null}
      {found.isPending ? <Loading /> : null}
      {found.error ? <Failure error={found.error} retry={() => void found.refetch()} /> : null}
      {found.data && rows.length === 0 ? (
        <Empty
          icon={<IconHistory size={34} />}
          title="No such events"
          command="modelkeep audit export"
        >
          Change the filters: a name is exact, an event may end in *.
        </Empty>
      ) : null}
      {rows.length > 0 ? (
        <VirtualTable
          label="Audit log"
          columns={COLUMNS}
          rows={rows}
          list={audit(asked).queryKey}
          rowKey={(row) => row.id}
          more={found.hasNextPage ? () => void found.fetchNextPage() : undefined}
          loadingMore={found.isFetchingNextPage}
        />
      ) : null}
    </Admin>
  );
}
