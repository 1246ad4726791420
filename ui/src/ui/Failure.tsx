import { Alert, Button, Group, Text } from "@mantine/core";
import { IconAlertTriangle, IconLock, IconMoodEmpty } from "@tabler/icons-react";

import { ApiError } from "../api/client";

/** A refusal or failure in the server's own sentence, with a way to try again where that may help. `act`: of what was to be done, not seen. */
export function Failure({ error, retry, act }: { error: unknown; retry?: () => void; act?: boolean }) {
  const known = error instanceof ApiError ? error : null;
  const status = known?.status ?? 0;
  const Icon = status === 403 ? IconLock : status === 404 ? IconMoodEmpty : IconAlertTriangle;
  const title = status === 403 ? (act ? "You may not do this" : "You may not see this") : status === 404 ? "Not found" : "That did not work";
  return (
    <Alert role="alert" variant="light" color={status === 403 || status === 404 ? "gray" : "red"} icon={<Icon size={20} />} title={title}>
      <Text size="sm" className="anywhere">
        {error instanceof Error ? error.message : "Something unexpected happened."}
      </Text>
      {known?.requestId && (status === 0 || status >= 500) ? (
        <Text size="xs" c="dimmed" mt={4}>
          Request {known.requestId}
        </Text>
      ) : null}
      {retry && status !== 403 ? (
        <Group mt="sm">
          <Button size="xs" variant="default" onClick={retry}>
            Try again
          </Button>
        </Group>
      ) : null}
    </Alert>
  );
}
