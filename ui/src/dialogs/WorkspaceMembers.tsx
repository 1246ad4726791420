import { Badge, Button, Group, Select, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { assignToWorkspace, unassignFromWorkspace } from "../api/mutations";
import type { Workspace } from "../api/workspaces";
import { workspaceAssignments } from "../api/workspaces";
import { PrincipalSelect } from "../components/PrincipalSelect";
import { visible } from "../lib/text";
import { useMutationWithToast } from "../lib/useMutationWithToast";
import { Dialog } from "../ui/Dialog";
import { ErrorAlert } from "../ui/ErrorAlert";
import { LoadingSkeleton } from "../ui/Skeletons";

export function WorkspaceMembers({
  workspace,
  onClose,
}: {
  workspace: Workspace;
  onClose: () => void;
}) {
  const { data, error, isPending } = useQuery(workspaceAssignments(workspace.id));
  const [chosen, setChosen] = useState<string | null>(null);
  const [level, setLevel] = useState("USER");
  const add = useMutationWithToast(
    (name: string) => assignToWorkspace(workspace.id, name, level),
    (_, name) => `${visible(name)} assigned.`,
    () => setChosen(null),
  );
  const unassign = useMutationWithToast(
    (name: string) => unassignFromWorkspace(workspace.id, name),
    (_, name) => `${visible(name)} is not assigned any more.`,
  );
  return (
    <Dialog
      title={`People of ${visible(workspace.name)}`}
      submit="Assign"
      cancel="Close"
      size="lg"
      onClose={onClose}
      onSubmit={() => chosen && add.mutate(chosen)}
      disabled={!chosen}
      busy={add.isPending}
      error={add.error ?? unassign.error}
    >
      {isPending ? <LoadingSkeleton lines={2} /> : null}
      {error ? <ErrorAlert error={error} /> : null}
      <Stack gap={4}>
        {data?.length === 0 ? (
          <Text size="sm" c="dimmed">
            Only account admins may enter.
          </Text>
        ) : null}
        {data?.map((member) => (
          <Group key={member.number} justify="space-between" wrap="nowrap">
            <Text size="sm" className="anywhere">
              {visible(member.name)}{" "}
              {member.level === "ADMIN" ? (
                <Badge variant="light" tt="none" radius="sm">
                  admin
                </Badge>
              ) : null}
            </Text>
            <Button
              size="compact-xs"
              variant="default"
              aria-label={`Unassign ${member.name}`}
              onClick={() => unassign.mutate(member.name)}
            >
              Unassign
            </Button>
          </Group>
        ))}
      </Stack>
      <Group align="flex-end" grow preventGrowOverflow={false}>
        <PrincipalSelect label="Assign" value={chosen} onChange={setChosen} />
        <Select
          label="As"
          w={120}
          data={[
            { value: "USER", label: "User" },
            { value: "ADMIN", label: "Admin" },
          ]}
          value={level}
          onChange={(value) => setLevel(value ?? "USER")}
          allowDeselect={false}
        />
      </Group>
    </Dialog>
  );
}
