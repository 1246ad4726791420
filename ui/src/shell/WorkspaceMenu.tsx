import { Button, Menu, Text } from "@mantine/core";
import { IconBuildingCommunity, IconChevronDown } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";

import { me } from "../api/me";
import { workspaces } from "../api/workspaces";
import { visible } from "../lib/text";

/** The current workspace, and links to the others that the caller may enter. A narrow window shows them in the account menu. */
export function WorkspaceItems() {
  const { data } = useQuery(me);
  const others =
    useQuery(workspaces).data?.filter((workspace) => workspace.id !== data?.workspace_id) ?? [];
  if (!data) return null;
  return (
    <>
      <Menu.Label>Workspace {visible(data.workspace)}</Menu.Label>
      {others.map((workspace) => (
        <Menu.Item
          key={workspace.id}
          component="a"
          href={`${workspace.url}/explore`}
          leftSection={<IconBuildingCommunity size={16} />}
        >
          {visible(workspace.name)}
          <Text size="xs" c="dimmed" className="anywhere">
            {visible(workspace.url)}
          </Text>
        </Menu.Item>
      ))}
      {others.length === 0 ? (
        <Menu.Item disabled>You may enter no other workspace</Menu.Item>
      ) : null}
    </>
  );
}

export function WorkspaceMenu() {
  const { data } = useQuery(me);
  if (!data) return null;
  return (
    <Menu position="bottom-end" shadow="md" width={260} withinPortal={false}>
      <Menu.Target>
        <Button
          variant="subtle"
          color="gray"
          size="compact-md"
          maw={200}
          leftSection={<IconBuildingCommunity size={17} />}
          rightSection={<IconChevronDown size={14} />}
          aria-label={`Workspace ${data.workspace}`}
          visibleFrom="md"
        >
          {visible(data.workspace)}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <WorkspaceItems />
      </Menu.Dropdown>
    </Menu>
  );
}
