import { ActionIcon, Menu, Text } from "@mantine/core";
import { IconDotsVertical } from "@tabler/icons-react";
import type { ReactNode } from "react";

export interface Item {
  label: string;
  icon?: ReactNode;
  danger?: boolean;
  onClick: () => void;
  /** The server's reason why the caller may not. */
  refused?: string | undefined;
}

export function Kebab({ label, items, size = "lg" }: { label: string; items: Item[]; size?: string }) {
  return (
    <Menu position="bottom-end" withinPortal shadow="md">
      <Menu.Target>
        <ActionIcon variant="default" size={size} aria-label={label}>
          <IconDotsVertical size={18} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {items.map((item) => (
          <Menu.Item
            key={item.label}
            color={item.danger ? "red" : undefined}
            leftSection={item.icon}
            onClick={item.refused ? undefined : item.onClick}
            aria-disabled={item.refused ? true : undefined}
            closeMenuOnClick={!item.refused}
          >
            {item.label}
            {item.refused ? (
              <Text size="xs" c="dimmed" maw={260}>
                {item.refused}
              </Text>
            ) : null}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}
