import { Alert, Box, Button, Skeleton, Stack, Text, VisuallyHidden } from "@mantine/core";
import { IconCloudOff } from "@tabler/icons-react";

import { retryNow, useConnection } from "../api/connection";

interface Props {
  lines?: number;
  height?: number;
}

/** The shape of content that is loading. Without a server it says that it waits. */
export function LoadingSkeleton({ lines = 4, height = 18 }: Props) {
  const isAway = useConnection() === "away";
  return (
    <Stack gap="sm" role="status" aria-live="polite">
      {isAway ? (
        <Text size="sm" c="dimmed">
          Waiting for the server
        </Text>
      ) : (
        <>
          <VisuallyHidden>Loading</VisuallyHidden>
          {Array.from({ length: lines }, (_, line) => (
            <Skeleton key={line} height={height} width={`${92 - ((line * 17) % 45)}%`} />
          ))}
        </>
      )}
    </Stack>
  );
}

/** The shape of a page that is loading. Without a server it offers another attempt. */
export function PageSkeleton() {
  if (useConnection() === "away") return <ServerAway />;
  return (
    <Box p="md">
      <Skeleton height={14} width={220} mb="md" />
      <Skeleton height={30} width={340} mb="xl" />
      <LoadingSkeleton lines={6} />
    </Box>
  );
}

const ServerAway = () => (
  <Box p="lg">
    <Alert
      role="status"
      variant="light"
      color="gray"
      icon={<IconCloudOff size={20} />}
      title="This page needs the server"
    >
      <Text size="sm" mb="sm">
        It loads as soon as the server is back.
      </Text>
      <Button size="xs" variant="default" onClick={retryNow}>
        Try again
      </Button>
    </Alert>
  </Box>
);
