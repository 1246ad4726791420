/** Where the keyboard is, when what it was in goes away. */

import { type RefObject, useEffect, useRef } from "react";

/** For what is mounted only while it is open: whoever had the focus before gets it back. */
export function useFocusReturn(): void {
  const opener = useRef(document.activeElement);
  useEffect(() => {
    const before = opener.current;
    return () => {
      if (before instanceof HTMLElement && before.isConnected)
        before.focus({ preventScroll: true });
    };
  }, []);
}

/** Moves the focus to a new page's beginning, unless it is in something that stays: the tree, or MLflow's frame. */
export function useFocusOnArrival(page: string, main: string): void {
  const shownPage = useRef(page);
  useEffect(() => {
    if (shownPage.current === page) return;
    shownPage.current = page;
    document.getElementById(main)?.scrollTo(0, 0);
    const focused = document.activeElement;
    const stays =
      focused instanceof HTMLIFrameElement ||
      focused?.closest("[role=tree], [role=dialog], [role=tablist]");
    if (!stays) document.getElementById(main)?.focus({ preventScroll: true });
  }, [page, main]);
}

/** Of more tabs than a narrow window shows, the chosen one is among those that show, also when some come later. */
export function useTabInSight(
  list: RefObject<HTMLElement | null>,
  value: string | null | undefined,
  count: number,
): void {
  useEffect(() => {
    if (count > 1)
      list.current
        ?.querySelector(`[id$="-tab-${value}"]`)
        ?.scrollIntoView({ block: "nearest", inline: "center" });
  }, [list, value, count]);
}
