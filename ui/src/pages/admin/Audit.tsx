import { Text } from "@mantine/core";
import { IconHistory } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";

import type { AuditRecord } from "../../api/audit";
import { audit } from "../../api/audit";
import { Changes, NarrowChanges, OutcomeBadge } from "../../components/AuditCells";
import { AuditExport } from "../../components/AuditExport";
import { AuditFields } from "../../components/AuditFields";
import { auditFilter } from "../../lib/filters";
import { morePages } from "../../lib/morePages";
import { visible } from "../../lib/text";
import { useUrlFields } from "../../lib/urlFields";
import { EmptyState } from "../../ui/EmptyState";
import { ErrorAlert } from "../../ui/ErrorAlert";
import { LoadingSkeleton } from "../../ui/Skeletons";
import { TimeAgo } from "../../ui/TimeAgo";
import { type Column, VirtualTable } from "../../ui/VirtualTable";
import { AdminPage } from "./AdminPage";

const COLUMNS: Column<AuditRecord>[] = [
  { header: "When", width: 130, cell: (row) => <TimeAgo at={row.at} /> },
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
        <NarrowChanges record={row} />
      </>
    ),
  },
  {
    header: "On",
    visibleFrom: "sm",
    cell: (row) =>
      row.targets.slice(0, 2).map((target) => (
        <Text size="sm" key={target.id || target.name} className="anywhere wide">
          {visible(target.name || target.kind.toLowerCase())}
        </Text>
      )),
  },
  { header: "Changes", visibleFrom: "md", cell: (row) => <Changes record={row} /> },
  {
    header: "Outcome",
    width: 120,
    visibleFrom: "sm",
    cell: (row) => <OutcomeBadge record={row} />,
  },
];

export default function Audit() {
  const fields = useUrlFields();
  const filter = auditFilter(fields.applied);
  const query = useInfiniteQuery(audit(filter));
  const rows = query.data?.pages.flatMap((page) => page.events) ?? [];
  return (
    <AdminPage section="audit" actions={<AuditExport filter={filter} />}>
      <AuditFields fields={fields} />
      {query.isPending ? <LoadingSkeleton /> : null}
      {query.error ? <ErrorAlert error={query.error} retry={() => void query.refetch()} /> : null}
      {query.data && rows.length === 0 ? (
        <EmptyState
          icon={<IconHistory size={34} />}
          title="No such events"
          command="modelkeep audit export"
        >
          Change the filters. A name must match exactly, and an event may end in *.
        </EmptyState>
      ) : null}
      {rows.length > 0 ? (
        <VirtualTable
          label="Audit log"
          columns={COLUMNS}
          rows={rows}
          queryKey={audit(filter).queryKey}
          rowKey={(row) => row.id}
          {...morePages(query)}
        />
      ) : null}
    </AdminPage>
  );
}
