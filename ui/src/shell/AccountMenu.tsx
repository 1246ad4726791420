import { ActionIcon, Avatar, Menu, Text } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { IconBook, IconKey, IconLogout } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "react-router";

import { me } from "../api/me";
import { signOut } from "../api/mutations";
import { visible } from "../lib/text";
import { tokensPath } from "../paths";
import { WorkspaceItems } from "./WorkspaceMenu";

export function AccountMenu() {
  const { data } = useQuery(me);
  const navigate = useNavigate();
  const narrow = useMediaQuery("(max-width: 61.99em)"); // where the header has no room for the workspace's own menu
  const name = data?.display_name || data?.name || "";
  return (
    <Menu
      withInitialFocusPlaceholder={false}
      position="bottom-end"
      shadow="md"
      width={240}
      withinPortal={false} // stays in the banner landmark
    >
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" size="lg" radius="xl" aria-label="Account">
          <Avatar size={30} name={name || undefined} color="harbour" alt="" />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {data ? (
          <Menu.Label>
            <Text size="sm" fw={600} className="anywhere">
              {visible(name)}
            </Text>
            {data.display_name && data.display_name !== data.name ? (
              <Text size="xs" className="anywhere">
                {visible(data.name)}
              </Text>
            ) : null}
          </Menu.Label>
        ) : null}
        {narrow ? (
          <>
            <Menu.Divider />
            <WorkspaceItems />
            <Menu.Divider />
          </>
        ) : null}
        <Menu.Item leftSection={<IconKey size={16} />} onClick={() => void navigate(tokensPath)}>
          Access tokens
        </Menu.Item>
        <Menu.Item
          leftSection={<IconBook size={16} />}
          component="a"
          href="/docs"
          target="_blank"
          rel="noreferrer"
        >
          API reference
        </Menu.Item>
        <Menu.Divider />
        <Menu.Item leftSection={<IconLogout size={16} />} onClick={() => void signOut()}>
          Sign out
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
