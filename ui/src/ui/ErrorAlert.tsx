import { Alert, Box, Button, Group, Text } from "@mantine/core";
import { IconAlertTriangle, IconLock, IconMoodEmpty } from "@tabler/icons-react";
import type { ReactNode } from "react";

import { ApiError } from "../api/client";
import { signInPath } from "../paths";

/** A refusal or failure in the server's own sentence, with a way to try again where that may help. `act`: of what was to be done, not seen. */
export function ErrorAlert({
  error,
  retry,
  isAction,
  children,
}: {
  error: unknown;
  retry?: () => void;
  isAction?: boolean;
  children?: ReactNode;
}) {
  const apiError = error instanceof ApiError ? error : null;
  const status = apiError?.status ?? 0;
  const Icon = status === 403 ? IconLock : status === 404 ? IconMoodEmpty : IconAlertTriangle;
  if (status === 401)
    return (
      <Alert
        role="alert"
        variant="light"
        color="yellow"
        className="warning"
        icon={<IconLock size={20} />}
        title="Your session has ended"
      >
        <Text size="sm">The browser keeps your text. Sign in to return to this page.</Text>
        <Group mt="sm">
          <Button size="xs" component="a" href={signInPath()}>
            Sign in
          </Button>
        </Group>
      </Alert>
    );
  const title =
    status === 403
      ? isAction
        ? "You may not do this"
        : "You may not see this"
      : status === 404
        ? "Not found"
        : "That did not work";
  return (
    <Alert
      role="alert"
      variant="light"
      color={status === 403 || status === 404 ? "gray" : "red"}
      icon={<Icon size={20} />}
      title={title}
    >
      <Text size="sm" className="anywhere">
        {error instanceof Error ? error.message : "Something unexpected happened."}
      </Text>
      {children ? <Box mt="xs">{children}</Box> : null}
      {apiError?.requestId && (status === 0 || status >= 500) ? (
        <Text size="xs" c="dimmed" mt={4}>
          Request {apiError.requestId}
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
