import { Checkbox, Group, TextInput } from "@mantine/core";
import { useState } from "react";

import { createPrincipal } from "../api/mutations";
import type { PrincipalKind } from "../api/principals";
import { useDraftFields } from "../lib/drafts";
import { visible } from "../lib/text";
import { useMutationWithToast } from "../lib/useMutationWithToast";
import { Dialog } from "../ui/Dialog";

export function CreatePrincipal({
  kind,
  noun,
  hint,
  onClose,
}: {
  kind: PrincipalKind;
  noun: string;
  hint: string;
  onClose: () => void;
}) {
  const { fields, setFields, discard } = useDraftFields(`new ${noun}`, {
    name: "",
    displayName: "",
  });
  const name = fields.name.trim();
  const [admin, setAdmin] = useState(false);
  const mutation = useMutationWithToast(
    () => createPrincipal(kind, name, fields.displayName.trim(), admin),
    `${visible(name)} added.`,
    () => {
      discard();
      onClose();
    },
  );
  return (
    <Dialog
      title={`Add ${noun}`}
      submit="Add"
      onClose={onClose}
      onCancel={discard}
      onSubmit={() => mutation.mutate()}
      busy={mutation.isPending}
      error={mutation.error}
      disabled={!name}
    >
      <TextInput
        label="Name"
        description={hint}
        value={fields.name}
        onChange={(event) => setFields({ name: event.currentTarget.value })}
        required
        data-autofocus
        autoComplete="off"
      />
      <TextInput
        label="Display name"
        value={fields.displayName}
        onChange={(event) => setFields({ displayName: event.currentTarget.value })}
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
