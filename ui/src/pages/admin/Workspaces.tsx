import { Anchor, Badge, Button, Group, Text } from "@mantine/core";
import { IconBuildingCommunity, IconPlus } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { me } from "../../api/me";
import { deleteWorkspace } from "../../api/mutations";
import type { Workspace } from "../../api/workspaces";
import { workspaces } from "../../api/workspaces";
import { ConfirmDelete } from "../../dialogs/ConfirmDelete";
import { EditWorkspace } from "../../dialogs/EditWorkspace";
import { WorkspaceMembers } from "../../dialogs/WorkspaceMembers";
import { visible } from "../../lib/text";
import { ErrorAlert } from "../../ui/ErrorAlert";
import { hiddenHeader } from "../../ui/hiddenHeader";
import { KebabMenu } from "../../ui/KebabMenu";
import { LoadingSkeleton } from "../../ui/Skeletons";
import { TimeAgo } from "../../ui/TimeAgo";
import { VirtualTable } from "../../ui/VirtualTable";
import { AdminPage } from "./AdminPage";

type OpenDialog =
  | { name: "create" }
  | { name: "edit" | "members" | "delete"; workspace: Workspace }
  | null;

export default function Workspaces() {
  const { data, error, isPending, refetch } = useQuery(workspaces);
  const user = useQuery(me);
  const [dialog, setDialog] = useState<OpenDialog>(null);
  const close = () => setDialog(null);
  return (
    <AdminPage
      section="workspaces"
      actions={
        <Button leftSection={<IconPlus size={16} />} onClick={() => setDialog({ name: "create" })}>
          Create workspace
        </Button>
      }
    >
      <Text size="sm" mb="md">
        A workspace is an address with experiments and runs of its own. All workspaces share the
        catalogs, except catalogs that are bound to certain workspaces.
      </Text>
      {isPending ? <LoadingSkeleton /> : null}
      {error ? <ErrorAlert error={error} retry={() => void refetch()} /> : null}
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
                  {row.id === user.data?.workspace_id ? (
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
            {
              header: "Id",
              visibleFrom: "md",
              cell: (row) => <span className="mono">{row.id}</span>,
            },
            {
              header: "Created",
              width: 140,
              visibleFrom: "sm",
              cell: (row) => <TimeAgo at={row.created_at} />,
            },
            {
              ...hiddenHeader("Actions", 60),
              cell: (row) => (
                <KebabMenu
                  size="md"
                  label={`Actions on ${row.name}`}
                  items={[
                    {
                      label: "People",
                      onClick: () => setDialog({ name: "members", workspace: row }),
                    },
                    { label: "Edit", onClick: () => setDialog({ name: "edit", workspace: row }) },
                    {
                      label: "Delete",
                      danger: true,
                      onClick: () => setDialog({ name: "delete", workspace: row }),
                    },
                  ]}
                />
              ),
            },
          ]}
        />
      ) : null}
      {dialog?.name === "create" ? <EditWorkspace onClose={close} /> : null}
      {dialog?.name === "edit" ? (
        <EditWorkspace workspace={dialog.workspace} onClose={close} />
      ) : null}
      {dialog?.name === "members" ? (
        <WorkspaceMembers workspace={dialog.workspace} onClose={close} />
      ) : null}
      {dialog?.name === "delete" ? (
        <ConfirmDelete
          title="Delete workspace"
          confirmText={dialog.workspace.name}
          message={
            <>
              Its address stops working immediately, and so does the way to its experiments.
              Catalogs and models stay.
            </>
          }
          mutationFn={() => deleteWorkspace(dialog.workspace.id)}
          toast={`${visible(dialog.workspace.name)} deleted.`}
          onClose={close}
        />
      ) : null}
    </AdminPage>
  );
}
