import { Button, Select, SimpleGrid, Text, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useInfiniteQuery } from "@tanstack/react-query";
import { IconDownload, IconHistory } from "@tabler/icons-react";
import { useState } from "react";
import { useSearchParams } from "react-router";

import { type AuditFilter, type AuditRecord, audit, auditPage } from "../../api/queries";
import { Changes, Narrow, outcome } from "../../parts/Activity";
import { Empty } from "../../ui/Empty";
import { Failure } from "../../ui/Failure";
import { Loading } from "../../ui/Loading";
import { visible } from "../../ui/text";
import { Time } from "../../ui/Time";
import { type Column, VirtualTable } from "../../ui/VirtualTable";
import { Admin } from "./Admin";

const MOST = 50_000;
const day = (text: string, end = false) => (text ? new Date(`${text}T00:00:00`).getTime() + (end ? 86_400_000 : 0) : undefined);

const COLUMNS: Column<AuditRecord>[] = [
  { header: "When", width: 130, cell: (row) => <Time at={row.at} /> },
  { header: "Who", cell: (row) => <><span className="anywhere">{visible(row.actor || "nobody")}</span><Text size="xs" c="dimmed">{row.source}</Text></> },
  { header: "Event", cell: (row) => <><Text size="sm" fw={550} className="nowrap">{row.event}</Text><Narrow record={row} /></> },
  { header: "On", from: "sm", cell: (row) => row.targets.slice(0, 2).map((target) => <Text size="sm" key={target.id || target.name} className="anywhere wide">{visible(target.name || target.kind.toLowerCase())}</Text>) },
  { header: "Changes", from: "md", cell: (row) => <Changes record={row} /> },
  { header: "Outcome", width: 120, from: "sm", cell: outcome },
];

async function save(asked: AuditFilter, tell: (count: number) => void): Promise<void> {
  const lines: string[] = [];
  let token = "";
  do {
    const page = await auditPage(asked, 1000, token);
    lines.push(...page.events.map((event) => JSON.stringify(event)));
    token = page.next_page_token;
    tell(lines.length);
  } while (token && lines.length < MOST);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([`${lines.join("\n")}\n`], { type: "application/x-ndjson" }));
  link.download = "audit.jsonl";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

export default function Audit() {
  const [params, setParams] = useSearchParams();
  const get = (key: string) => params.get(key) ?? "";
  const set = (key: string, value: string) =>
    setParams((before) => {
      const after = new URLSearchParams(before);
      if (value) after.set(key, value);
      else after.delete(key);
      return after;
    }, { replace: true });
  const [asked] = useDebouncedValue<AuditFilter>({ actor: get("actor") || undefined, event: get("event") || undefined, outcome: get("outcome") || undefined, changes_only: get("show") !== "all" || undefined, since: day(get("since")), until: day(get("until"), true) }, 250);
  const found = useInfiniteQuery(audit(asked));
  const [saving, setSaving] = useState<number | null>(null);
  const [failure, setFailure] = useState<unknown>(null);
  const rows = found.data?.pages.flatMap((page) => page.events) ?? [];
  const start = () => {
    setSaving(0);
    setFailure(null);
    save(asked, setSaving).catch(setFailure).finally(() => setSaving(null));
  };
  return (
    <Admin section="audit" actions={<Button variant="default" leftSection={<IconDownload size={16} />} onClick={start} loading={saving !== null}>{saving ? `${saving} events` : "Export"}</Button>}>
      <SimpleGrid cols={{ base: 2, md: 3, lg: 6 }} spacing="sm" mb="md">
        <TextInput label="Who" placeholder="alice@example.com" value={get("actor")} onChange={(e) => set("actor", e.currentTarget.value)} />
        <TextInput label="Event" placeholder="model.* or alias.set" value={get("event")} onChange={(e) => set("event", e.currentTarget.value)} />
        <Select label="Outcome" clearable placeholder="Any" value={get("outcome") || null} onChange={(value) => set("outcome", value ?? "")} data={[{ value: "ok", label: "ok" }, { value: "refused", label: "refused" }]} />
        <Select label="Show" allowDeselect={false} value={get("show") || "changes"} onChange={(value) => set("show", value === "all" ? "all" : "")} data={[{ value: "changes", label: "Changes" }, { value: "all", label: "Everything" }]} />
        <TextInput label="From" type="date" value={get("since")} onChange={(e) => set("since", e.currentTarget.value)} />
        <TextInput label="To" type="date" value={get("until")} onChange={(e) => set("until", e.currentTarget.value)} />
      </SimpleGrid>
      {failure ? <Failure error={failure} retry={start} /> : null}
      {found.isPending ? <Loading /> : null}
      {found.error ? <Failure error={found.error} retry={() => void found.refetch()} /> : null}
      {found.data && rows.length === 0 ? <Empty icon={<IconHistory size={34} />} title="No such events" command="modelkeep audit export">Change the filters: a name is exact, an event may end in *.</Empty> : null}
      {rows.length > 0 ? <VirtualTable label="Audit log" columns={COLUMNS} rows={rows} rowKey={(row) => row.id} more={found.hasNextPage ? () => void found.fetchNextPage() : undefined} loadingMore={found.isFetchingNextPage} /> : null}
    </Admin>
  );
}
