/** Where the focus goes when its element disappears. */

import { type RefObject, useEffect, useRef } from "react";

/** For a component that is mounted only while it is open: returns the focus to the element that had it. */
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

/** Moves the focus to the start of a new page, unless the tree, a dialog or MLflow's frame has it. */
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

/** Scrolls the chosen tab into sight, also when tabs arrive later. */
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
