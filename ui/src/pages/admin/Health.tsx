import { Alert, Badge, Group, SimpleGrid, Text, Title } from "@mantine/core";
import { IconAlertTriangle, IconCircleCheck } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";

import type { Job } from "../../api/health";
import { jobs, storage } from "../../api/health";
import { formatBytes, plural, visible } from "../../lib/text";
import { ErrorAlert } from "../../ui/ErrorAlert";
import { LoadingSkeleton } from "../../ui/Skeletons";
import { TimeAgo } from "../../ui/TimeAgo";
import { VirtualTable } from "../../ui/VirtualTable";
import { AdminPage } from "./AdminPage";

const LABELS: Record<string, string> = {
  version: "Model versions",
  volume: "Volumes",
  run: "Runs",
  logged_model: "Logged models",
  trace: "Traces",
  staging: "Uploads under way",
};
const COLOURS: Record<string, string> = { queued: "gray", running: "harbour", dead: "red" };

export default function Health() {
  const storageQuery = useQuery(storage);
  const jobsQuery = useQuery(jobs);
  return (
    <AdminPage section="health">
      <Title order={2} size="h4" mb="sm">
        Storage
      </Title>
      {storageQuery.isPending ? <LoadingSkeleton /> : null}
      {storageQuery.error ? (
        <ErrorAlert error={storageQuery.error} retry={() => void storageQuery.refetch()} />
      ) : null}
      {storageQuery.data ? (
        <>
          {storageQuery.data.problem ? (
            <Alert
              color="red"
              variant="light"
              icon={<IconAlertTriangle size={20} />}
              title="The storage does not answer"
            >
              {storageQuery.data.problem}
            </Alert>
          ) : (
            <Group className="panel" p="md" wrap="nowrap" gap="sm" c="teal">
              <IconCircleCheck size={22} aria-hidden />
              <Text size="sm" className="anywhere" c="var(--mantine-color-text)">
                <b>Storage and database answer.</b> Database: {storageQuery.data.database}. Files:{" "}
                {storageQuery.data.places.join(", ")}.
              </Text>
            </Group>
          )}
          <SimpleGrid cols={{ base: 1, xs: 2, md: 4 }} my="md">
            {storageQuery.data.stored.map((part) => (
              <div className="panel" key={`${part.kind} ${part.state}`} style={{ padding: 14 }}>
                <Group justify="space-between">
                  <Text size="sm" c="dimmed">
                    {LABELS[part.kind] ?? part.kind}
                  </Text>
                  <Badge variant="default" tt="none" radius="sm" size="sm">
                    {part.state}
                  </Badge>
                </Group>
                <Text size="xl" fw={600}>
                  {formatBytes(part.bytes)}
                </Text>
                <Text size="xs" c="dimmed">
                  {plural(part.files, "file")} in {plural(part.sets, "set")}
                </Text>
              </div>
            ))}
          </SimpleGrid>
        </>
      ) : null}
      <Title order={2} size="h4" my="sm">
        Jobs
      </Title>
      {jobsQuery.isPending ? <LoadingSkeleton lines={2} /> : null}
      {jobsQuery.error ? (
        <ErrorAlert error={jobsQuery.error} retry={() => void jobsQuery.refetch()} />
      ) : null}
      {jobsQuery.data?.length === 0 ? (
        <Text size="sm" c="dimmed">
          Nothing waits, runs or has failed.
        </Text>
      ) : null}
      {jobsQuery.data && jobsQuery.data.length > 0 ? (
        <VirtualTable<Job>
          label="Jobs"
          rows={jobsQuery.data}
          rowKey={(row) => row.id}
          columns={[
            {
              header: "Task",
              cell: (row) => (
                <Text size="sm" fw={550}>
                  {row.task}
                </Text>
              ),
            },
            {
              header: "About",
              visibleFrom: "sm",
              cell: (row) => <span className="mono clip">{visible(row.key)}</span>,
            },
            {
              header: "State",
              width: 110,
              cell: (row) => (
                <Badge variant="light" tt="none" radius="sm" color={COLOURS[row.state] ?? "gray"}>
                  {row.state}
                </Badge>
              ),
            },
            { header: "Attempts", width: 90, align: "right", cell: (row) => row.attempts },
            { header: "Due", width: 140, cell: (row) => <TimeAgo at={row.run_at} /> },
            {
              header: "Error",
              visibleFrom: "md",
              cell: (row) => <span className="clip">{visible(row.error)}</span>,
            },
          ]}
        />
      ) : null}
    </AdminPage>
  );
}
