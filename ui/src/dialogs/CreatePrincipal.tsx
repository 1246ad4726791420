import { Checkbox, Group, TextInput } from "@mantine/core";
import { useState } from "react";

import { createPrincipal } from "../api/mutations";
import type { PrincipalKind } from "../api/principals";
import { useDraftFields } from "../lib/drafts";
import { visible } from "../lib/text";
import { useMutationWithToast } from "../lib/useMutationWithToast";
import { MutationDialog } from "../ui/Dialog";
import { NameInput } from "../ui/NameInput";

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
    <MutationDialog
      title={`Add ${noun}`}
      submit="Add"
      onClose={onClose}
      onCancel={discard}
      mutation={mutation}
      disabled={!name}
    >
      <NameInput
        description={hint}
        value={fields.name}
        onChange={(text) => setFields({ name: text })}
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
    </MutationDialog>
  );
}
