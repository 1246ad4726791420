import { Button, Group, Modal, Stack } from "@mantine/core";
import { type FormEvent, type ReactNode, useId } from "react";

import { Failure } from "./Failure";
import { useFocusReturn } from "./focus";

interface Props {
  title: string;
  onClose: () => void;
  onSubmit: () => void;
  /** What the button says. */
  submit: string;
  danger?: boolean;
  disabled?: boolean;
  busy: boolean;
  error: unknown;
  size?: string;
  /** What the other button says; null where there is nothing that could be called off. */
  cancel?: string | null;
  /** Shows what is shown only once: closed by its own button alone. */
  once?: boolean;
  /** Under a refusal: what is missing, and whom to ask. */
  refusal?: ReactNode;
  /** Called by the other button alone, not where the dialog is closed by accident. */
  onCancel?: () => void;
  children: ReactNode;
}

/** A question with one answer: closes by Escape, submits by Enter, and shows the server's refusal where it was asked. */
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
  refusal,
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
    <Modal
      opened
      onClose={onClose}
      title={title}
      size={size}
      lockScroll={false}
      closeOnEscape={!once}
      closeOnClickOutside={!once}
      withCloseButton={!once}
      classNames={{ title: "dialog-title" }}
      closeButtonProps={{ "aria-label": "Close" }}
    >
      <form id={id} onSubmit={send}>
        <Stack gap="md">
          {children}
          {error ? (
            <Failure error={error} act>
              {refusal}
            </Failure>
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
    </Modal>
  );
}
