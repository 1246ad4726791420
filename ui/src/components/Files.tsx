import { ActionIcon, Button, Group, Table, Text, Tooltip, UnstyledButton } from "@mantine/core";
import {
  IconChevronDown,
  IconChevronRight,
  IconDownload,
  IconFile,
  IconFolder,
  IconFolderOpen,
} from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";

import type { VersionFile } from "../api/versions";
import { versionFiles } from "../api/versions";
import { rowsOf, treeOf } from "../lib/fileTree";
import { exactTime, formatBytes, plural, visible } from "../lib/text";
import { filePath } from "../paths";
import { CopyButton } from "../ui/CodeBlock";
import { EmptyState } from "../ui/EmptyState";
import { ErrorAlert } from "../ui/ErrorAlert";
import { LoadingSkeleton } from "../ui/Skeletons";
import { Preview } from "./FilePreview";

export const PREVIEW = 128 * 1024;

export default function Files({
  model,
  version,
  ready,
}: {
  model: string;
  version: number;
  ready: boolean;
}) {
  const { data, error, isPending, refetch, hasNextPage, fetchNextPage, isFetchingNextPage } =
    useInfiniteQuery(versionFiles(model, String(version)));
  const files = useMemo(() => data?.pages.flatMap((page) => page.files) ?? [], [data]);
  const root = useMemo(() => treeOf(files), [files]);
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const [previewed, setPreviewed] = useState<VersionFile | null>(null);
  if (isPending) return <LoadingSkeleton />;
  if (error) return <ErrorAlert error={error} retry={() => void refetch()} />;
  if (files.length === 0)
    return (
      <EmptyState icon={<IconFolder size={34} />} title="No files here">
        {ready
          ? "This version points to external storage. The server keeps no files of it."
          : "They appear when the version is ready."}
      </EmptyState>
    );
  const toggle = (path: string) => {
    const after = new Set(open);
    if (!after.delete(path)) after.add(path);
    setOpen(after);
  };
  return (
    <>
      <Text size="sm" c="dimmed" mb="xs">
        {plural(files.length, "file")}
        {hasNextPage ? " so far" : ""}, {formatBytes(root.bytes)}. They never change.
      </Text>
      <div className="table" role="region" aria-label="Files" tabIndex={0}>
        <Table verticalSpacing={6} highlightOnHover aria-label="Files">
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Name</Table.Th>
              <Table.Th w={100} ta="right">
                Size
              </Table.Th>
              <Table.Th w={190} visibleFrom="sm">
                SHA-256
              </Table.Th>
              <Table.Th w={60}>
                <span className="visually-hidden">Download</span>
              </Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {rowsOf(root, open).map((row) =>
              row.folder ? (
                <Table.Tr key={`${row.folder.path}/`}>
                  <Table.Td style={{ paddingInlineStart: 10 + row.level * 20 }}>
                    <UnstyledButton
                      onClick={() => toggle(row.folder?.path ?? "")}
                      aria-expanded={open.has(row.folder.path)}
                    >
                      <Group gap={6} wrap="nowrap">
                        {open.has(row.folder.path) ? (
                          <IconChevronDown size={15} />
                        ) : (
                          <IconChevronRight size={15} />
                        )}
                        {open.has(row.folder.path) ? (
                          <IconFolderOpen size={17} />
                        ) : (
                          <IconFolder size={17} />
                        )}
                        <span className="anywhere">{visible(row.folder.name)}</span>
                      </Group>
                    </UnstyledButton>
                  </Table.Td>
                  <Table.Td ta="right" c="dimmed" className="nowrap">
                    {formatBytes(row.folder.bytes)}
                  </Table.Td>
                  <Table.Td visibleFrom="sm" />
                  <Table.Td />
                </Table.Tr>
              ) : row.file ? (
                <FileRow
                  key={row.file.path}
                  file={row.file}
                  level={row.level}
                  model={model}
                  version={version}
                  preview={setPreviewed}
                />
              ) : null,
            )}
          </Table.Tbody>
        </Table>
      </div>
      {hasNextPage ? (
        <Button
          variant="default"
          mt="sm"
          loading={isFetchingNextPage}
          onClick={() => void fetchNextPage()}
        >
          Load more files
        </Button>
      ) : null}
      {previewed ? (
        <Preview
          file={previewed}
          path={filePath(model, version, previewed.path)}
          onClose={() => setPreviewed(null)}
        />
      ) : null}
    </>
  );
}

function FileRow({
  file,
  level,
  model,
  version,
  preview,
}: {
  file: VersionFile;
  level: number;
  model: string;
  version: number;
  preview: (file: VersionFile) => void;
}) {
  const name = file.path.slice(file.path.lastIndexOf("/") + 1);
  return (
    <Table.Tr>
      <Table.Td style={{ paddingInlineStart: 31 + level * 20 }}>
        <UnstyledButton onClick={() => preview(file)} aria-label={`Preview ${file.path}`}>
          <Group gap={6} wrap="nowrap">
            <IconFile size={17} />
            <Tooltip label={`Changed ${exactTime(file.modified_at)}`}>
              <span className="name">{visible(name)}</span>
            </Tooltip>
          </Group>
        </UnstyledButton>
      </Table.Td>
      <Table.Td ta="right" className="nowrap">
        {formatBytes(file.size)}
      </Table.Td>
      <Table.Td visibleFrom="sm">
        {file.sha256 ? (
          <Group gap={4} wrap="nowrap">
            <Tooltip label={file.sha256}>
              <span className="mono">{file.sha256.slice(0, 12)}…</span>
            </Tooltip>
            <CopyButton text={file.sha256} label={`Copy the SHA-256 of ${name}`} />
          </Group>
        ) : (
          <Text size="xs" c="dimmed">
            being read
          </Text>
        )}
      </Table.Td>
      <Table.Td>
        <ActionIcon
          component="a"
          variant="subtle"
          color="gray"
          href={filePath(model, version, file.path)}
          download={name}
          aria-label={`Download ${file.path}`}
        >
          <IconDownload size={17} />
        </ActionIcon>
      </Table.Td>
    </Table.Tr>
  );
}
