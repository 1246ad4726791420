import { ActionIcon, Autocomplete, Button, Group, Text, Tooltip } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { IconPencil } from "@tabler/icons-react";
import { type ReactNode, useState } from "react";

import { changeTags, type Tag } from "../api/acts";
import { tagPolicies } from "../api/queries";
import { useAct } from "../ui/Act";
import { Dialog } from "../ui/Dialog";
import { Failure } from "../ui/Failure";
import { Pair, Pairs } from "../ui/Pairs";
import { visible } from "../ui/text";
import { Time } from "../ui/Time";

/** What is known of a thing, beside its page. */
export function Facts({ label, children }: { label: string; children: ReactNode }) {
  return (
    <aside aria-label={label}>
      <dl className="facts">{children}</dl>
    </aside>
  );
}

export function Fact({
  term,
  edit,
  editLabel,
  children,
}: {
  term: string;
  edit?: () => void;
  editLabel?: string;
  children: ReactNode;
}) {
  return (
    <div>
      <dt>
        {term}
        {edit ? (
          <Tooltip label={editLabel}>
            <ActionIcon
              variant="subtle"
              color="gray"
              size="sm"
              aria-label={editLabel}
              onClick={edit}
            >
              <IconPencil size={15} />
            </ActionIcon>
          </Tooltip>
        ) : null}
      </dt>
      <dd>{children}</dd>
    </div>
  );
}

interface Dates {
  created_at: number;
  created_by: string;
  updated_at: number;
  updated_by: string;
}

/** By whom it was made and last changed, and when. */
export function Dated({ of }: { of: Dates }) {
  return (
    <>
      <Fact term="Created">
        <Time at={of.created_at} /> by {visible(of.created_by)}
      </Fact>
      <Fact term="Changed">
        <Time at={of.updated_at} /> by {visible(of.updated_by)}
      </Fact>
    </>
  );
}

interface TagsProps {
  /** As the tag routes name it. */
  type: "catalog" | "schema" | "function" | "prompt";
  name: string;
  version?: number;
  tags: Tag[];
  readOnly?: boolean;
  refused?: string | undefined;
}

export function TagsFact({ type, name, version, tags, readOnly, refused }: TagsProps) {
  const [editing, setEditing] = useState(false);
  return (
    <Fact
      term="Tags"
      edit={readOnly || refused ? undefined : () => setEditing(true)}
      editLabel="Edit tags"
    >
      <Pairs tags={tags} none="None" />
      {editing ? (
        <EditTags
          type={type}
          name={name}
          version={version}
          tags={tags}
          onClose={() => setEditing(false)}
        />
      ) : null}
    </Fact>
  );
}

function EditTags({ type, name, version, tags, onClose }: TagsProps & { onClose: () => void }) {
  const [now, setNow] = useState(tags);
  const [key, setKey] = useState("");
  const [value, setValue] = useState("");
  const policies =
    useInfiniteQuery(tagPolicies).data?.pages.flatMap((page) => page.tag_policies) ?? [];
  const policy = policies.find((one) => one.tag_key === key.trim());
  const written = (list: Tag[]) =>
    key.trim()
      ? [...list.filter((tag) => tag.key !== key.trim()), { key: key.trim(), value: value.trim() }]
      : list;
  const add = () => {
    setNow(written(now));
    setKey("");
    setValue("");
  };
  const act = useAct(
    (after: Tag[]) => {
      const before = new Map(tags.map((tag) => [tag.key, tag.value]));
      const added = after.filter((tag) => before.get(tag.key) !== tag.value);
      const removed = tags
        .filter((tag) => !after.some((kept) => kept.key === tag.key))
        .map((tag) => tag.key);
      return added.length + removed.length === 0
        ? Promise.resolve({})
        : changeTags(type, name, added, removed, version);
    },
    "Tags saved.",
    onClose,
  );
  return (
    <Dialog
      title="Edit tags"
      submit="Save tags"
      onClose={onClose}
      onSubmit={() => act.mutate(written(now))}
      busy={act.isPending}
      error={null}
    >
      <Group gap={6}>
        {now.length === 0 ? (
          <Text size="sm" c="dimmed">
            No tags yet: for example task: classification.
          </Text>
        ) : null}
        {now.map((tag) => (
          <Pair
            key={tag.key}
            tag={tag}
            remove={() => setNow(now.filter((kept) => kept.key !== tag.key))}
          />
        ))}
      </Group>
      <Group align="flex-end" gap="xs" grow preventGrowOverflow={false}>
        <Autocomplete
          label="Key"
          value={key}
          onChange={setKey}
          data={policies.map((one) => one.tag_key)}
          openOnFocus={false}
          limit={50}
          data-autofocus
          autoComplete="off"
        />
        <Autocomplete
          label="Value"
          value={value}
          onChange={setValue}
          data={policy?.values.map((one) => one.name) ?? []}
          limit={500}
          autoComplete="off"
        />
        <Button variant="default" onClick={add} disabled={!key.trim()} className="fixed">
          Add tag
        </Button>
      </Group>
      {policy ? (
        <Text size="sm" role="status">
          <b>{visible(policy.tag_key)}</b> is governed: only who may assign it sets or removes it
          {policy.values.length > 0 ? (
            <>, to one of {policy.values.map((one) => visible(one.name)).join(", ")}</>
          ) : null}
          . {visible(policy.description)}
        </Text>
      ) : null}
      {act.error ? <Failure error={act.error} /> : null}
    </Dialog>
  );
}
