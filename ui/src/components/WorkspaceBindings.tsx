import { Alert, Badge, Group, Stack, Switch, Text } from "@mantine/core";
import { IconBuildingCommunity, IconPlus } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { me } from "../api/me";
import {
  type BindingType,
  changeBinding,
  isolateCatalog,
  READ_ONLY,
  READ_WRITE,
} from "../api/mutations";
import { useDenialReason } from "../api/permissions";
import { type CatalogInfo } from "../api/securables";
import type { Binding } from "../api/workspaces";
import { bindings, workspaces } from "../api/workspaces";
import { BindWorkspace } from "../dialogs/BindWorkspace";
import { ConfirmDelete } from "../dialogs/ConfirmDelete";
import { visible } from "../lib/text";
import { useMutationWithToast } from "../lib/useMutationWithToast";
import { ActionButton } from "../ui/ActionButton";
import { EmptyState } from "../ui/EmptyState";
import { ErrorAlert } from "../ui/ErrorAlert";
import { hiddenHeader } from "../ui/hiddenHeader";
import { KebabMenu } from "../ui/KebabMenu";
import { LoadingSkeleton } from "../ui/Skeletons";
import { type Column, VirtualTable } from "../ui/VirtualTable";

/** The workspaces that reach a catalog. */
export default function WorkspaceBindings({ catalog }: { catalog: CatalogInfo }) {
  const name = catalog.name;
  const denialReason = useDenialReason("catalog", name);
  const mayRead = denialReason("get_bindings") === undefined;
  const { data, error, isPending, refetch } = useQuery({ ...bindings(name), enabled: mayRead });
  const [binding, setBinding] = useState(false);
  const isolated = catalog.isolation_mode === "ISOLATED";
  return (
    <Stack>
      <Group justify="space-between">
        <IsolationSwitch name={name} isolated={isolated} />
        <ActionButton
          denialReason={denialReason("change_bindings")}
          leftSection={<IconPlus size={16} />}
          onClick={() => setBinding(true)}
        >
          Bind workspace
        </ActionButton>
      </Group>
      {mayRead ? null : (
        <Alert color="gray" variant="light" title="Only owners see the list">
          {denialReason("get_bindings")}
        </Alert>
      )}
      {mayRead && isPending ? <LoadingSkeleton lines={2} /> : null}
      {error ? <ErrorAlert error={error} retry={() => void refetch()} /> : null}
      {data?.length === 0 ? (
        <EmptyState
          icon={<IconBuildingCommunity size={34} />}
          title="Bound to no workspace"
          command={`modelkeep catalogs bind ${name} dev --read-only`}
        >
          {isolated
            ? "No workspace reaches it. Bind one."
            : "All workspaces reach it. Isolate it to let only bound workspaces in."}
        </EmptyState>
      ) : null}
      {data && data.length > 0 ? <BindingTable catalog={name} rows={data} /> : null}
      {binding ? <BindWorkspace catalog={name} onClose={() => setBinding(false)} /> : null}
    </Stack>
  );
}

function IsolationSwitch({ name, isolated }: { name: string; isolated: boolean }) {
  const denialReason = useDenialReason("catalog", name)("isolate_catalog");
  const [confirming, setConfirming] = useState(false);
  const open = useMutationWithToast(
    () => isolateCatalog(name, false),
    `${visible(name)} is open to all workspaces.`,
  );
  return (
    <div>
      <Switch
        label="Isolated: only bound workspaces reach it"
        checked={isolated}
        disabled={denialReason !== undefined}
        description={
          denialReason ?? (isolated ? undefined : "Now all workspaces reach it, bound or not.")
        }
        onChange={(event) =>
          event.currentTarget.checked ? setConfirming(true) : open.mutate(undefined)
        }
      />
      {open.error ? <ErrorAlert error={open.error} /> : null}
      {confirming ? (
        <ConfirmDelete
          title="Isolate catalog"
          submit="Isolate"
          message={
            <>
              From then on, only the workspaces in the list and this one reach{" "}
              <b>{visible(name)}</b>. All other workspaces lose it immediately, whatever their
              users&rsquo; grants.
            </>
          }
          mutationFn={() => isolateCatalog(name, true)}
          toast={`${visible(name)} is isolated.`}
          onClose={() => setConfirming(false)}
        />
      ) : null}
    </div>
  );
}

function BindingTable({ catalog, rows }: { catalog: string; rows: Binding[] }) {
  const { data: user } = useQuery(me);
  const { data: allWorkspaces } = useQuery(workspaces);
  const denialReason = useDenialReason("catalog", catalog)("change_bindings");
  const change = useMutationWithToast(
    (binding: { id: number; type: BindingType | null }) =>
      changeBinding(catalog, binding.id, binding.type),
    "Bindings saved.",
  );
  const label = (id: number) =>
    allWorkspaces?.find((workspace) => workspace.id === String(id))?.name ?? `workspace ${id}`;
  const columns: Column<Binding>[] = [
    {
      header: "Workspace",
      cell: (row) => (
        <Group gap="xs">
          <Text size="sm" fw={550} style={{ overflowWrap: "anywhere" }}>
            {visible(label(row.workspace_id))}
          </Text>
          {String(row.workspace_id) === user?.workspace_id ? (
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
      ...hiddenHeader("Actions", 60),
      cell: (row) => (
        <KebabMenu
          size="md"
          label={`Actions on ${label(row.workspace_id)}`}
          items={[
            {
              label: row.binding_type === READ_ONLY ? "Let it write" : "Make it read-only",
              denialReason,
              onClick: () =>
                change.mutate({
                  id: row.workspace_id,
                  type: row.binding_type === READ_ONLY ? READ_WRITE : READ_ONLY,
                }),
            },
            {
              label: "Unbind",
              danger: true,
              denialReason,
              onClick: () => change.mutate({ id: row.workspace_id, type: null }),
            },
          ]}
        />
      ),
    },
  ];
  return (
    <>
      {change.error ? <ErrorAlert error={change.error} /> : null}
      <VirtualTable
        label="Bound workspaces"
        rows={rows}
        rowKey={(row) => String(row.workspace_id)}
        columns={columns}
      />
    </>
  );
}
