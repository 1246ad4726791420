import { Button, type ButtonProps, Tooltip } from "@mantine/core";
import type { MouseEventHandler } from "react";

interface Props extends ButtonProps {
  onClick?: MouseEventHandler<HTMLButtonElement>;
  /** Why the caller may not; undefined where he may. */
  denialReason?: string | undefined;
}

/** A button that says why it cannot be used; it stays reachable, so that the reason does, too. */
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
