import { ActionIcon, Menu } from "@mantine/core";
import { IconDotsVertical } from "@tabler/icons-react";
import type { ReactNode } from "react";

export interface Item {
  label: string;
  icon?: ReactNode;
  danger?: boolean;
  onClick: () => void;
  /** The server's reason why the caller may not. */
  refused?: string;
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
            onClick={item.onClick}
            disabled={Boolean(item.refused)}
            title={item.refused}
          >
            {item.label}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}
