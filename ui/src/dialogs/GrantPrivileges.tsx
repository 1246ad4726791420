import { Checkbox, SimpleGrid } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { grantablePrivileges } from "../api/access";
import { changeGrants } from "../api/mutations";
import { PrincipalSelect } from "../components/PrincipalSelect";
import { isContainer, type Securable } from "../lib/securables";
import { plural, privilegeLabel, visible } from "../lib/text";
import { useMutationWithToast } from "../lib/useMutationWithToast";
import { Dialog } from "../ui/Dialog";

export function GrantPrivileges({
  securable,
  onClose,
}: {
  securable: Securable;
  onClose: () => void;
}) {
  const [principal, setPrincipal] = useState<string | null>(null);
  const [privileges, setPrivileges] = useState<string[]>([]);
  const { data } = useQuery(grantablePrivileges);
  const grantable =
    data?.securables.find((entry) => entry.type === securable.kind)?.privileges ?? [];
  const mutation = useMutationWithToast(
    () =>
      changeGrants(securable.type, securable.name, [
        { principal: principal ?? "", add: privileges },
      ]),
    `${plural(privileges.length, "privilege")} granted to ${visible(principal ?? "")}.`,
    onClose,
  );
  return (
    <Dialog
      title={`Grant on ${visible(securable.name)}`}
      submit="Grant"
      size="lg"
      onClose={onClose}
      onSubmit={() => mutation.mutate()}
      busy={mutation.isPending}
      error={mutation.error}
      disabled={!principal || privileges.length === 0}
    >
      <PrincipalSelect label="Principal" value={principal} onChange={setPrincipal} focus />
      <Checkbox.Group
        label="Privileges"
        description={
          isContainer(securable.kind)
            ? "They also apply to everything in it, now and later."
            : `To use the ${securable.kind.toLowerCase()}, a principal also needs USE CATALOG and USE SCHEMA above it.`
        }
        value={privileges}
        onChange={setPrivileges}
      >
        <SimpleGrid cols={{ base: 1, xs: 2, sm: 3 }} mt="xs" spacing="xs">
          {grantable.map((privilege) => (
            <Checkbox key={privilege} value={privilege} label={privilegeLabel(privilege)} />
          ))}
        </SimpleGrid>
      </Checkbox.Group>
    </Dialog>
  );
}
