import { Button, Group, Modal, Stack } from "@mantine/core";
import { type FormEvent, type ReactNode, useId } from "react";

import { useFocusReturn } from "../lib/focus";
import { ErrorAlert } from "./ErrorAlert";

interface Props {
  title: string;
  onClose: () => void;
  onSubmit: () => void;
  /** The label of the submit button. */
  submit: string;
  danger?: boolean;
  disabled?: boolean;
  busy: boolean;
  error: unknown;
  size?: string;
  /** The label of the cancel button, or null for none. */
  cancel?: string | null;
  /** Closes only by its own button, because its content appears once. */
  once?: boolean;
  /** Below an error: the missing privileges and whom to ask. */
  denial?: ReactNode;
  /** Called by the cancel button only, not when the dialog closes by accident. */
  onCancel?: () => void;
  children: ReactNode;
}

/** A form in a dialog. Escape closes it, Enter submits it, and it shows the server's error. */
export function Dialog({
  title,
  onClose,
  onSubmit,
  submit,
  danger,
  disabled,
  busy,
  error,
  size = "md",
  cancel = "Cancel",
  once,
  denial,
  onCancel,
  children,
}: Props) {
  const id = useId();
  useFocusReturn();
  const send = (event: FormEvent) => {
    event.preventDefault();
    event.stopPropagation();
    if (!disabled && !busy) onSubmit();
  };
  return (
    <Modal.Root
      opened
      onClose={onClose}
      size={size}
      lockScroll={false}
      closeOnEscape={!once}
      closeOnClickOutside={!once}
    >
      <Modal.Overlay />
      <Modal.Content>
        {/* Without the role, the dialog would have a second banner of the page. */}
        <Modal.Header role="none">
          <Modal.Title className="dialog-title">{title}</Modal.Title>
          {once ? null : <Modal.CloseButton aria-label="Close" />}
        </Modal.Header>
        <Modal.Body>
          <form id={id} onSubmit={send}>
            <Stack gap="md">
              {children}
              {error ? (
                <ErrorAlert error={error} isAction>
                  {denial}
                </ErrorAlert>
              ) : null}
              <Group justify="flex-end" gap="sm">
                {cancel === null ? null : (
                  <Button
                    variant="default"
                    onClick={() => {
                      onCancel?.();
                      onClose();
                    }}
                  >
                    {cancel}
                  </Button>
                )}
                <Button
                  type="submit"
                  color={danger ? "red.9" : undefined}
                  loading={busy}
                  disabled={disabled}
                >
                  {submit}
                </Button>
              </Group>
            </Stack>
          </form>
        </Modal.Body>
      </Modal.Content>
    </Modal.Root>
  );
}

interface MutationProps extends Omit<Props, "onSubmit" | "busy" | "error"> {
  mutation: { mutate: (input: undefined) => void; isPending: boolean; error: unknown };
  /** The error to show, if it is not the mutation's own. */
  error?: unknown;
}

/** A dialog that submits a mutation. It shows whether the mutation runs, and its error. */
export function MutationDialog({ mutation, error, ...dialog }: MutationProps) {
  return (
    <Dialog
      {...dialog}
      onSubmit={() => mutation.mutate(undefined)}
      busy={mutation.isPending}
      error={error === undefined ? mutation.error : error}
    />
  );
}
