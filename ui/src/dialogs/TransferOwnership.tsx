import { Text } from "@mantine/core";
import { useState } from "react";

import { updateSecurable } from "../api/mutations";
import { PrincipalSelect } from "../components/PrincipalSelect";
import type { Securable } from "../lib/securables";
import { visible } from "../lib/text";
import { useMutationWithToast } from "../lib/useMutationWithToast";
import { MutationDialog } from "../ui/Dialog";

export function TransferOwnership({
  securable,
  owner,
  onClose,
}: {
  securable: Securable;
  owner: string;
  onClose: () => void;
}) {
  const [newOwner, setNewOwner] = useState<string | null>(null);
  const mutation = useMutationWithToast(
    () => updateSecurable(securable.kind, securable.name, { owner: newOwner ?? "" }),
    `${visible(securable.name)} has a new owner.`,
    onClose,
  );
  return (
    <MutationDialog
      title="Transfer ownership"
      submit="Transfer"
      onClose={onClose}
      mutation={mutation}
      disabled={!newOwner || newOwner === owner}
    >
      <Text size="sm">
        {visible(securable.name)} belongs to <b>{visible(owner)}</b>. Give it to a group to share
        the work on it. You may lose the right to change it.
      </Text>
      <PrincipalSelect label="New owner" value={newOwner} onChange={setNewOwner} focus />
    </MutationDialog>
  );
}
