import { Anchor, Badge, Button, Group, Select, Stack, Text, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { IconBuildingCommunity, IconPlus } from "@tabler/icons-react";
import { useState } from "react";

import {
  assignToWorkspace,
  createWorkspace,
  deleteWorkspace,
  unassignFromWorkspace,
  updateWorkspace,
} from "../../api/acts";
import { me, type Workspace, workspaceAssignments, workspaces } from "../../api/queries";
import { ConfirmDelete, PrincipalSelect } from "../../forms/change";
import { useAct } from "../../ui/Act";
import { Dialog } from "../../ui/Dialog";
import { Failure } from "../../ui/Failure";
import { Kebab } from "../../ui/Kebab";
import { Loading } from "../../ui/Loading";
import { visible } from "../../ui/text";
import { Time } from "../../ui/Time";
import { VirtualTable } from "../../ui/VirtualTable";
import { Admin } from "./Admin";

type Asked =
  | { what: "create" }
  | { what: "edit" | "people" | "delete"; workspace: Workspace }
  | null;

export default function Workspaces() {
  const { data, error, isPending, refetch } = useQuery(workspaces);
  const who = useQuery(me);
  const [asked, setAsked] = useState<Asked>(null);
  const close = () => setAsked(null);
  return (
    <Admin
      section="workspaces"
      actions={
        <Button leftSection={<IconPlus size={16} />} onClick={() => setAsked({ what: "create" })}>
          Create workspace
        </Button>
      }
    >
      <Text size="sm" mb="md">
        A workspace is an address with experiments and runs of its own. All of them share the
        catalogs, but for those that are bound to some.
      </Text>
      {isPending ? <Loading /> : null}
      {error ? <Failure error={error} retry={() => void refetch()} /> : null}
      {data ? (
        <VirtualTable
          label="Workspaces"
          rows={data}
          rowKey={(row) => row.id}
          columns={[
            {
              header: "Name",
              cell: (row) => (
                <Group gap="xs">
                  <IconBuildingCommunity size={18} aria-hidden />
                  <Text size="sm" fw={550} style={{ overflowWrap: "anywhere" }}>
                    {visible(row.name)}
                  </Text>
                  {row.id === who.data?.workspace_id ? (
                    <Badge variant="light" tt="none" radius="sm">
                      this one
                    </Badge>
                  ) : null}
                </Group>
              ),
            },
            {
              header: "Address",
              cell: (row) => (
                <>
                  <Anchor size="sm" className="anywhere" href={row.url} rel="noreferrer">
                    {visible(row.url)}
                  </Anchor>
                  {row.default ? (
                    <Text size="xs" c="dimmed">
                      the server's own
                    </Text>
                  ) : null}
                </>
              ),
            },
            { header: "Id", from: "md", cell: (row) => <span className="mono">{row.id}</span> },
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
                    {
                      label: "People",
                      onClick: () => setAsked({ what: "people", workspace: row }),
                    },
                    { label: "Edit", onClick: () => setAsked({ what: "edit", workspace: row }) },
                    {
                      label: "Delete",
                      danger: true,
                      onClick: () => setAsked({ what: "delete", workspace: row }),
                    },
                  ]}
                />
              ),
            },
          ]}
        />
      ) : null}
      {asked?.what === "create" ? <Edit onClose={close} /> : null}
      {asked?.what === "edit" ? <Edit before={asked.workspace} onClose={close} /> : null}
      {asked?.what === "people" ? <People workspace={asked.workspace} onClose={close} /> : null}
      {asked?.what === "delete" ? (
        <ConfirmDelete
          title="Delete workspace"
          typed={asked.workspace.name}
          what={
            <>
              The address ends at once, and with it the way to its experiments. Catalogs and models
              stay.
            </>
          }
          act={() => deleteWorkspace(asked.workspace.id)}
          done={`${visible(asked.workspace.name)} deleted.`}
          then={() => undefined}
          onClose={close}
        />
      ) : null}
    </Admin>
  );
}

function Edit({ before, onClose }: { before?: Workspace; onClose: () => void }) {
  const [name, setName] = useState(before?.name ?? "");
  const [address, setAddress] = useState(before?.url ?? "");
  const fixed = before !== undefined && before.default;
  const act = useAct(
    () =>
      before
        ? updateWorkspace(before.id, name.trim(), fixed ? undefined : address.trim())
        : createWorkspace(name.trim(), address.trim()),
    (made) => `Workspace ${visible(made.name)} ${before ? "changed" : "created"}.`,
    onClose,
  );
  return (
    <Dialog
      title={before ? `Edit ${visible(before.name)}` : "Create workspace"}
      submit={before ? "Save" : "Create"}
      onClose={onClose}
      onSubmit={() => act.mutate()}
      busy={act.isPending}
      error={act.error}
      disabled={!name.trim() || (!fixed && !address.trim())}
    >
      <TextInput
        label="Name"
        value={name}
        onChange={(e) => setName(e.currentTarget.value)}
        required
        data-autofocus
        autoComplete="off"
      />
      {fixed ? null : (
        <TextInput
          label="Address"
          description="A host of its own that leads to this server: https://team-a.models.example.com. On one machine, another port does: http://127.0.0.1:8081, after a restart."
          value={address}
          onChange={(e) => setAddress(e.currentTarget.value)}
          required
          autoComplete="off"
        />
      )}
    </Dialog>
  );
}

function People({ workspace, onClose }: { workspace: Workspace; onClose: () => void }) {
  const { data, error, isPending } = useQuery(workspaceAssignments(workspace.id));
  const [picked, setPicked] = useState<string | null>(null);
  const [level, setLevel] = useState("USER");
  const add = useAct(
    (name: string) => assignToWorkspace(workspace.id, name, level),
    (_, name) => `${visible(name)} assigned.`,
    () => setPicked(null),
  );
  const take = useAct(
    (name: string) => unassignFromWorkspace(workspace.id, name),
    (_, name) => `${visible(name)} is not assigned any more.`,
  );
  return (
    <Dialog
      title={`People of ${visible(workspace.name)}`}
      submit="Assign"
      cancel="Close"
      size="lg"
      onClose={onClose}
      onSubmit={() => picked && add.mutate(picked)}
      disabled={!picked}
      busy={add.isPending}
      error={add.error ?? take.error}
    >
      {isPending ? <Loading lines={2} /> : null}
      {error ? <Failure error={error} /> : null}
      <Stack gap={4}>
        {data?.length === 0 ? (
          <Text size="sm" c="dimmed">
            Nobody but account admins may enter.
          </Text>
        ) : null}
        {data?.map((one) => (
          <Group key={one.number} justify="space-between" wrap="nowrap">
            <Text size="sm" className="anywhere">
              {visible(one.name)}{" "}
              {one.level === "ADMIN" ? (
                <Badge variant="light" tt="none" radius="sm">
                  admin
                </Badge>
              ) : null}
            </Text>
            <Button
              size="compact-xs"
              variant="default"
              aria-label={`Unassign ${one.name}`}
              onClick={() => take.mutate(one.name)}
            >
              Unassign
            </Button>
          </Group>
        ))}
      </Stack>
      <Group align="flex-end" grow preventGrowOverflow={false}>
        <PrincipalSelect label="Assign" value={picked} onChange={setPicked} />
        <Select
          label="As"
          w={120}
          data={[
            { value: "USER", label: "User" },
            { value: "ADMIN", label: "Admin" },
          ]}
          value={level}
          onChange={(value) => setLevel(value ?? "USER")}
          allowDeselect={false}
        />
      </Group>
    </Dialog>
  );
}
