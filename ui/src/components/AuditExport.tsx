import { Button, Group, Menu, Text } from "@mantine/core";
import { IconChevronDown, IconDownload } from "@tabler/icons-react";
import { useState } from "react";

import type { AuditFilter } from "../api/audit";
import { databricksPages, download, type NextPage, recordPages } from "../lib/auditExport";
import { ErrorAlert } from "../ui/ErrorAlert";

/** The button that downloads the records that match a filter. */
export function AuditExport({ filter }: { filter: AuditFilter }) {
  const [lineCount, setLineCount] = useState<number | null>(null);
  const [error, setError] = useState<unknown>(null);
  const start = (nextPage: NextPage, name: string) => {
    setLineCount(0);
    setError(null);
    download(nextPage, name, setLineCount)
      .catch(setError)
      .finally(() => setLineCount(null));
  };
  return (
    <Group gap="sm">
      {lineCount ? (
        <Text size="sm" c="dimmed" role="status">
          {lineCount.toLocaleString("en")} lines so far
        </Text>
      ) : null}
      {error ? <ErrorAlert error={error} /> : null}
      <Menu position="bottom-end" shadow="md">
        <Menu.Target>
          <Button
            variant="default"
            leftSection={<IconDownload size={16} />}
            rightSection={<IconChevronDown size={14} />}
            loading={lineCount !== null}
          >
            Export
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Label>JSON lines, with these filters</Menu.Label>
          <Menu.Item onClick={() => start(recordPages(filter), "audit.jsonl")}>
            As shown here
          </Menu.Item>
          <Menu.Item onClick={() => start(databricksPages(filter), "audit-databricks.jsonl")}>
            In Databricks&apos; schema
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
    </Group>
  );
}
