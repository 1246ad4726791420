import { Button, type ButtonProps, Tooltip } from "@mantine/core";
import type { MouseEventHandler } from "react";

interface Props extends ButtonProps {
  onClick?: MouseEventHandler<HTMLButtonElement>;
  /** The server's reason against the action; undefined if the caller may run it. */
  denialReason?: string | undefined;
}

/** A button that explains why it is disabled. It stays focusable, so that every reader reaches the reason. */
export function ActionButton({ denialReason, onClick, ...rest }: Props) {
  if (!denialReason) return <Button {...rest} onClick={onClick} />;
  return (
    <Tooltip
      label={denialReason}
      multiline
      maw={360}
      events={{ hover: true, focus: true, touch: true }}
    >
      <Button
        {...rest}
        variant="default"
        c="dimmed"
        data-refused
        aria-disabled
        aria-description={denialReason}
      />
    </Tooltip>
  );
}
