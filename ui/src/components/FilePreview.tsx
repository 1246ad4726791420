import { Button, Drawer, Group, Text } from "@mantine/core";
import { IconDownload } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";

import type { VersionFile } from "../api/versions";
import { fileText } from "../api/versions";
import { useFocusReturn } from "../lib/focus";
import { formatBytes, visible } from "../lib/text";
import { ErrorAlert } from "../ui/ErrorAlert";
import { LoadingSkeleton } from "../ui/Skeletons";
import { PREVIEW } from "./Files";

/** Shows a file as plain text. Its content never renders as HTML. */
export function Preview({
  file,
  path,
  onClose,
}: {
  file: VersionFile;
  path: string;
  onClose: () => void;
}) {
  useFocusReturn();
  const { data, error, isPending, refetch } = useQuery(
    fileText(path, file.size > PREVIEW ? PREVIEW : 0),
  );
  const text = useMemo(
    () => (data && !data.subarray(0, 4096).includes(0) ? new TextDecoder().decode(data) : null),
    [data],
  );
  return (
    <Drawer.Root opened onClose={onClose} lockScroll={false} position="right" size="xl">
      <Drawer.Overlay />
      <Drawer.Content>
        {/* Without the role, the drawer would have a second banner of the page. */}
        <Drawer.Header role="none">
          <Drawer.Title className="anywhere">{visible(file.path)}</Drawer.Title>
          <Drawer.CloseButton aria-label="Close the preview" />
        </Drawer.Header>
        <Drawer.Body>
          <Group justify="space-between" mb="sm">
            <Text size="sm" c="dimmed">
              {formatBytes(file.size)}
              {file.size > PREVIEW ? `, only the first ${formatBytes(PREVIEW)} appear here` : ""}
            </Text>
            <Button
              component="a"
              size="xs"
              variant="default"
              href={path}
              download
              leftSection={<IconDownload size={15} />}
            >
              Download
            </Button>
          </Group>
          {isPending ? <LoadingSkeleton /> : null}
          {error ? <ErrorAlert error={error} retry={() => void refetch()} /> : null}
          {data && text === null ? (
            <Text size="sm">This file is not text. Download it to open it.</Text>
          ) : null}
          {text !== null ? (
            <pre className="preview panel" tabIndex={0} aria-label={`Content of ${file.path}`}>
              {visible(text)}
            </pre>
          ) : null}
        </Drawer.Body>
      </Drawer.Content>
    </Drawer.Root>
  );
}
