import { TagsInput, Textarea, TextInput } from "@mantine/core";
import { useState } from "react";

import { createTagPolicy, updateTagPolicy } from "../api/mutations";
import type { TagPolicy } from "../api/tagPolicies";
import { useDraftFields } from "../lib/drafts";
import { visible } from "../lib/text";
import { useMutationWithToast } from "../lib/useMutationWithToast";
import { MutationDialog } from "../ui/Dialog";

export function EditTagPolicy({ policy, onClose }: { policy?: TagPolicy; onClose: () => void }) {
  const { fields, setFields, discard } = useDraftFields(`governed tag ${policy?.tag_key ?? ""}`, {
    key: policy?.tag_key ?? "",
    description: policy?.description ?? "",
  });
  const { key, description } = fields;
  const [values, setValues] = useState<string[]>(policy?.values.map((value) => value.name) ?? []);
  const mutation = useMutationWithToast(
    () =>
      policy
        ? updateTagPolicy(policy.tag_key, description, values)
        : createTagPolicy(key.trim(), description, values),
    (saved) => `${visible(saved.tag_key)} is governed.`,
    () => {
      discard();
      onClose();
    },
  );
  return (
    <MutationDialog
      title={policy ? `Edit ${visible(policy.tag_key)}` : "Create governed tag"}
      submit={policy ? "Save" : "Create"}
      onClose={onClose}
      onCancel={discard}
      mutation={mutation}
      disabled={!key.trim()}
    >
      <TextInput
        label="Key"
        value={key}
        onChange={(event) => setFields({ key: event.currentTarget.value })}
        required
        disabled={policy !== undefined}
        data-autofocus={policy ? undefined : true}
        autoComplete="off"
      />
      <TagsInput
        label="Allowed values"
        description="Press Enter to add a value. Without values, every value is allowed. Tags that are set stay."
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
        onChange={(event) => setFields({ description: event.currentTarget.value })}
        autosize
        minRows={2}
      />
    </MutationDialog>
  );
}
