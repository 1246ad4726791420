import { Box, Stack, Text, Title } from "@mantine/core";
import type { ReactNode } from "react";

import { CodeBlock } from "./CodeBlock";

interface Props {
  icon?: ReactNode;
  title: string;
  children?: ReactNode;
  /** What makes the first one. */
  action?: ReactNode;
  command?: string;
}

export function EmptyState({ icon, title, children, action, command }: Props) {
  return (
    <Stack align="center" gap="xs" py={36} px="md" className="empty">
      {icon ? <Box c="dimmed">{icon}</Box> : null}
      <Title order={2} size="h4" ta="center">
        {title}
      </Title>
      {children ? (
        <Text c="dimmed" size="sm" ta="center" maw={520} component="div">
          {children}
        </Text>
      ) : null}
      {action ? <Box mt="xs">{action}</Box> : null}
      {command ? (
        <Box mt="xs" maw="100%" w={560}>
          <CodeBlock text={command} label="The same on the command line" />
        </Box>
      ) : null}
    </Stack>
  );
}
