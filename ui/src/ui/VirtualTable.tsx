import { Button, Skeleton } from "@mantine/core";
import type { QueryKey } from "@tanstack/react-query";
import { useVirtualizer } from "@tanstack/react-virtual";
import { memo, type ReactNode, useEffect, useRef, useState } from "react";

import { useVisibleRows } from "../api/infiniteLists";
import { useRowKeys } from "../lib/useRowKeys";

export interface Column<Row> {
  header: ReactNode;
  /** For columns whose header is no text. */
  label?: string;
  cell: (row: Row) => ReactNode;
  width?: number | string;
  /** Hidden on narrower windows. */
  visibleFrom?: "xs" | "sm" | "md" | "lg" | "xl";
  align?: "left" | "right";
}

interface Props<Row> {
  label: string;
  columns: Column<Row>[];
  rows: Row[];
  rowKey: (row: Row) => string;
  rowHeight?: number;
  /** Fetches the next page. Undefined on the last page. */
  loadMore?: (() => void) | undefined;
  loadingMore?: boolean;
  height?: string;
  /** The query key of the list, if `rows` are all its rows so far. */
  queryKey?: QueryKey | undefined;
  /** How often to refetch the visible rows, in ms. */
  refetchInterval?: number | undefined;
}

const VIRTUAL_FROM = 60;

// Plain elements, because Mantine's cells take ten times as long to render.
const classOf = (column: { visibleFrom?: string; align?: string }) =>
  `${column.visibleFrom ? `mantine-visible-from-${column.visibleFrom}` : ""}${column.align === "right" ? " right" : ""}`;

/** Renders again only for another row or other columns, so that scrolling stays cheap. */
const Cells = memo(function Cells<Row>({ row, columns }: { row: Row; columns: Column<Row>[] }) {
  return columns.map((column, index) => (
    <td
      key={column.label ?? (typeof column.header === "string" ? column.header : index)}
      className={classOf(column)}
    >
      {column.cell(row)}
    </td>
  ));
}) as <Row>(props: { row: Row; columns: Column<Row>[] }) => ReactNode;

/** A table of any length. It renders the rows in sight, and fetches the next page near its end. */
export function VirtualTable<Row>(props: Props<Row>) {
  const {
    label,
    columns,
    rows,
    rowKey,
    rowHeight = 45,
    loadMore,
    loadingMore,
    height = "min(68vh, 900px)",
    queryKey,
    refetchInterval,
  } = props;
  const container = useRef<HTMLDivElement>(null);
  const virtual = rows.length > VIRTUAL_FROM || loadMore !== undefined;
  const virtualizer = useVirtualizer({
    count: rows.length,
    getScrollElement: () => container.current,
    estimateSize: () => rowHeight,
    initialRect: { width: 0, height: 600 }, // renders rows before anything is measured
    overscan: 6,
    enabled: virtual,
  });
  const keys = useRowKeys(container, virtual);
  const items = virtual
    ? virtualizer.getVirtualItems()
    : rows.map((_, index) => ({ index, start: 0, end: 0 }));
  const last = items.at(-1)?.index ?? -1;
  useVisibleRows(queryKey, items[0]?.index ?? 0, Math.max(last, 0), refetchInterval);
  // The table fetches each page once by itself. After a failure, a button fetches it.
  const [requestedAfter, setAsked] = useState("");
  const end = rows.at(-1);
  const lastKey = end === undefined ? "" : rowKey(end);
  useEffect(() => {
    if (!loadMore || loadingMore || last < rows.length - 30 || requestedAfter === lastKey) return;
    setAsked(lastKey);
    loadMore();
  }, [loadMore, loadingMore, last, rows.length, requestedAfter, lastKey]);
  const above = virtual ? (items[0]?.start ?? 0) : 0;
  const below = virtual ? virtualizer.getTotalSize() - (items.at(-1)?.end ?? 0) : 0;
  return (
    <div
      ref={container}
      className="table"
      role="region"
      aria-label={label}
      aria-keyshortcuts="ArrowDown ArrowUp"
      tabIndex={0}
      {...keys}
      style={virtual ? { maxHeight: height } : undefined}
    >
      <table className="rows" aria-label={label} aria-rowcount={loadMore ? -1 : rows.length + 1}>
        <thead>
          <tr>
            {columns.map((column, index) => (
              <th
                key={column.label ?? (typeof column.header === "string" ? column.header : index)}
                style={{ width: column.width }}
                className={classOf(column)}
                aria-label={column.label}
              >
                {column.header}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {above > 0 ? (
            <tr aria-hidden>
              <td style={{ height: above, padding: 0 }} colSpan={columns.length} />
            </tr>
          ) : null}
          {items.map((item) => {
            const row = rows[item.index];
            if (row === undefined) return null;
            return (
              <tr
                key={rowKey(row)}
                data-index={item.index}
                aria-rowindex={item.index + 2}
                ref={virtual ? virtualizer.measureElement : undefined}
              >
                <Cells row={row} columns={columns} />
              </tr>
            );
          })}
          {below > 0 ? (
            <tr aria-hidden>
              <td style={{ height: below, padding: 0 }} colSpan={columns.length} />
            </tr>
          ) : null}
          {loadingMore ? (
            <tr>
              <td colSpan={columns.length}>
                <Skeleton height={18} />
              </td>
            </tr>
          ) : loadMore && requestedAfter === lastKey ? (
            <tr>
              <td colSpan={columns.length}>
                <Button size="compact-sm" variant="default" onClick={loadMore}>
                  Load more
                </Button>
              </td>
            </tr>
          ) : null}
        </tbody>
      </table>
    </div>
  );
}
