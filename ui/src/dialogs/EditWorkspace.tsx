import { TextInput } from "@mantine/core";

import { createWorkspace, updateWorkspace } from "../api/mutations";
import type { Workspace } from "../api/workspaces";
import { useDraftFields } from "../lib/drafts";
import { visible } from "../lib/text";
import { useMutationWithToast } from "../lib/useMutationWithToast";
import { MutationDialog } from "../ui/Dialog";
import { NameInput } from "../ui/NameInput";

export function EditWorkspace({
  workspace,
  onClose,
}: {
  workspace?: Workspace;
  onClose: () => void;
}) {
  const { fields, setFields, discard } = useDraftFields(`workspace ${workspace?.id ?? ""}`, {
    name: workspace?.name ?? "",
    address: workspace?.url ?? "",
  });
  const name = fields.name.trim();
  const address = fields.address.trim();
  const hasFixedAddress = workspace !== undefined && workspace.default;
  const mutation = useMutationWithToast(
    () =>
      workspace
        ? updateWorkspace(workspace.id, name, hasFixedAddress ? undefined : address)
        : createWorkspace(name, address),
    (saved) => `Workspace ${visible(saved.name)} ${workspace ? "changed" : "created"}.`,
    () => {
      discard();
      onClose();
    },
  );
  return (
    <MutationDialog
      title={workspace ? `Edit ${visible(workspace.name)}` : "Create workspace"}
      submit={workspace ? "Save" : "Create"}
      onClose={onClose}
      onCancel={discard}
      mutation={mutation}
      disabled={!name || (!hasFixedAddress && !address)}
    >
      <NameInput value={fields.name} onChange={(text) => setFields({ name: text })} />
      {hasFixedAddress ? null : (
        <TextInput
          label="Address"
          description="A host of its own that leads to this server, such as https://team-a.models.example.com. On one machine, use another port and restart: http://127.0.0.1:8081."
          value={fields.address}
          onChange={(event) => setFields({ address: event.currentTarget.value })}
          required
          autoComplete="off"
        />
      )}
    </MutationDialog>
  );
}
