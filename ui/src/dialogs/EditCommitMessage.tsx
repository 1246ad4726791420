import { Textarea } from "@mantine/core";

import { updatePromptVersion } from "../api/prompts";
import { useDraft } from "../lib/drafts";
import { useMutationWithToast } from "../lib/useMutationWithToast";
import { MutationDialog } from "../ui/Dialog";

interface Props {
  prompt: string;
  version: number;
  message: string;
  onClose: () => void;
}

export function EditCommitMessage({ prompt, version, message, onClose }: Props) {
  const { text, setText, discard } = useDraft(`commit message of ${prompt}/${version}`, message);
  const mutation = useMutationWithToast(
    () => updatePromptVersion(prompt, version, text),
    "Commit message saved.",
    () => {
      discard();
      onClose();
    },
  );
  return (
    <MutationDialog
      title={`Edit the commit message of version ${version}`}
      submit="Save"
      onClose={onClose}
      onCancel={discard}
      mutation={mutation}
      disabled={text === message}
    >
      <Textarea
        label="Commit message"
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
        autosize
        minRows={2}
        maxRows={8}
        data-autofocus
      />
    </MutationDialog>
  );
}
