import { Badge, Button, Group, TagsInput, Text, Textarea, TextInput } from "@mantine/core";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { IconPlus, IconTags, IconUserShield } from "@tabler/icons-react";
import { useEffect, useState } from "react";

import { createTagPolicy, deleteTagPolicy, setTagRules, updateTagPolicy } from "../../api/acts";
import { principalPath, type TagPolicy, tagPolicies, tagRules } from "../../api/queries";
import { ConfirmDelete, PrincipalsSelect } from "../../forms/change";
import { useAct } from "../../ui/Act";
import { Dialog } from "../../ui/Dialog";
import { Empty } from "../../ui/Empty";
import { Failure } from "../../ui/Failure";
import { Kebab } from "../../ui/Kebab";
import { Loading } from "../../ui/Loading";
import { visible } from "../../ui/text";
import { Time } from "../../ui/Time";
import { VirtualTable } from "../../ui/VirtualTable";
import { Admin } from "./Admin";

type Asked =
  | { what: "create" }
  | { what: "everything" }
  | { what: "edit" | "who" | "delete"; policy: TagPolicy }
  | null;

export default function TagPolicies() {
  const { data, error, isPending, refetch, hasNextPage, fetchNextPage, isFetchingNextPage } =
    useInfiniteQuery(tagPolicies);
  const [asked, setAsked] = useState<Asked>(null);
  const close = () => setAsked(null);
  const rows = data?.pages.flatMap((page) => page.tag_policies) ?? [];
  const create = (
    <Button leftSection={<IconPlus size={16} />} onClick={() => setAsked({ what: "create" })}>
      Create governed tag
    </Button>
  );
  return (
    <Admin
      section="tags"
      actions={
        <>
          <Button
            variant="default"
            leftSection={<IconUserShield size={16} />}
            onClick={() => setAsked({ what: "everything" })}
          >
            Permissions
          </Button>
          {create}
        </>
      }
    >
      <Text size="sm" mb="md">
        A governed tag has a key that only some may assign, and values to choose from. Every other
        key is free.
      </Text>
      {isPending ? <Loading /> : null}
      {error ? <Failure error={error} retry={() => void refetch()} /> : null}
      {data && rows.length === 0 ? (
        <Empty
          icon={<IconTags size={34} />}
          title="No governed tags yet"
          action={create}
          command="modelkeep tag-policies create stage dev prod"
        >
          For example stage, with the values dev and prod.
        </Empty>
      ) : null}
      {rows.length > 0 ? (
        <VirtualTable
          label="Governed tags"
          rows={rows}
          rowKey={(row) => row.id}
          more={hasNextPage ? () => void fetchNextPage() : undefined}
          loadingMore={isFetchingNextPage}
          columns={[
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
              from: "md",
              cell: (row) => <span className="clip">{visible(row.description)}</span>,
            },
            {
              header: "Changed",
              width: 140,
              from: "sm",
              cell: (row) => <Time at={Date.parse(row.update_time)} />,
            },
            {
              header: <span className="visually-hidden">Actions</span>,
              label: "Actions",
              width: 60,
              cell: (row) => (
                <Kebab
                  size="md"
                  label={`Actions on ${row.tag_key}`}
                  items={[
                    { label: "Edit", onClick: () => setAsked({ what: "edit", policy: row }) },
                    { label: "Permissions", onClick: () => setAsked({ what: "who", policy: row }) },
                    {
                      label: "Delete",
                      danger: true,
                      onClick: () => setAsked({ what: "delete", policy: row }),
                    },
                  ]}
                />
              ),
            },
          ]}
        />
      ) : null}
      {asked?.what === "create" ? <Policy onClose={close} /> : null}
      {asked?.what === "edit" ? <Policy before={asked.policy} onClose={close} /> : null}
      {asked?.what === "everything" ? <Rules onClose={close} /> : null}
      {asked?.what === "who" ? <Rules policy={asked.policy} onClose={close} /> : null}
      {asked?.what === "delete" ? (
        <ConfirmDelete
          title="Delete governed tag"
          typed={asked.policy.tag_key}
          what={<>The tags that are set stay, and anybody who may tag may change them.</>}
          act={() => deleteTagPolicy(asked.policy.tag_key)}
          done={`${visible(asked.policy.tag_key)} is not governed any more.`}
          then={() => undefined}
          onClose={close}
        />
      ) : null}
    </Admin>
  );
}

function Policy({ before, onClose }: { before?: TagPolicy; onClose: () => void }) {
  const [key, setKey] = useState(before?.tag_key ?? "");
  const [description, setDescription] = useState(before?.description ?? "");
  const [values, setValues] = useState<string[]>(before?.values.map((value) => value.name) ?? []);
  const act = useAct(
    () =>
      before
        ? updateTagPolicy(before.tag_key, description, values)
        : createTagPolicy(key.trim(), description, values),
    (made) => `${visible(made.tag_key)} is governed.`,
    onClose,
  );
  return (
    <Dialog
      title={before ? `Edit ${visible(before.tag_key)}` : "Create governed tag"}
      submit={before ? "Save" : "Create"}
      onClose={onClose}
      onSubmit={() => act.mutate()}
      busy={act.isPending}
      error={act.error}
      disabled={!key.trim()}
    >
      <TextInput
        label="Key"
        value={key}
        onChange={(e) => setKey(e.currentTarget.value)}
        required
        disabled={before !== undefined}
        data-autofocus={before ? undefined : true}
        autoComplete="off"
      />
      <TagsInput
        label="Allowed values"
        description="Enter adds one. None: any value. What is set already stays."
        value={values}
        onChange={setValues}
        acceptValueOnBlur
        splitChars={[","]}
        clearable
        clearButtonProps={{ "aria-label": "Remove all values" }}
      />
      <Textarea
        label="Description"
        value={description}
        onChange={(e) => setDescription(e.currentTarget.value)}
        autosize
        minRows={2}
      />
    </Dialog>
  );
}

const ASSIGN = "roles/tagPolicy.assigner";
const MANAGE = "roles/tagPolicy.manager";
const CREATE = "roles/tagPolicy.creator";

/** Of one policy, or of all of them. */
function Rules({ policy, onClose }: { policy?: TagPolicy; onClose: () => void }) {
  const { data, error } = useQuery(tagRules(policy?.id ?? ""));
  const [held, setHeld] = useState<Record<string, string[]> | null>(null);
  useEffect(() => {
    if (data)
      setHeld(
        Object.fromEntries(
          data.grant_rules.map((rule) => [
            rule.role,
            rule.principals.map((path) => path.slice(path.indexOf("/") + 1)),
          ]),
        ),
      );
  }, [data]);
  const act = useAct(
    async () => {
      const known = new Map(
        (data?.grant_rules ?? [])
          .flatMap((rule) => rule.principals)
          .map((path) => [path.slice(path.indexOf("/") + 1), path]),
      );
      const named = (name: string) => known.get(name) ?? principalPath(name);
      const rules = await Promise.all(
        Object.entries(held ?? {}).map(async ([role, names]) => ({
          role,
          principals: await Promise.all(names.map(named)),
        })),
      );
      return setTagRules(data?.name ?? "", data?.etag ?? "", rules);
    },
    "Permissions saved.",
    onClose,
  );
  const field = (role: string, label: string, description: string) => (
    <PrincipalsSelect
      label={label}
      description={description}
      value={held?.[role] ?? []}
      onChange={(names) => setHeld({ ...held, [role]: names })}
    />
  );
  return (
    <Dialog
      title={
        policy ? `Permissions of ${visible(policy.tag_key)}` : "Permissions of all governed tags"
      }
      submit="Save"
      onClose={onClose}
      onSubmit={() => act.mutate()}
      busy={act.isPending}
      error={act.error ?? error}
      disabled={!held}
    >
      {held ? (
        <>
          {field(
            ASSIGN,
            "Assign",
            policy
              ? "Who may set and remove this tag, where they may tag at all."
              : "Who may set and remove every governed tag.",
          )}
          {field(MANAGE, "Manage", "Who may change the values, and these permissions.")}
          {policy ? null : field(CREATE, "Create", "Who may make new ones, which they manage.")}
        </>
      ) : error ? null : (
        <Loading lines={3} />
      )}
    </Dialog>
  );
}
