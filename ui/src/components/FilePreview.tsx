import { Button, Drawer, Group, Text } from "@mantine/core";
import { IconDownload } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";

import { fileText } from "../api/versions";
import { useFocusReturn } from "../lib/focus";
import { isSmallImage } from "../lib/previews";
import { formatBytes, visible } from "../lib/text";
import { ErrorAlert } from "../ui/ErrorAlert";
import { LoadingSkeleton } from "../ui/Skeletons";
import { PREVIEW } from "./Files";

interface Props {
  file: { path: string; size: number };
  /** The Files API's address of its content. */
  path: string;
  onClose: () => void;
}

/** Shows a file as plain text or as a picture. Its content never renders as HTML. */
export function Preview({ file, path, onClose }: Props) {
  useFocusReturn();
  const isImage = isSmallImage(file.path, file.size);
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
              {!isImage && file.size > PREVIEW
                ? `, only the first ${formatBytes(PREVIEW)} appear here`
                : ""}
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
          {isImage ? (
            <ImagePreview file={file} path={path} />
          ) : (
            <TextPreview file={file} path={path} />
          )}
        </Drawer.Body>
      </Drawer.Content>
    </Drawer.Root>
  );
}

function ImagePreview({ file, path }: Omit<Props, "onClose">) {
  const [failed, setFailed] = useState(false);
  if (failed)
    return <Text size="sm">The browser cannot show this picture. Download it to open it.</Text>;
  return (
    <img
      className="preview"
      src={path}
      alt={`Content of ${file.path}`}
      onError={() => setFailed(true)}
    />
  );
}

function TextPreview({ file, path }: Omit<Props, "onClose">) {
  const { data, error, isPending, refetch } = useQuery(
    fileText(path, file.size > PREVIEW ? PREVIEW : 0),
  );
  const text = useMemo(
    () => (data && !data.subarray(0, 4096).includes(0) ? new TextDecoder().decode(data) : null),
    [data],
  );
  if (isPending) return <LoadingSkeleton />;
  if (error) return <ErrorAlert error={error} retry={() => void refetch()} />;
  if (text === null) return <Text size="sm">This file is not text. Download it to open it.</Text>;
  return (
    <pre className="preview panel" tabIndex={0} aria-label={`Content of ${file.path}`}>
      {visible(text)}
    </pre>
  );
}
