import { Badge, Text } from "@mantine/core";
import { useState } from "react";

import { deletePrincipal, setActive } from "../api/mutations";
import type { Principal, PrincipalKind } from "../api/principals";
import { ConfirmDelete } from "../dialogs/ConfirmDelete";
import { visible } from "../lib/text";
import { useMutationWithToast } from "../lib/useMutationWithToast";
import { ErrorAlert } from "../ui/ErrorAlert";
import { hiddenHeader } from "../ui/hiddenHeader";
import { KebabMenu } from "../ui/KebabMenu";
import { TimeAgo } from "../ui/TimeAgo";
import { type Column, VirtualTable } from "../ui/VirtualTable";

/** An item of each row's menu. */
export interface RowAction {
  label: string;
  onClick: (name: string) => void;
}

const COLUMNS: Column<Principal>[] = [
  { header: "Name", cell: (row) => <NameCell principal={row} /> },
  {
    header: "Role",
    width: 150,
    visibleFrom: "xs",
    cell: (row) =>
      row.account_admin ? (
        <Badge variant="light" tt="none" radius="sm">
          account admin
        </Badge>
      ) : null,
  },
  {
    header: "State",
    width: 130,
    visibleFrom: "xs",
    cell: (row) => (
      <Badge variant="dot" tt="none" radius="sm" color={row.active ? "teal" : "gray"}>
        {row.active ? "active" : "deactivated"}
      </Badge>
    ),
  },
  {
    header: "Created",
    width: 140,
    visibleFrom: "sm",
    cell: (row) => <TimeAgo at={row.created_at} />,
  },
];

interface Props {
  kind: PrincipalKind;
  noun: string;
  rows: Principal[];
  rowAction: RowAction | undefined;
}

/** Principals with their roles and states, and the ways to deactivate and delete them. */
export function PrincipalTable({ kind, noun, rows, rowAction }: Props) {
  const [deleting, setDeleting] = useState<string | null>(null);
  const [deactivating, setDeactivating] = useState<string | null>(null);
  const activate = useMutationWithToast(
    (name: string) => setActive(kind, name, true),
    (_, name) => `${visible(name)} is active.`,
  );
  const actionsOf = ({ name, active }: Principal) => [
    ...(rowAction ? [{ label: rowAction.label, onClick: () => rowAction.onClick(name) }] : []),
    ...(kind === "groups"
      ? []
      : [
          {
            label: active ? "Deactivate" : "Activate",
            onClick: () => (active ? setDeactivating(name) : activate.mutate(name)),
          },
        ]),
    { label: "Delete", danger: true, onClick: () => setDeleting(name) },
  ];
  const columns: Column<Principal>[] = [
    ...COLUMNS,
    {
      ...hiddenHeader("Actions", 60),
      cell: (row) => (
        <KebabMenu size="md" label={`Actions on ${row.name}`} items={actionsOf(row)} />
      ),
    },
  ];
  return (
    <>
      {activate.error ? <ErrorAlert error={activate.error} /> : null}
      <VirtualTable label={`${noun}s`} rows={rows} rowKey={(row) => row.id} columns={columns} />
      {deactivating ? (
        <ConfirmDelete
          title={`Deactivate ${noun}`}
          submit="Deactivate"
          message={
            <>
              This immediately ends all sessions and tokens of <b>{visible(deactivating)}</b>. Its
              grants and its property stay, and work again after activation.
            </>
          }
          mutationFn={() => setActive(kind, deactivating, false)}
          toast={`${visible(deactivating)} is deactivated.`}
          onClose={() => setDeactivating(null)}
        />
      ) : null}
      {deleting ? (
        <ConfirmDelete
          title={`Delete ${noun}`}
          confirmText={deleting}
          message={
            <>
              You cannot undo this action. <b>{visible(deleting)}</b> immediately loses every grant
              and token.
            </>
          }
          mutationFn={() => deletePrincipal(kind, deleting)}
          toast={`${visible(deleting)} deleted.`}
          onClose={() => setDeleting(null)}
        />
      ) : null}
    </>
  );
}

function NameCell({ principal }: { principal: Principal }) {
  const { name, display_name, account_admin } = principal;
  return (
    <>
      <Text size="sm" fw={550} className="line-of">
        {visible(name)}
      </Text>
      {account_admin ? (
        <Text size="xs" hiddenFrom="xs">
          account admin
        </Text>
      ) : null}
      {display_name && display_name !== name ? (
        <Text size="xs" c="dimmed" className="line-of">
          {visible(display_name)}
        </Text>
      ) : null}
    </>
  );
}
