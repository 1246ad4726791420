import type { AuditFilter } from "../api/audit";
import { auditExport, auditPage } from "../api/audit";

/** Reads the next page: its lines, and whether another page follows. */
export type NextPage = () => Promise<{ lines: unknown[]; hasNext: boolean }>;

/** The records as the page shows them, newest first. */
export function recordPages(filter: AuditFilter): NextPage {
  let token = "";
  return async () => {
    const page = await auditPage(filter, 1000, token);
    token = page.next_page_token;
    return { lines: page.events, hasNext: token !== "" };
  };
}

/** The records in Databricks' schema, oldest first. */
export function databricksPages(filter: AuditFilter): NextPage {
  let after = 0;
  return async () => {
    const page = await auditExport(filter, after);
    after = page.cursor;
    return { lines: page.records, hasNext: page.more };
  };
}

/** Reads all pages and saves them as one file of JSON lines. The browser keeps the blobs outside this page's memory. */
export async function download(
  nextPage: NextPage,
  name: string,
  onProgress: (lineCount: number) => void,
): Promise<void> {
  const blobs: Blob[] = [];
  let lineCount = 0;
  let hasNext = true;
  while (hasNext) {
    const page = await nextPage();
    if (page.lines.length > 0)
      blobs.push(new Blob(page.lines.map((line) => `${JSON.stringify(line)}\n`)));
    lineCount += page.lines.length;
    hasNext = page.hasNext;
    onProgress(lineCount);
  }
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(blobs, { type: "application/x-ndjson" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
