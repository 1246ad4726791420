import { Text, TextInput } from "@mantine/core";
import { useState } from "react";

import type { ProtectedAlias } from "../api/access";
import { protectAlias } from "../api/mutations";
import { PrincipalsSelect } from "../components/PrincipalSelect";
import { aliasName } from "../lib/aliases";
import { useDraft } from "../lib/drafts";
import { isContainer, type Securable } from "../lib/securables";
import { visible } from "../lib/text";
import { useMutationWithToast } from "../lib/useMutationWithToast";
import { MutationDialog } from "../ui/Dialog";

export function ProtectAlias({
  securable,
  rule,
  onClose,
}: {
  securable: Securable;
  rule?: ProtectedAlias | undefined;
  onClose: () => void;
}) {
  const { text, setText, discard } = useDraft(
    `protection of ${rule?.alias ?? "an alias"} on ${securable.kind} ${securable.name}`,
    rule?.alias ?? "",
  );
  const [principals, setPrincipals] = useState<string[]>(rule?.principals ?? []);
  const alias = aliasName(text);
  const mutation = useMutationWithToast(
    () => protectAlias(securable.type, securable.name, alias, principals),
    `@${visible(alias)} is protected.`,
    () => {
      discard();
      onClose();
    },
  );
  return (
    <MutationDialog
      title={`Protect an alias on ${visible(securable.name)}`}
      submit="Protect"
      onClose={onClose}
      onCancel={discard}
      mutation={mutation}
      disabled={!alias}
    >
      <Text size="sm">
        {isContainer(securable.kind)
          ? "Only these principals may set, move or delete the alias on any model or prompt in it."
          : "Only these principals may set, move or delete the alias."}{" "}
        They also need the right to set aliases.
      </Text>
      <TextInput
        label="Alias"
        placeholder="Champion"
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
        required
        disabled={rule !== undefined}
        data-autofocus={rule ? undefined : true}
        autoComplete="off"
      />
      <PrincipalsSelect
        label="Who may move it"
        description="Leave it empty to let nobody move the alias."
        value={principals}
        onChange={setPrincipals}
      />
    </MutationDialog>
  );
}
