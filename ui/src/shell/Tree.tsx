import { useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, useEffect, useRef, useState } from "react";
import { useLocation, useNavigate } from "react-router";

import { securablePath } from "../paths";
import { ROW_HEIGHT, TreeRowView } from "./TreeRowView";
import { canExpand, keyAction, selectedSecurable, type TreeRow } from "./treeRows";
import { useTreeRows } from "./useTreeRows";

/** The tree of catalogs, schemas and everything in them. */
export function Tree() {
  const { pathname } = useLocation();
  const navigate = useNavigate();
  const { kind: selectedKind, name: selected } = selectedSecurable(pathname);
  const isSelected = (row: TreeRow) => row.kind === selectedKind && row.name === selected;
  const { rows, open, setExpanded, loadMore, setVisiblePages } = useTreeRows(selected);
  const [activeIndex, setActiveIndex] = useState(0);
  const scroller = useRef<HTMLDivElement>(null);
  const virtualizer = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_HEIGHT,
    initialRect: { width: 0, height: window.innerHeight }, // draws rows before anything is measured
    overscan: 5,
    getItemKey: (index) => `${rows[index]?.kind}${rows[index]?.name}`,
  });
  const items = virtualizer.getVirtualItems();
  const visiblePages = [...new Set(items.map((item) => rows[item.index]?.page ?? ""))].join("\n");
  useEffect(
    () => setVisiblePages(new Set(visiblePages.split("\n"))),
    [visiblePages, setVisiblePages],
  );
  const moreRow = items.map((item) => rows[item.index]).find((row) => row?.kind === "MORE");
  useEffect(() => {
    if (moreRow?.token) loadMore(moreRow.name, moreRow.token);
  }, [moreRow, loadMore]);

  // Scrolls once to the row that the address shows, when that row arrives.
  const revealed = useRef("");
  useEffect(() => {
    const revealing = `${selectedKind} ${selected}`;
    if (revealed.current === revealing) return;
    const index = selected
      ? rows.findIndex((row) => row.name === selected && row.kind === selectedKind)
      : -1;
    if (index < 0) return;
    revealed.current = revealing;
    setActiveIndex(index);
    const { startIndex = 0, endIndex = 0 } = virtualizer.range ?? {};
    if (index <= startIndex || index >= endIndex) virtualizer.scrollToIndex(index);
  }, [rows, selected, selectedKind, virtualizer]);

  const follow = (row: TreeRow | undefined) => {
    const path = row ? securablePath(row.kind, row.name) : null;
    if (path) void navigate(path);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const action = keyAction(event.key, rows, activeIndex, open);
    if (!action) return;
    event.preventDefault();
    if (action.type === "follow") follow(rows[activeIndex]);
    else if (action.type === "move") {
      const index = Math.min(Math.max(action.index, 0), rows.length - 1);
      setActiveIndex(index);
      virtualizer.scrollToIndex(index);
    } else setExpanded(action.name, action.type === "expand");
  };

  return (
    // The whole tree is one tab stop. aria-activedescendant names the row that keys act on.
    <div
      ref={scroller}
      className="tree"
      role="tree"
      aria-label="Catalogs, schemas and models"
      tabIndex={0}
      aria-activedescendant={rows[activeIndex] ? `tree-${activeIndex}` : undefined}
      onKeyDown={onKeyDown}
    >
      <div role="presentation" style={{ height: virtualizer.getTotalSize(), position: "relative" }}>
        {items.map((item) => {
          const row = rows[item.index];
          if (!row) return null;
          return (
            <TreeRowView
              key={item.key}
              row={row}
              id={`tree-${item.index}`}
              top={item.start}
              expanded={open.has(row.name)}
              selected={isSelected(row)}
              active={item.index === activeIndex}
              setExpanded={(expanded) => setExpanded(row.name, expanded)}
              onClick={() => {
                setActiveIndex(item.index);
                if (canExpand(row)) setExpanded(row.name, true);
                follow(row);
              }}
            />
          );
        })}
      </div>
    </div>
  );
}
