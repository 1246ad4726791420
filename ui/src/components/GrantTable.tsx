import { Anchor, Badge, Checkbox, Group, Text } from "@mantine/core";
import { Link } from "react-router";

import { type GrantRow, grantKey } from "../lib/grants";
import { privilegeLabel, visible } from "../lib/text";
import { securablePath } from "../paths";
import { kindLabel } from "../ui/kinds";
import { type Column, VirtualTable } from "../ui/VirtualTable";

interface Props {
  rows: GrantRow[];
  checkedKeys: ReadonlySet<string>;
  setCheckedKeys: (keys: ReadonlySet<string>) => void;
}

export function GrantTable({ rows, checkedKeys, setCheckedKeys }: Props) {
  const check = (row: GrantRow, checked: boolean) => {
    const keys = new Set(checkedKeys);
    if (checked) keys.add(grantKey(row));
    else keys.delete(grantKey(row));
    setCheckedKeys(keys);
  };
  const columns: Column<GrantRow>[] = [
    {
      header: <span className="visually-hidden">Choose</span>,
      label: "Choose",
      width: 44,
      cell: (row) =>
        row.fromKind ? null : (
          <Checkbox
            size="xs"
            checked={checkedKeys.has(grantKey(row))}
            aria-label={`Choose ${privilegeLabel(row.privilege)} of ${row.principal}`}
            onChange={(event) => check(row, event.currentTarget.checked)}
          />
        ),
    },
    {
      header: "Principal",
      cell: (row) => <span className="anywhere">{visible(row.principal)}</span>,
    },
    { header: "Privilege", cell: (row) => <PrivilegeCell row={row} /> },
    { header: "Inherited from", cell: (row) => <OriginCell row={row} /> },
  ];
  return <VirtualTable label="Grants" columns={columns} rows={rows} rowKey={grantKey} />;
}

function PrivilegeCell({ row }: { row: GrantRow }) {
  return (
    <Group gap={6} wrap="nowrap">
      <Text size="sm" fw={550} className="nowrap">
        {privilegeLabel(row.privilege)}
      </Text>
      {row.inert ? (
        <Badge
          variant="light"
          color="gray"
          title="Databricks has this privilege. Here it allows nothing."
        >
          No effect
        </Badge>
      ) : null}
    </Group>
  );
}

function OriginCell({ row }: { row: GrantRow }) {
  if (!row.fromKind)
    return (
      <Text size="sm" c="dimmed">
        Granted here
      </Text>
    );
  const path = securablePath(row.fromKind, row.fromName);
  if (!path) return kindLabel(row.fromKind);
  return (
    <Anchor component={Link} size="sm" to={`${path}?tab=permissions`}>
      {kindLabel(row.fromKind)} {visible(row.fromName)}
    </Anchor>
  );
}
