/** Cells that the audit log and the activity of a securable share. */

import { Badge, Box, Code, Stack, Text } from "@mantine/core";

import type { AuditRecord } from "../api/audit";
import { visible } from "../lib/text";

const shortText = (value: unknown): string => {
  if (value === null || value === undefined) return "none";
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return visible(text.length > 120 ? `${text.slice(0, 117)}…` : text) || "empty";
};

interface Props {
  record: AuditRecord;
  /** The securable of the page. The cell names the other targets of the record. */
  besides?: string;
}

/** The changed fields of a record, or the reason of a refusal. */
export function Changes({ record, besides }: Props) {
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
          {visible(field)}: <Code>{shortText(before)}</Code> → <Code>{shortText(after)}</Code>
        </Text>
      ))}
    </Stack>
  );
}

export const OutcomeBadge = ({ record }: { record: AuditRecord }) => (
  <Badge variant="dot" radius="sm" tt="none" color={record.outcome === "ok" ? "teal" : "red"}>
    {record.outcome}
  </Badge>
);

/** The changes, for windows that are too narrow for their column. */
export const NarrowChanges = (props: Props) => (
  <Box hiddenFrom="sm" maw={190}>
    {props.record.outcome === "ok" ? null : <OutcomeBadge record={props.record} />}
    <Changes {...props} />
  </Box>
);
