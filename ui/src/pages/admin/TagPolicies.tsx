import { Badge, Button, Group, Text } from "@mantine/core";
import { IconPlus, IconTags, IconUserShield } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";

import { deleteTagPolicy } from "../../api/mutations";
import type { TagPolicy } from "../../api/tagPolicies";
import { tagPolicies } from "../../api/tagPolicies";
import { ConfirmDelete } from "../../dialogs/ConfirmDelete";
import { EditTagPolicy } from "../../dialogs/EditTagPolicy";
import { TagPolicyPermissions } from "../../dialogs/TagPolicyPermissions";
import { visible } from "../../lib/text";
import { EmptyState } from "../../ui/EmptyState";
import { ErrorAlert } from "../../ui/ErrorAlert";
import { hiddenHeader } from "../../ui/hiddenHeader";
import { KebabMenu } from "../../ui/KebabMenu";
import { LoadingSkeleton } from "../../ui/Skeletons";
import { TimeAgo } from "../../ui/TimeAgo";
import { type Column, VirtualTable } from "../../ui/VirtualTable";
import { AdminPage } from "./AdminPage";

const COLUMNS: Column<TagPolicy>[] = [
  {
    header: "Key",
    cell: (row) => (
      <Text size="sm" fw={550} className="anywhere">
        {visible(row.tag_key)}
      </Text>
    ),
  },
  {
    header: "Allowed values",
    cell: (row) =>
      row.values.length === 0 ? (
        <Text size="sm" c="dimmed">
          any
        </Text>
      ) : (
        <Group gap={4}>
          {row.values.slice(0, 8).map((value) => (
            <Badge key={value.name} variant="default" radius="sm" tt="none">
              {visible(value.name)}
            </Badge>
          ))}
          {row.values.length > 8 ? (
            <Text size="xs" c="dimmed">
              +{row.values.length - 8}
            </Text>
          ) : null}
        </Group>
      ),
  },
  {
    header: "Description",
    visibleFrom: "md",
    cell: (row) => <span className="clip">{visible(row.description)}</span>,
  },
  {
    header: "Changed",
    width: 140,
    visibleFrom: "sm",
    cell: (row) => <TimeAgo at={Date.parse(row.update_time)} />,
  },
];

type OpenDialog =
  | { name: "create" }
  | { name: "all permissions" }
  | { name: "edit" | "permissions" | "delete"; policy: TagPolicy }
  | null;

export default function TagPolicies() {
  const { data, error, isPending, refetch, hasNextPage, fetchNextPage, isFetchingNextPage } =
    useInfiniteQuery(tagPolicies);
  const [dialog, setDialog] = useState<OpenDialog>(null);
  const close = () => setDialog(null);
  const rows = data?.pages.flatMap((page) => page.tag_policies) ?? [];
  const create = (
    <Button leftSection={<IconPlus size={16} />} onClick={() => setDialog({ name: "create" })}>
      Create governed tag
    </Button>
  );
  return (
    <AdminPage
      section="tags"
      actions={
        <>
          <Button
            variant="default"
            leftSection={<IconUserShield size={16} />}
            onClick={() => setDialog({ name: "all permissions" })}
          >
            Permissions
          </Button>
          {create}
        </>
      }
    >
      <Text size="sm" mb="md">
        Only some principals may assign a governed tag, and it may have fixed values. Everyone who
        may change tags may use all other keys.
      </Text>
      {isPending ? <LoadingSkeleton /> : null}
      {error ? <ErrorAlert error={error} retry={() => void refetch()} /> : null}
      {data && rows.length === 0 ? (
        <EmptyState
          icon={<IconTags size={34} />}
          title="No governed tags yet"
          action={create}
          command="modelkeep tag-policies create stage dev prod"
        >
          For example, stage with the values dev and prod.
        </EmptyState>
      ) : null}
      {rows.length > 0 ? (
        <VirtualTable
          label="Governed tags"
          rows={rows}
          rowKey={(row) => row.id}
          loadMore={hasNextPage ? () => void fetchNextPage() : undefined}
          loadingMore={isFetchingNextPage}
          columns={[
            ...COLUMNS,
            {
              ...hiddenHeader("Actions", 60),
              cell: (row) => (
                <KebabMenu
                  size="md"
                  label={`Actions on ${row.tag_key}`}
                  items={[
                    { label: "Edit", onClick: () => setDialog({ name: "edit", policy: row }) },
                    {
                      label: "Permissions",
                      onClick: () => setDialog({ name: "permissions", policy: row }),
                    },
                    {
                      label: "Delete",
                      danger: true,
                      onClick: () => setDialog({ name: "delete", policy: row }),
                    },
                  ]}
                />
              ),
            },
          ]}
        />
      ) : null}
      {dialog?.name === "create" ? <EditTagPolicy onClose={close} /> : null}
      {dialog?.name === "edit" ? <EditTagPolicy policy={dialog.policy} onClose={close} /> : null}
      {dialog?.name === "all permissions" ? <TagPolicyPermissions onClose={close} /> : null}
      {dialog?.name === "permissions" ? (
        <TagPolicyPermissions policy={dialog.policy} onClose={close} />
      ) : null}
      {dialog?.name === "delete" ? (
        <ConfirmDelete
          title="Delete governed tag"
          confirmText={dialog.policy.tag_key}
          message="The tags that are set stay. Everyone who may change tags may then change them."
          mutationFn={() => deleteTagPolicy(dialog.policy.tag_key)}
          toast={`${visible(dialog.policy.tag_key)} is not governed any more.`}
          onClose={close}
        />
      ) : null}
    </AdminPage>
  );
}
