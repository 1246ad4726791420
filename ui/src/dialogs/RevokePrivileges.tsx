import { Text } from "@mantine/core";

import { changeGrants } from "../api/mutations";
import { byPrincipal, type GrantRow } from "../lib/grants";
import { type Securable } from "../lib/securables";
import { privilegeLabel, visible } from "../lib/text";
import { useMutationWithToast } from "../lib/useMutationWithToast";
import { MutationDialog } from "../ui/Dialog";

export function RevokePrivileges({
  securable,
  rows,
  onClose,
}: {
  securable: Securable;
  rows: GrantRow[];
  onClose: () => void;
}) {
  const privilegesByPrincipal = [...byPrincipal(rows)];
  const mutation = useMutationWithToast(
    () =>
      changeGrants(
        securable.type,
        securable.name,
        privilegesByPrincipal.map(([principal, remove]) => ({ principal, remove })),
      ),
    "Revoked.",
    onClose,
  );
  return (
    <MutationDialog
      title={`Revoke on ${visible(securable.name)}`}
      submit="Revoke"
      danger
      onClose={onClose}
      mutation={mutation}
    >
      {privilegesByPrincipal.map(([principal, privileges]) => (
        <Text size="sm" key={principal}>
          <b>{visible(principal)}</b> loses {privileges.map(privilegeLabel).join(", ")} here
          immediately.
        </Text>
      ))}
    </MutationDialog>
  );
}
