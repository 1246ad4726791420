import { Autocomplete, Button, Group, Text } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";

import { changeTags, type Tag } from "../api/mutations";
import { tagPolicies } from "../api/tagPolicies";
import { useDraftFields } from "../lib/drafts";
import type { Securable } from "../lib/securables";
import { parseTags, tagChanges, withoutTag, withTag } from "../lib/tags";
import { visible } from "../lib/text";
import { useMutationWithToast } from "../lib/useMutationWithToast";
import { Dialog } from "../ui/Dialog";
import { ErrorAlert } from "../ui/ErrorAlert";
import { TagChip } from "../ui/Tags";

interface Props {
  securable: Securable;
  /** Of a model or prompt, where the tags are a version's. */
  version: number | undefined;
  tags: Tag[];
  onClose: () => void;
}

export function EditTags({ securable, version, tags, onClose }: Props) {
  const { kind, type, name } = securable;
  const { fields, setFields, discard } = useDraftFields(
    `tags of ${kind} ${name}/${version ?? ""}`,
    {
      tags: JSON.stringify(tags),
      key: "",
      value: "",
    },
  );
  const edited = parseTags(fields.tags, tags);
  const { key, value } = fields;
  const policies =
    useInfiniteQuery(tagPolicies).data?.pages.flatMap((page) => page.tag_policies) ?? [];
  const policy = policies.find((candidate) => candidate.tag_key === key.trim());
  const setTags = (next: Tag[]) => setFields({ tags: JSON.stringify(next) });
  const mutation = useMutationWithToast(
    (after: Tag[]) => {
      const { added, removed } = tagChanges(tags, after);
      return added.length + removed.length === 0
        ? Promise.resolve({})
        : changeTags(type, name, added, removed, version);
    },
    "Tags saved.",
    () => {
      discard();
      onClose();
    },
  );
  return (
    <Dialog
      title="Edit tags"
      submit="Save tags"
      onClose={onClose}
      onCancel={discard}
      onSubmit={() => mutation.mutate(withTag(edited, { key, value }))}
      busy={mutation.isPending}
      error={null}
    >
      <Group gap={6}>
        {edited.length === 0 ? (
          <Text size="sm" c="dimmed">
            No tags yet. For example, task: classification.
          </Text>
        ) : null}
        {edited.map((tag) => (
          <TagChip key={tag.key} tag={tag} remove={() => setTags(withoutTag(edited, tag.key))} />
        ))}
      </Group>
      <Group align="flex-end" gap="xs" grow preventGrowOverflow={false}>
        <Autocomplete
          label="Key"
          value={key}
          onChange={(text) => setFields({ key: text })}
          data={policies.map((candidate) => candidate.tag_key)}
          openOnFocus={false}
          limit={50}
          data-autofocus
          autoComplete="off"
        />
        <Autocomplete
          label="Value"
          value={value}
          onChange={(text) => setFields({ value: text })}
          data={policy?.values.map(({ name: allowed }) => allowed) ?? []}
          limit={500}
          autoComplete="off"
        />
        <Button
          variant="default"
          onClick={() =>
            setFields({
              tags: JSON.stringify(withTag(edited, { key, value })),
              key: "",
              value: "",
            })
          }
          disabled={!key.trim()}
          className="fixed"
        >
          Add tag
        </Button>
      </Group>
      {policy ? (
        <Text size="sm" role="status">
          <b>{visible(policy.tag_key)}</b> is a governed tag. Only principals with ASSIGN can set or
          remove it.
          {policy.values.length > 0
            ? ` Allowed values: ${policy.values.map(({ name: allowed }) => visible(allowed)).join(", ")}.`
            : ""}{" "}
          {visible(policy.description)}
        </Text>
      ) : null}
      {mutation.error ? <ErrorAlert error={mutation.error} /> : null}
    </Dialog>
  );
}
