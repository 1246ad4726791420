import { ActionIcon, Menu, Text } from "@mantine/core";
import { IconDotsVertical } from "@tabler/icons-react";
import { type ReactNode, useRef } from "react";

export interface Item {
  label: string;
  icon?: ReactNode;
  danger?: boolean;
  onClick: () => void;
  /** The server's reason against the action. */
  denialReason?: string | undefined;
}

export function KebabMenu({
  label,
  items,
  size = "lg",
}: {
  label: string;
  items: Item[];
  size?: string;
}) {
  const target = useRef<HTMLButtonElement>(null);
  // The menu closes with its item. The focus returns to the button when the item's dialog closes.
  const choose = (item: Item) => {
    target.current?.focus();
    item.onClick();
  };
  return (
    <Menu withInitialFocusPlaceholder={false} position="bottom-end" withinPortal shadow="md">
      <Menu.Target>
        <ActionIcon ref={target} variant="default" size={size} aria-label={label}>
          <IconDotsVertical size={18} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {items.map((item) => (
          <Menu.Item
            key={item.label}
            color={item.danger ? "red" : undefined}
            leftSection={item.icon}
            onClick={item.denialReason ? undefined : () => choose(item)}
            aria-disabled={item.denialReason ? true : undefined}
            closeMenuOnClick={!item.denialReason}
          >
            {item.label}
            {item.denialReason ? (
              <Text size="xs" c="dimmed" maw={260}>
                {item.denialReason}
              </Text>
            ) : null}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}
