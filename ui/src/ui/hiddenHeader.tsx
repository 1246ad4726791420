import type { Column } from "./VirtualTable";

/** The header of a column that only screen readers name, and the column's width in pixels. */
export const hiddenHeader = (
  label: string,
  width: number,
): Pick<Column<unknown>, "header" | "label" | "width"> => ({
  header: <span className="visually-hidden">{label}</span>,
  label,
  width,
});
