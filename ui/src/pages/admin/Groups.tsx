import { Button, Group, Stack, Text } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";

import { addMember, removeMember } from "../../api/acts";
import { useLooked } from "../../api/long";
import { members } from "../../api/queries";
import { PrincipalSelect } from "../../forms/change";
import { useAct } from "../../ui/Act";
import { Dialog } from "../../ui/Dialog";
import { Failure } from "../../ui/Failure";
import { Loading } from "../../ui/Loading";
import { visible } from "../../ui/text";
import { Principals } from "./Principals";

export default function Groups() {
  const [open, setOpen] = useState<string | null>(null);
  return (
    <>
      <Principals
        kind="groups"
        one="group"
        hint="A team, or a role that several people have."
        command="modelkeep groups create data-scientists"
        about="Groups hold grants and own models, so that the work is shared. They may contain groups."
        open={{ label: "Members", onClick: setOpen }}
      />
      {open ? <Members group={open} onClose={() => setOpen(null)} /> : null}
    </>
  );
}

function Members({ group, onClose }: { group: string; onClose: () => void }) {
  const { data, error, isPending, hasNextPage, fetchNextPage, isFetchingNextPage } =
    useInfiniteQuery(members(group));
  const rows = data?.pages.flatMap((page) => page.members) ?? [];
  useLooked(members(group).queryKey, 0, Math.max(rows.length - 1, 0));
  const [picked, setPicked] = useState<string | null>(null);
  const add = useAct(
    (name: string) => addMember(group, name),
    (_, name) => `${visible(name)} added.`,
    () => setPicked(null),
  );
  const take = useAct(
    (name: string) => removeMember(group, name),
    (_, name) => `${visible(name)} removed.`,
  );
  return (
    <Dialog
      title={`Members of ${visible(group)}`}
      submit="Add member"
      cancel="Close"
      onClose={onClose}
      onSubmit={() => picked && add.mutate(picked)}
      disabled={!picked}
      busy={add.isPending}
      error={add.error ?? take.error}
    >
      {isPending ? <Loading lines={2} /> : null}
      {error ? <Failure error={error} /> : null}
      <Stack gap={4}>
        {data && rows.length === 0 ? (
          <Text size="sm" c="dimmed">
            Nobody yet.
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
              onClick={() => take.mutate(member.name)}
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
      <PrincipalSelect label="New member" value={picked} onChange={setPicked} />
    </Dialog>
  );
}
