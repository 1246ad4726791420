/** The rows of the catalog tree, from the pages that have arrived. */

import type { SecurableKind } from "../lib/securables";
import { type PageRequest, pageId, type TreePage } from "./treePages";

export interface TreeRow {
  kind: SecurableKind | "MORE" | "WAIT" | "NONE" | "FAILED";
  name: string;
  level: number;
  /** Of MORE: the token of the next page of the container `name`. */
  token?: string;
  /** Of NONE and FAILED: what the row says. */
  text?: string;
  /** The id of the page that the row is on. */
  page?: string;
}

/** What a query has said about a page so far. */
export interface PageAnswer {
  data?: TreePage | undefined;
  error: Error | null;
}

const PLACEHOLDERS = new Set(["MORE", "WAIT", "NONE", "FAILED"]);

export const isSecurable = (row: TreeRow) => !PLACEHOLDERS.has(row.kind);

export const canExpand = (row: TreeRow) => row.kind === "CATALOG" || row.kind === "SCHEMA";

/** The rows of all open containers, from the top. `answers` are in the order of `requests`. */
export function treeRows(
  requests: PageRequest[],
  answers: PageAnswer[],
  open: ReadonlySet<string>,
): TreeRow[] {
  const rows: TreeRow[] = [];
  const addContainer = (container: string, level: number) => {
    let count = 0;
    let nextToken = "";
    for (const [index, request] of requests.entries()) {
      if (request.container !== container) continue;
      const answer = answers[index];
      const page = answer?.data;
      if (answer?.error)
        rows.push({ kind: "FAILED", name: `${container}!`, level, text: answer.error.message });
      else if (!page) rows.push({ kind: "WAIT", name: `${container}…${request.token}`, level });
      for (const { kind, name } of page?.entries ?? []) {
        count += 1;
        rows.push({ kind, name, level, page: pageId(request) });
        if (level < 3 && open.has(name)) addContainer(name, level + 1);
      }
      nextToken = page?.nextToken ?? "";
      if (page && !nextToken && count === 0 && level > 1) rows.push(emptyRow(container, level));
    }
    if (nextToken) rows.push({ kind: "MORE", name: container, level, token: nextToken });
  };
  addContainer("", 1);
  return rows;
}

const emptyRow = (container: string, level: number): TreeRow => ({
  kind: "NONE",
  name: `${container}-`,
  level,
  text: level === 2 ? "No schemas" : "Nothing in this schema",
});

const FOLDER_KINDS: Record<string, SecurableKind> = {
  models: "MODEL",
  prompts: "PROMPT",
  volumes: "VOLUME",
  functions: "FUNCTION",
};
const DEPTH_KINDS: SecurableKind[] = ["CATALOG", "SCHEMA", "TABLE"];

/** The securable that an address shows. The name is '' for other addresses. */
export function selectedSecurable(pathname: string): { kind: SecurableKind; name: string } {
  if (!pathname.startsWith("/explore/data/")) return { kind: "CATALOG", name: "" };
  const parts = pathname.split("/").slice(3).map(decodeURIComponent);
  const folderKind = parts.length >= 4 ? FOLDER_KINDS[parts[0] ?? ""] : undefined;
  if (folderKind) return { kind: folderKind, name: parts.slice(1, 4).join(".") };
  const names = parts.slice(0, 3);
  return { kind: DEPTH_KINDS[names.length - 1] ?? "CATALOG", name: names.join(".") };
}

/** The catalog and the schema that contain a securable. */
export function ancestors(name: string): string[] {
  const parts = name.split(".");
  return parts.slice(1).map((_, depth) => parts.slice(0, depth + 1).join("."));
}

/** What a key of the keyboard does to the row at `index`: move to a row, open or close it, or follow it. */
export type TreeAction =
  | { type: "move"; index: number }
  | { type: "expand" | "collapse"; name: string }
  | { type: "follow" };

export function keyAction(
  key: string,
  rows: TreeRow[],
  index: number,
  open: ReadonlySet<string>,
): TreeAction | null {
  const row = rows[index];
  const expanded = row !== undefined && open.has(row.name);
  switch (key) {
    case "ArrowDown":
      return { type: "move", index: index + 1 };
    case "ArrowUp":
      return { type: "move", index: index - 1 };
    case "Home":
      return { type: "move", index: 0 };
    case "End":
      return { type: "move", index: rows.length - 1 };
    case "ArrowRight":
      if (!row || !canExpand(row)) return null;
      return expanded ? { type: "move", index: index + 1 } : { type: "expand", name: row.name };
    case "ArrowLeft":
      if (!row) return null;
      if (expanded) return { type: "collapse", name: row.name };
      return { type: "move", index: Math.max(parentIndex(rows, index), 0) };
    case "Enter":
    case " ":
      return { type: "follow" };
    default:
      return null;
  }
}

/** The row of the container that holds the row at `index`; -1 without one. */
function parentIndex(rows: TreeRow[], index: number): number {
  const level = rows[index]?.level ?? 0;
  return rows.slice(0, index).findLastIndex((row) => row.level < level);
}
