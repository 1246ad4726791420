import {
  ActionIcon,
  Button,
  Drawer,
  Group,
  Table,
  Text,
  Tooltip,
  UnstyledButton,
} from "@mantine/core";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import {
  IconChevronDown,
  IconChevronRight,
  IconDownload,
  IconFile,
  IconFolder,
  IconFolderOpen,
} from "@tabler/icons-react";
import { useMemo, useState } from "react";

import { fileText, type VersionFile, versionFiles } from "../api/queries";
import { filePath } from "../paths";
import { Copy } from "../ui/Code";
import { Empty } from "../ui/Empty";
import { Failure } from "../ui/Failure";
import { useFocusReturn } from "../ui/focus";
import { Loading } from "../ui/Loading";
import { exactTime, plural, size, visible } from "../ui/text";

const PREVIEW = 128 * 1024;

interface Folder {
  name: string;
  path: string;
  folders: Map<string, Folder>;
  files: VersionFile[];
  bytes: number;
}

const folder = (name: string, path: string): Folder => ({
  name,
  path,
  folders: new Map(),
  files: [],
  bytes: 0,
});

function treeOf(files: VersionFile[]): Folder {
  const root = folder("", "");
  for (const file of files) {
    const parts = file.path.split("/").slice(0, -1);
    let here = root;
    here.bytes += file.size;
    for (const part of parts) {
      const path = here.path ? `${here.path}/${part}` : part;
      const next = here.folders.get(part) ?? folder(part, path);
      here.folders.set(part, next);
      here = next;
      here.bytes += file.size;
    }
    here.files.push(file);
  }
  return root;
}

/** The folders that are open and the files in them, from the top. */
function rowsOf(
  root: Folder,
  open: ReadonlySet<string>,
  level = 0,
): { level: number; folder?: Folder; file?: VersionFile }[] {
  return [
    ...[...root.folders.values()].flatMap((inner) => [
      { level, folder: inner },
      ...(open.has(inner.path) ? rowsOf(inner, open, level + 1) : []),
    ]),
    ...root.files.map((file) => ({ level, file })),
  ];
}

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
  const [looked, setLooked] = useState<VersionFile | null>(null);
  if (isPending) return <Loading />;
  if (error) return <Failure error={error} retry={() => void refetch()} />;
  if (files.length === 0)
    return (
      <Empty icon={<IconFolder size={34} />} title="No files here">
        {ready
          ? "This version points to somewhere else, and the server keeps no files of it."
          : "They are shown once the version is ready."}
      </Empty>
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
        {hasNextPage ? " so far" : ""}, {size(root.bytes)}. They never change.
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
                    {size(row.folder.bytes)}
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
                  look={setLooked}
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
      {looked ? (
        <Preview
          file={looked}
          path={filePath(model, version, looked.path)}
          onClose={() => setLooked(null)}
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
  look,
}: {
  file: VersionFile;
  level: number;
  model: string;
  version: number;
  look: (file: VersionFile) => void;
}) {
  const name = file.path.slice(file.path.lastIndexOf("/") + 1);
  return (
    <Table.Tr>
      <Table.Td style={{ paddingInlineStart: 31 + level * 20 }}>
        <UnstyledButton onClick={() => look(file)} aria-label={`Preview ${file.path}`}>
          <Group gap={6} wrap="nowrap">
            <IconFile size={17} />
            <Tooltip label={`Changed ${exactTime(file.modified_at)}`}>
              <span className="name">{visible(name)}</span>
            </Tooltip>
          </Group>
        </UnstyledButton>
      </Table.Td>
      <Table.Td ta="right" className="nowrap">
        {size(file.size)}
      </Table.Td>
      <Table.Td visibleFrom="sm">
        {file.sha256 ? (
          <Group gap={4} wrap="nowrap">
            <Tooltip label={file.sha256}>
              <span className="mono">{file.sha256.slice(0, 12)}…</span>
            </Tooltip>
            <Copy text={file.sha256} label={`Copy the SHA-256 of ${name}`} />
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

/** Text as text: nothing of a file is ever rendered. */
function Preview({
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
    <Drawer
      opened
      onClose={onClose}
      lockScroll={false}
      position="right"
      size="xl"
      title={<span className="anywhere">{visible(file.path)}</span>}
      closeButtonProps={{ "aria-label": "Close the preview" }}
    >
      <Group justify="space-between" mb="sm">
        <Text size="sm" c="dimmed">
          {size(file.size)}
          {file.size > PREVIEW ? `, the first ${size(PREVIEW)} are shown` : ""}
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
      {isPending ? <Loading /> : null}
      {error ? <Failure error={error} retry={() => void refetch()} /> : null}
      {data && text === null ? (
        <Text size="sm">This is no text. Download it to look inside.</Text>
      ) : null}
      {text !== null ? (
        <pre className="preview panel" tabIndex={0} aria-label={`Content of ${file.path}`}>
          {visible(text)}
        </pre>
      ) : null}
    </Drawer>
  );
}
