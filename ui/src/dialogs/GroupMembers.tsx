import { Button, Group, Stack, Text } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";

import { useVisibleRows } from "../api/infiniteLists";
import { addMember, removeMember } from "../api/mutations";
import { members } from "../api/principals";
import { PrincipalSelect } from "../components/PrincipalSelect";
import { visible } from "../lib/text";
import { useMutationWithToast } from "../lib/useMutationWithToast";
import { Dialog } from "../ui/Dialog";
import { ErrorAlert } from "../ui/ErrorAlert";
import { LoadingSkeleton } from "../ui/Skeletons";

export function GroupMembers({ group, onClose }: { group: string; onClose: () => void }) {
  const { data, error, isPending, hasNextPage, fetchNextPage, isFetchingNextPage } =
    useInfiniteQuery(members(group));
  const rows = data?.pages.flatMap((page) => page.members) ?? [];
  useVisibleRows(members(group).queryKey, 0, Math.max(rows.length - 1, 0));
  const [chosen, setChosen] = useState<string | null>(null);
  const add = useMutationWithToast(
    (name: string) => addMember(group, name),
    (_, name) => `${visible(name)} added.`,
    () => setChosen(null),
  );
  const remove = useMutationWithToast(
    (name: string) => removeMember(group, name),
    (_, name) => `${visible(name)} removed.`,
  );
  return (
    <Dialog
      title={`Members of ${visible(group)}`}
      submit="Add member"
      cancel="Close"
      onClose={onClose}
      onSubmit={() => chosen && add.mutate(chosen)}
      disabled={!chosen}
      busy={add.isPending}
      error={add.error ?? remove.error}
    >
      {isPending ? <LoadingSkeleton lines={2} /> : null}
      {error ? <ErrorAlert error={error} /> : null}
      <Stack gap={4}>
        {data && rows.length === 0 ? (
          <Text size="sm" c="dimmed">
            No members yet.
          </Text>
        ) : null}
        {rows.map((member) => (
          <Group key={member.id} justify="space-between" wrap="nowrap">
            <Text size="sm" className="anywhere">
              {visible(member.name)}
            </Text>
            <Button
              size="compact-xs"
              variant="default"
              aria-label={`Remove ${member.name}`}
              onClick={() => remove.mutate(member.name)}
            >
              Remove
            </Button>
          </Group>
        ))}
        {hasNextPage ? (
          <Button
            size="compact-sm"
            variant="default"
            loading={isFetchingNextPage}
            onClick={() => void fetchNextPage()}
          >
            Load more
          </Button>
        ) : null}
      </Stack>
      <PrincipalSelect label="New member" value={chosen} onChange={setChosen} />
    </Dialog>
  );
}
