import { Badge, Button, Checkbox, Group, Text, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { IconPlus, IconUser } from "@tabler/icons-react";
import { type ReactNode, useState } from "react";

import { createPrincipal, deletePrincipal, type PrincipalKind, setActive } from "../../api/acts";
import { principals } from "../../api/queries";
import { ConfirmDelete } from "../../forms/change";
import { useAct } from "../../ui/Act";
import { Dialog } from "../../ui/Dialog";
import { Empty } from "../../ui/Empty";
import { Failure } from "../../ui/Failure";
import { Kebab } from "../../ui/Kebab";
import { Loading } from "../../ui/Loading";
import { visible } from "../../ui/text";
import { Time } from "../../ui/Time";
import { VirtualTable } from "../../ui/VirtualTable";
import { Admin } from "./Admin";

interface Props {
  kind: PrincipalKind;
  one: string;
  hint: string;
  about: ReactNode;
  command: string;
  /** Opens something about one of them. */
  open?: { label: string; onClick: (name: string) => void };
}

export function Principals({ kind, one, hint, about, command, open }: Props) {
  const [creating, setCreating] = useState(false);
  const [deleting, setDeleting] = useState<string | null>(null);
  const [ending, setEnding] = useState<string | null>(null);
  const [filter, setFilter] = useState("");
  const [searched] = useDebouncedValue(filter.trim(), 180);
  const { data, error, isPending, refetch } = useQuery(principals(kind, searched));
  const activate = useAct(
    (name: string) => setActive(kind, name, true),
    (_, name) => `${visible(name)} is active.`,
  );
  const rows = data?.principals ?? [];
  return (
    <Admin
      section={kind}
      actions={
        <Button leftSection={<IconPlus size={16} />} onClick={() => setCreating(true)}>
          Add {one}
        </Button>
      }
    >
      <Text size="sm" mb="md">
        {about}
      </Text>
      {isPending ? <Loading /> : null}
      {error ? <Failure error={error} retry={() => void refetch()} /> : null}
      {activate.error ? <Failure error={activate.error} /> : null}
      {data && rows.length === 0 && !searched ? (
        <Empty
          icon={<IconUser size={34} />}
          title={`No ${one}s yet`}
          command={command}
          action={<Button onClick={() => setCreating(true)}>Add {one}</Button>}
        />
      ) : null}
      {rows.length > 6 || filter ? (
        <TextInput
          aria-label="Filter by name"
          placeholder="Filter by name"
          mb="sm"
          maw={340}
          value={filter}
          onChange={(e) => setFilter(e.currentTarget.value)}
        />
      ) : null}
      {rows.length > 0 ? (
        <VirtualTable
          label={`${one}s`}
          rows={rows}
          rowKey={(row) => row.id}
          columns={[
            {
              header: "Name",
              cell: (row) => (
                <>
                  <Text size="sm" fw={550} className="line-of">
                    {visible(row.name)}
                  </Text>
                  {row.account_admin ? (
                    <Text size="xs" hiddenFrom="xs">
                      account admin
                    </Text>
                  ) : null}
                  {row.display_name && row.display_name !== row.name ? (
                    <Text size="xs" c="dimmed" className="line-of">
                      {visible(row.display_name)}
                    </Text>
                  ) : null}
                </>
              ),
            },
            {
              header: "Role",
              width: 150,
              from: "xs",
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
              from: "xs",
              cell: (row) => (
                <Badge variant="dot" tt="none" radius="sm" color={row.active ? "teal" : "gray"}>
                  {row.active ? "active" : "deactivated"}
                </Badge>
              ),
            },
            {
              header: "Created",
              width: 140,
              from: "sm",
              cell: (row) => <Time at={row.created_at} />,
            },
            {
              header: <span className="visually-hidden">Actions</span>,
              label: "Actions",
              width: 60,
              cell: (row) => (
                <Kebab
                  size="md"
                  label={`Actions on ${row.name}`}
                  items={[
                    ...(open ? [{ label: open.label, onClick: () => open.onClick(row.name) }] : []),
                    ...(kind === "groups"
                      ? []
                      : [
                          {
                            label: row.active ? "Deactivate" : "Activate",
                            onClick: () =>
                              row.active ? setEnding(row.name) : activate.mutate(row.name),
                          },
                        ]),
                    { label: "Delete", danger: true, onClick: () => setDeleting(row.name) },
                  ]}
                />
              ),
            },
          ]}
        />
      ) : null}
      {data?.more ? (
        <Text size="sm" c="dimmed">
          These are the first {rows.length.toLocaleString("en")}; more exist. Filter by name to find
          the others.
        </Text>
      ) : null}
      {creating ? (
        <Create kind={kind} one={one} hint={hint} onClose={() => setCreating(false)} />
      ) : null}
      {ending ? (
        <ConfirmDelete
          title={`Deactivate ${one}`}
          submit="Deactivate"
          what={
            <>
              All sessions and tokens of <b>{visible(ending)}</b> end at once. What it owns and was
              granted stays, and comes back when it is activated again.
            </>
          }
          act={() => setActive(kind, ending, false)}
          done={`${visible(ending)} is deactivated.`}
          then={() => undefined}
          onClose={() => setEnding(null)}
        />
      ) : null}
      {deleting ? (
        <ConfirmDelete
          title={`Delete ${one}`}
          typed={deleting}
          what={
            <>
              You cannot undo this action. <b>{visible(deleting)}</b> loses every grant and token at
              once.
            </>
          }
          act={() => deletePrincipal(kind, deleting)}
          done={`${visible(deleting)} deleted.`}
          then={() => undefined}
          onClose={() => setDeleting(null)}
        />
      ) : null}
    </Admin>
  );
}

function Create({
  kind,
  one,
  hint,
  onClose,
}: {
  kind: PrincipalKind;
  one: string;
  hint: string;
  onClose: () => void;
}) {
  const [name, setName] = useState("");
  const [display, setDisplay] = useState("");
  const [admin, setAdmin] = useState(false);
  const act = useAct(
    () => createPrincipal(kind, name.trim(), display.trim(), admin),
    `${visible(name)} added.`,
    onClose,
  );
  return (
    <Dialog
      title={`Add ${one}`}
      submit="Add"
      onClose={onClose}
      onSubmit={() => act.mutate()}
      busy={act.isPending}
      error={act.error}
      disabled={!name.trim()}
    >
      <TextInput
        label="Name"
        description={hint}
        value={name}
        onChange={(e) => setName(e.currentTarget.value)}
        required
        data-autofocus
        autoComplete="off"
      />
      <TextInput
        label="Display name"
        value={display}
        onChange={(e) => setDisplay(e.currentTarget.value)}
        autoComplete="off"
      />
      <Group>
        <Checkbox
          label="Account admin"
          description="May manage people and tokens, and read the audit log."
          checked={admin}
          onChange={(e) => setAdmin(e.currentTarget.checked)}
        />
      </Group>
    </Dialog>
  );
}
