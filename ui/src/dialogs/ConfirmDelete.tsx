import { Text, TextInput } from "@mantine/core";
import { type ReactNode, useState } from "react";

import { visible } from "../lib/text";
import { useMutationWithToast } from "../lib/useMutationWithToast";
import { Dialog } from "../ui/Dialog";

interface Props {
  title: string;
  /** What the action does. */
  message: ReactNode;
  /** The text to type before the button works. */
  confirmText?: string;
  mutationFn: () => Promise<unknown>;
  toast: string;
  onSuccess?: () => void;
  onClose: () => void;
  submit?: string;
}

/** Asks before something that nobody can undo. */
export function ConfirmDelete({
  title,
  message,
  confirmText,
  mutationFn,
  toast,
  onSuccess,
  onClose,
  submit = "Delete",
}: Props) {
  const [text, setText] = useState("");
  const mutation = useMutationWithToast(mutationFn, toast, () => {
    onClose();
    onSuccess?.();
  });
  return (
    <Dialog
      title={title}
      submit={submit}
      danger
      onClose={onClose}
      onSubmit={() => mutation.mutate(undefined)}
      busy={mutation.isPending}
      error={mutation.error}
      disabled={confirmText !== undefined && text !== confirmText}
    >
      <Text size="sm" component="div">
        {message}
      </Text>
      {confirmText === undefined ? null : (
        <TextInput
          label={
            <>
              Type <b>{visible(confirmText)}</b> to confirm
            </>
          }
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
          data-autofocus
          autoComplete="off"
        />
      )}
    </Dialog>
  );
}
