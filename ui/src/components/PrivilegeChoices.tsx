import { Checkbox, SimpleGrid } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { grantablePrivileges } from "../api/access";
import type { SecurableKind } from "../lib/securables";
import { privilegeLabel } from "../lib/text";

interface Props {
  kind: SecurableKind;
  label: string;
  description?: ReactNode;
  value: string[];
  onChange: (privileges: string[]) => void;
}

/** Chooses among the privileges that can be granted on a kind of securable. */
export function PrivilegeChoices({ kind, ...group }: Props) {
  const { data } = useQuery(grantablePrivileges);
  const grantable = data?.securables.find((entry) => entry.type === kind)?.privileges ?? [];
  return (
    <Checkbox.Group {...group}>
      <SimpleGrid cols={{ base: 1, xs: 2, sm: 3 }} mt="xs" spacing="xs">
        {grantable.map((privilege) => (
          <Checkbox key={privilege} value={privilege} label={privilegeLabel(privilege)} />
        ))}
      </SimpleGrid>
    </Checkbox.Group>
  );
}
