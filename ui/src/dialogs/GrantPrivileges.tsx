import { useState } from "react";

import { changeGrants } from "../api/mutations";
import { PrincipalSelect } from "../components/PrincipalSelect";
import { PrivilegeChoices } from "../components/PrivilegeChoices";
import { isContainer, type Securable } from "../lib/securables";
import { plural, visible } from "../lib/text";
import { useMutationWithToast } from "../lib/useMutationWithToast";
import { MutationDialog } from "../ui/Dialog";

export function GrantPrivileges({
  securable,
  onClose,
}: {
  securable: Securable;
  onClose: () => void;
}) {
  const [principal, setPrincipal] = useState<string | null>(null);
  const [privileges, setPrivileges] = useState<string[]>([]);
  const mutation = useMutationWithToast(
    () =>
      changeGrants(securable.type, securable.name, [
        { principal: principal ?? "", add: privileges },
      ]),
    `${plural(privileges.length, "privilege")} granted to ${visible(principal ?? "")}.`,
    onClose,
  );
  return (
    <MutationDialog
      title={`Grant on ${visible(securable.name)}`}
      submit="Grant"
      size="lg"
      onClose={onClose}
      mutation={mutation}
      disabled={!principal || privileges.length === 0}
    >
      <PrincipalSelect label="Principal" value={principal} onChange={setPrincipal} focus />
      <PrivilegeChoices
        kind={securable.kind}
        label="Privileges"
        description={
          isContainer(securable.kind)
            ? "They also apply to everything in it, now and later."
            : `To use the ${securable.kind.toLowerCase()}, a principal also needs USE CATALOG and USE SCHEMA above it.`
        }
        value={privileges}
        onChange={setPrivileges}
      />
    </MutationDialog>
  );
}
