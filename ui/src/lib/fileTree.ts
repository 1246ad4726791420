import type { VersionFile } from "../api/versions";

export interface Folder {
  name: string;
  path: string;
  folders: Map<string, Folder>;
  files: VersionFile[];
  bytes: number;
}

export const folder = (name: string, path: string): Folder => ({
  name,
  path,
  folders: new Map(),
  files: [],
  bytes: 0,
});

export function treeOf(files: VersionFile[]): Folder {
  const root = folder("", "");
  for (const file of files) {
    const parts = file.path.split("/").slice(0, -1);
    let current = root;
    current.bytes += file.size;
    for (const part of parts) {
      const path = current.path ? `${current.path}/${part}` : part;
      const next = current.folders.get(part) ?? folder(part, path);
      current.folders.set(part, next);
      current = next;
      current.bytes += file.size;
    }
    current.files.push(file);
  }
  return root;
}

/** The rows of a file tree: its folders, and the contents of the open ones. */
export function rowsOf(
  root: Folder,
  open: ReadonlySet<string>,
  level = 0,
): { level: number; folder?: Folder; file?: VersionFile }[] {
  return [
    ...[...root.folders.values()].flatMap((child) => [
      { level, folder: child },
      ...(open.has(child.path) ? rowsOf(child, open, level + 1) : []),
    ]),
    ...root.files.map((file) => ({ level, file })),
  ];
}
