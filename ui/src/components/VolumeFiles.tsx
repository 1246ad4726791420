import { Anchor, Breadcrumbs, UnstyledButton } from "@mantine/core";
import { IconFile, IconFolder } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useSearchParams } from "react-router";

import { type VolumeEntry, volumeDirectory } from "../api/volumeFiles";
import { morePages } from "../lib/morePages";
import { formatBytes, visible } from "../lib/text";
import { volumeFilePath } from "../paths";
import { EmptyState } from "../ui/EmptyState";
import { ErrorAlert } from "../ui/ErrorAlert";
import { LoadingSkeleton } from "../ui/Skeletons";
import { TimeAgo } from "../ui/TimeAgo";
import { type Column, VirtualTable } from "../ui/VirtualTable";
import { Preview } from "./FilePreview";

interface Opened {
  path: string;
  size: number;
}

const columnsOf = (open: (entry: VolumeEntry) => void): Column<VolumeEntry>[] => [
  {
    header: "Name",
    cell: (entry) => (
      <UnstyledButton
        className="name entry"
        onClick={() => open(entry)}
        aria-label={`${entry.is_directory ? "Open" : "Preview"} ${entry.name}`}
      >
        {entry.is_directory ? <IconFolder size={17} /> : <IconFile size={17} />}
        {visible(entry.name)}
      </UnstyledButton>
    ),
  },
  {
    header: "Size",
    width: 110,
    align: "right",
    cell: (entry) => (entry.is_directory ? "" : formatBytes(entry.file_size ?? 0)),
  },
  {
    header: "Changed",
    width: 150,
    visibleFrom: "sm",
    cell: (entry) => (entry.last_modified ? <TimeAgo at={entry.last_modified} /> : ""),
  },
];

/** The files of a volume, one directory at a time. The address holds the directory. */
export default function VolumeFiles({ volume }: { volume: string }) {
  const [params, setParams] = useSearchParams();
  const directory = params.get("path") ?? "";
  const [opened, setOpened] = useState<Opened | null>(null);
  const query = useInfiniteQuery(volumeDirectory(volume, directory));
  const enter = (path: string) =>
    setParams((current) => {
      const next = new URLSearchParams(current);
      if (path) next.set("path", path);
      else next.delete("path");
      return next;
    });
  const open = (entry: VolumeEntry) => {
    const path = directory ? `${directory}/${entry.name}` : entry.name;
    if (entry.is_directory) enter(path);
    else setOpened({ path, size: entry.file_size ?? 0 });
  };
  const entries = query.data?.pages.flatMap((page) => page.contents) ?? [];
  return (
    <>
      <Path volume={volume} directory={directory} enter={enter} />
      {query.isPending ? <LoadingSkeleton /> : null}
      {query.error ? <ErrorAlert error={query.error} retry={() => void query.refetch()} /> : null}
      {query.data && entries.length === 0 ? (
        <EmptyState
          icon={<IconFolder size={34} />}
          title="No files here"
          command={`databricks fs cp data.csv dbfs:/Volumes/${volume.replaceAll(".", "/")}/${directory}`}
        >
          Files that clients write under this path appear here.
        </EmptyState>
      ) : null}
      {entries.length > 0 ? (
        <VirtualTable
          label="Files"
          rows={entries}
          queryKey={volumeDirectory(volume, directory).queryKey}
          rowKey={(entry) => entry.path}
          {...morePages(query)}
          columns={columnsOf(open)}
        />
      ) : null}
      {opened ? (
        <Preview
          file={opened}
          path={volumeFilePath(volume, opened.path)}
          onClose={() => setOpened(null)}
        />
      ) : null}
    </>
  );
}

interface PathProps {
  volume: string;
  directory: string;
  enter: (path: string) => void;
}

/** The directories above the entries, each a button that leads there. */
function Path({ volume, directory, enter }: PathProps) {
  const parts = directory ? directory.split("/") : [];
  return (
    <Breadcrumbs mb="sm" component="nav" aria-label="Directory">
      {[volume.split(".").at(-1) ?? "", ...parts].map((label, index) => {
        const path = parts.slice(0, index).join("/");
        return (
          <Anchor
            key={path}
            component="button"
            type="button"
            size="sm"
            onClick={() => enter(path)}
            aria-current={index === parts.length ? "page" : undefined}
          >
            {visible(label)}
          </Anchor>
        );
      })}
    </Breadcrumbs>
  );
}
