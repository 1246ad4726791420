/** Arrow keys in a table: up and down lead to the same control of the next row, and a long table is one stop of the Tab key. */

import { type KeyboardEvent, type RefObject, useLayoutEffect, useRef } from "react";

const CONTROLS = "a[href], button, input";
const STEPS: Record<string, number> = { ArrowDown: 1, ArrowUp: -1 };

const controls = (row: Element) =>
  [...row.querySelectorAll<HTMLElement>(CONTROLS)].filter((one) => one.offsetParent !== null);
const indexOf = (row: HTMLElement) => Number(row.dataset.index);

/** `roving`: whether rows beside the current one are skipped by Tab, as those that are not there would be anyway. */
export function useRowKeys(container: RefObject<HTMLElement | null>, roving: boolean) {
  const current = useRef(0);
  const rows = () => [
    ...(container.current?.querySelectorAll<HTMLElement>("tbody tr[data-index]") ?? []),
  ];
  const stop = () => {
    if (!roving) return;
    const all = rows();
    const at = all.find((row) => indexOf(row) === current.current) ?? all[0];
    for (const row of all)
      for (const one of row.querySelectorAll<HTMLElement>(CONTROLS))
        one.tabIndex = row === at ? 0 : -1;
  };
  useLayoutEffect(stop);
  const onKeyDown = (event: KeyboardEvent<HTMLElement>) => {
    const step = STEPS[event.key];
    const target = event.target as HTMLElement;
    if (step === undefined || event.defaultPrevented) return;
    const here = target.closest<HTMLElement>("tbody tr[data-index]");
    const all = rows();
    // From the table itself, an arrow leads in; Page Up, Page Down, Home and End go on scrolling.
    const next = here
      ? all.find((row) => indexOf(row) === indexOf(here) + step)
      : target === container.current && step > 0
        ? firstShown(all, target)
        : undefined;
    if (!next) return;
    const column = target.closest("td")?.cellIndex ?? 0;
    const cell = next.children[column];
    const found = (cell ? controls(cell)[0] : undefined) ?? controls(next)[0];
    if (!found) return;
    current.current = indexOf(next);
    stop();
    found.focus();
    event.preventDefault();
  };
  const onFocus = (event: { target: EventTarget }) => {
    const row = (event.target as HTMLElement).closest<HTMLElement>("tbody tr[data-index]");
    if (!row || indexOf(row) === current.current) return;
    current.current = indexOf(row);
    stop();
  };
  return { onKeyDown, onFocus };
}

function firstShown(rows: HTMLElement[], container: HTMLElement): HTMLElement | undefined {
  const top =
    container.getBoundingClientRect().top + (container.querySelector("thead")?.clientHeight ?? 0);
  return rows.find((row) => row.getBoundingClientRect().top >= top - 1) ?? rows[0];
}
