import { Alert, Badge, Group, Select, Stack, Switch, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { IconBuildingCommunity, IconPlus } from "@tabler/icons-react";
import { useState } from "react";

import { type BindingType, changeBinding, isolateCatalog } from "../api/acts";
import { useRefused } from "../api/can";
import { bindings, type CatalogInfo, me, workspaces } from "../api/queries";
import { ConfirmDelete } from "../forms/change";
import { useAct } from "../ui/Act";
import { Action } from "../ui/Action";
import { Dialog } from "../ui/Dialog";
import { Empty } from "../ui/Empty";
import { Failure } from "../ui/Failure";
import { Kebab } from "../ui/Kebab";
import { Loading } from "../ui/Loading";
import { visible } from "../ui/text";
import { VirtualTable } from "../ui/VirtualTable";

const READ_WRITE = "BINDING_TYPE_READ_WRITE";
const READ_ONLY = "BINDING_TYPE_READ_ONLY";
const TYPES = [
  { value: READ_WRITE, label: "Read and write" },
  { value: READ_ONLY, label: "Read only" },
];

/** Which workspaces a catalog can be reached through. */
export default function Bindings({ catalog }: { catalog: CatalogInfo }) {
  const name = catalog.name;
  const refused = useRefused("catalog", name);
  const mayRead = refused("get_bindings") === undefined;
  const { data, error, isPending, refetch } = useQuery({ ...bindings(name), enabled: mayRead });
  const known = useQuery(workspaces);
  const who = useQuery(me);
  const [binding, setBinding] = useState(false);
  const [closing, setClosing] = useState(false);
  const isolated = catalog.isolation_mode === "ISOLATED";
  const open = useAct(
    () => isolateCatalog(name, false),
    `${visible(name)} is open to all workspaces.`,
  );
  const change = useAct(
    (to: { id: number; type: BindingType | null }) => changeBinding(name, to.id, to.type),
    "Bindings saved.",
  );
  const label = (id: number) =>
    known.data?.find((one) => one.id === String(id))?.name ?? `workspace ${id}`;
  return (
    <Stack>
      <Group justify="space-between">
        <Switch
          label="Isolated: only the workspaces that are bound reach it"
          checked={isolated}
          disabled={refused("isolate_catalog") !== undefined}
          description={
            refused("isolate_catalog") ??
            (isolated ? undefined : "Now all workspaces reach it, whatever the list says.")
          }
          onChange={(event) =>
            event.currentTarget.checked ? setClosing(true) : open.mutate(undefined)
          }
        />
        <Action
          refused={refused("change_bindings")}
          leftSection={<IconPlus size={16} />}
          onClick={() => setBinding(true)}
        >
          Bind workspace
        </Action>
      </Group>
      {(open.error ?? change.error) ? <Failure error={open.error ?? change.error} /> : null}
      {mayRead ? null : (
        <Alert color="gray" variant="light" title="The list is for owners">
          {refused("get_bindings")}
        </Alert>
      )}
      {mayRead && isPending ? <Loading lines={2} /> : null}
      {error ? <Failure error={error} retry={() => void refetch()} /> : null}
      {data?.length === 0 ? (
        <Empty
          icon={<IconBuildingCommunity size={34} />}
          title="Bound to no workspace"
          command={`modelkeep catalogs bind ${name} dev --read-only`}
        >
          {isolated
            ? "So nobody reaches it. Bind one."
            : "All workspaces reach it. Isolate it to let only some in."}
        </Empty>
      ) : null}
      {data && data.length > 0 ? (
        <VirtualTable
          label="Bound workspaces"
          rows={data}
          rowKey={(row) => String(row.workspace_id)}
          columns={[
            {
              header: "Workspace",
              cell: (row) => (
                <Group gap="xs">
                  <Text size="sm" fw={550} style={{ overflowWrap: "anywhere" }}>
                    {visible(label(row.workspace_id))}
                  </Text>
                  {String(row.workspace_id) === who.data?.workspace_id ? (
                    <Badge variant="light" tt="none" radius="sm">
                      this one
                    </Badge>
                  ) : null}
                </Group>
              ),
            },
            {
              header: "Access",
              cell: (row) => (row.binding_type === READ_ONLY ? "Read only" : "Read and write"),
            },
            {
              header: <span className="visually-hidden">Actions</span>,
              label: "Actions",
              width: 60,
              cell: (row) => (
                <Kebab
                  size="md"
                  label={`Actions on ${label(row.workspace_id)}`}
                  items={[
                    {
                      label: row.binding_type === READ_ONLY ? "Let it write" : "Make it read-only",
                      refused: refused("change_bindings"),
                      onClick: () =>
                        change.mutate({
                          id: row.workspace_id,
                          type: row.binding_type === READ_ONLY ? READ_WRITE : READ_ONLY,
                        }),
                    },
                    {
                      label: "Unbind",
                      danger: true,
                      refused: refused("change_bindings"),
                      onClick: () => change.mutate({ id: row.workspace_id, type: null }),
                    },
                  ]}
                />
              ),
            },
          ]}
        />
      ) : null}
      {binding ? <Bind catalog={name} onClose={() => setBinding(false)} /> : null}
      {closing ? (
        <ConfirmDelete
          title="Isolate catalog"
          submit="Isolate"
          what={
            <>
              From then on <b>{visible(name)}</b> is reached through the workspaces in the list, and
              through this one. In all others it is closed at once, whoever holds what.
            </>
          }
          act={() => isolateCatalog(name, true)}
          done={`${visible(name)} is isolated.`}
          then={() => undefined}
          onClose={() => setClosing(false)}
        />
      ) : null}
    </Stack>
  );
}

function Bind({ catalog, onClose }: { catalog: string; onClose: () => void }) {
  const { data } = useQuery(workspaces);
  const [workspace, setWorkspace] = useState<string | null>(null);
  const [type, setType] = useState<string>(READ_WRITE);
  const act = useAct(
    () => changeBinding(catalog, Number(workspace), type as BindingType),
    "Bound.",
    onClose,
  );
  return (
    <Dialog
      title={`Bind ${visible(catalog)} to a workspace`}
      submit="Bind"
      onClose={onClose}
      onSubmit={() => act.mutate()}
      busy={act.isPending}
      error={act.error}
      disabled={!workspace}
    >
      <Select
        label="Workspace"
        searchable
        required
        openOnFocus={false}
        data-autofocus
        data={(data ?? []).map((one) => ({ value: one.id, label: one.name }))}
        value={workspace}
        onChange={setWorkspace}
        nothingFoundMessage="You may enter no workspace of this name"
      />
      <Select
        label="Access"
        data={TYPES}
        value={type}
        onChange={(value) => setType(value ?? READ_WRITE)}
        allowDeselect={false}
      />
    </Dialog>
  );
}
