import { Select, Stack, Text, TextInput } from "@mantine/core";
import { useState } from "react";

import { createToken } from "../api/mutations";
import { useDraft } from "../lib/drafts";
import { shellExports } from "../lib/shell";
import { visible } from "../lib/text";
import { useMutationWithToast } from "../lib/useMutationWithToast";
import { CodeBlock } from "../ui/CodeBlock";
import { Dialog, MutationDialog } from "../ui/Dialog";

const DAY = 86_400; // seconds
const LIFETIMES = [
  { value: String(DAY), label: "1 day" },
  { value: String(30 * DAY), label: "30 days" },
  { value: String(90 * DAY), label: "90 days" },
  { value: "", label: "Longest allowed" },
];

export function CreateToken({ principal, onClose }: { principal: string; onClose: () => void }) {
  const { text, setText, discard } = useDraft(`token of ${principal}`, "");
  const [lifetime, setLifetime] = useState(String(90 * DAY));
  const mutation = useMutationWithToast(
    () => createToken(text, lifetime ? Number(lifetime) : null, principal),
    undefined,
    discard,
  );
  if (mutation.data)
    return (
      <Dialog
        title="Your new token"
        submit="Done"
        onClose={onClose}
        onSubmit={onClose}
        busy={false}
        error={null}
        size="lg"
        cancel={null}
        once
      >
        <Stack>
          <Text size="sm">Copy it now. The server shows it only once.</Text>
          <CodeBlock text={mutation.data.token_value} label="The token" />
          <CodeBlock text={shellExports(mutation.data.token_value)} label="For a shell" />
        </Stack>
      </Dialog>
    );
  return (
    <MutationDialog
      title={principal ? `Create token for ${visible(principal)}` : "Create token"}
      submit="Create"
      onClose={onClose}
      onCancel={discard}
      mutation={mutation}
    >
      <TextInput
        label="What is it for?"
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
        data-autofocus
        autoComplete="off"
      />
      <Select
        label="Expires after"
        data={LIFETIMES}
        value={lifetime}
        onChange={(value) => setLifetime(value ?? "")}
        allowDeselect={false}
      />
    </MutationDialog>
  );
}
