/** Columns of tables: their types as text, and their rows in a table of the page. */

import type { TableColumn } from "../api/objects";

/** The type as SQL writes it. Clients that send no `type_text` send the type's name. */
export const columnType = (column: TableColumn): string =>
  column.type_text || (column.type_name ?? "").toLowerCase();

/** In the order of their positions; columns without a position stay where they are. */
export const inOrder = (columns: TableColumn[]): TableColumn[] =>
  columns
    .map((column, index) => ({ column, position: column.position ?? index }))
    .sort((a, b) => a.position - b.position)
    .map(({ column }) => column);

/** The names of the columns that partition the table, in the order of the partitions. */
export const partitionNames = (columns: TableColumn[]): string[] =>
  columns
    .filter((column) => typeof column.partition_index === "number")
    .sort((a, b) => (a.partition_index ?? 0) - (b.partition_index ?? 0))
    .map((column) => column.name);

/** What a commit did: `WRITE (Append)`. */
export const commitLabel = ({ operation, mode }: { operation: string; mode: string }): string =>
  `${operation || "unknown"}${mode ? ` (${mode})` : ""}`;

/** Whether name, type or comment has the text in it, in any case. */
export const matchesColumn = (column: TableColumn, text: string): boolean =>
  `${column.name} ${columnType(column)} ${column.comment ?? ""}`
    .toLowerCase()
    .includes(text.trim().toLowerCase());
