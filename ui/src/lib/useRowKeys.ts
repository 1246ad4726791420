/** Arrow keys in a table: up and down move to the same control of the next row. A long table is one tab stop. */

import { type KeyboardEvent, type RefObject, useLayoutEffect, useRef } from "react";

const CONTROLS = "a[href], button, input";
const STEPS: Record<string, number> = { ArrowDown: 1, ArrowUp: -1 };

const controls = (row: Element) =>
  [...row.querySelectorAll<HTMLElement>(CONTROLS)].filter(
    (element) => element.offsetParent !== null,
  );
const indexOf = (row: HTMLElement) => Number(row.dataset.index);

/** With `roving`, Tab skips all rows except the current one. */
export function useRowKeys(container: RefObject<HTMLElement | null>, roving: boolean) {
  const current = useRef(0);
  const rows = () => [
    ...(container.current?.querySelectorAll<HTMLElement>("tbody tr[data-index]") ?? []),
  ];
  const setTabStops = () => {
    if (!roving) return;
    const all = rows();
    const at = all.find((row) => indexOf(row) === current.current) ?? all[0];
    for (const row of all)
      for (const control of row.querySelectorAll<HTMLElement>(CONTROLS))
        control.tabIndex = row === at ? 0 : -1;
  };
  useLayoutEffect(setTabStops);
  const onKeyDown = (event: KeyboardEvent<HTMLElement>) => {
    const step = STEPS[event.key];
    const target = event.target as HTMLElement;
    if (step === undefined || event.defaultPrevented) return;
    const focusedRow = target.closest<HTMLElement>("tbody tr[data-index]");
    const all = rows();
    // From the table itself, the down arrow enters the first row. Page Up, Page Down, Home and End still scroll.
    const next = focusedRow
      ? all.find((row) => indexOf(row) === indexOf(focusedRow) + step)
      : target === container.current && step > 0
        ? firstVisible(all, target)
        : undefined;
    if (!next) return;
    const column = target.closest("td")?.cellIndex ?? 0;
    const cell = next.children[column];
    const control = (cell ? controls(cell)[0] : undefined) ?? controls(next)[0];
    if (!control) return;
    current.current = indexOf(next);
    setTabStops();
    control.focus();
    event.preventDefault();
  };
  const onFocus = (event: { target: EventTarget }) => {
    const row = (event.target as HTMLElement).closest<HTMLElement>("tbody tr[data-index]");
    if (!row || indexOf(row) === current.current) return;
    current.current = indexOf(row);
    setTabStops();
  };
  return { onKeyDown, onFocus };
}

function firstVisible(rows: HTMLElement[], container: HTMLElement): HTMLElement | undefined {
  const top =
    container.getBoundingClientRect().top + (container.querySelector("thead")?.clientHeight ?? 0);
  return rows.find((row) => row.getBoundingClientRect().top >= top - 1) ?? rows[0];
}
