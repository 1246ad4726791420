import { Text, TextInput } from "@mantine/core";
import { useNavigate } from "react-router";

import { updateSecurable } from "../api/mutations";
import { useDraft } from "../lib/drafts";
import { pathOfSecurable, type Securable } from "../lib/securables";
import { leafName } from "../lib/text";
import { useMutationWithToast } from "../lib/useMutationWithToast";
import { MutationDialog } from "../ui/Dialog";
import { kindLabel } from "../ui/kinds";

export function RenameSecurable({
  securable,
  onClose,
}: {
  securable: Securable;
  onClose: () => void;
}) {
  const { kind, name } = securable;
  const { text, setText, discard } = useDraft(`new name of ${kind} ${name}`, leafName(name));
  const navigate = useNavigate();
  const mutation = useMutationWithToast(
    () => updateSecurable(kind, name, { new_name: text.trim() }),
    (renamed) => `Renamed to ${renamed.full_name}.`,
    (renamed) => {
      discard();
      onClose();
      void navigate(pathOfSecurable({ ...securable, name: renamed.full_name }), { replace: true });
    },
  );
  return (
    <MutationDialog
      title={`Rename ${kindLabel(kind)}`}
      submit="Rename"
      onClose={onClose}
      onCancel={discard}
      mutation={mutation}
      disabled={!text.trim() || text === leafName(name)}
    >
      <TextInput
        label="New name"
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
        data-autofocus
        required
        autoComplete="off"
      />
      <Text size="sm" c="dimmed">
        Grants, aliases, tags and files stay as they are. Code that uses the old name must change.
      </Text>
    </MutationDialog>
  );
}
