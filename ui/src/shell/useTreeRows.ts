/** The state of the catalog tree: which containers are open, and which of their pages are loaded. */

import { useQueries } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useState } from "react";

import { pageId, treePage } from "./treePages";
import { ancestors, type TreeRow, treeRows } from "./treeRows";

const MAX_FRESH_PAGES = 6;

interface TreeState {
  rows: TreeRow[];
  open: ReadonlySet<string>;
  setExpanded: (name: string, expanded: boolean) => void;
  /** Loads the next page of a container. */
  loadMore: (container: string, token: string) => void;
  /** The ids of the pages in sight. Of a tree with many pages, only these are refetched after a change. */
  setVisiblePages: (pages: ReadonlySet<string>) => void;
}

/** `selected` is the full name that the address shows; its containers open by themselves. */
export function useTreeRows(selected: string): TreeState {
  const [open, setOpen] = useState<ReadonlySet<string>>(() => new Set(ancestors(selected)));
  const [tokens, setTokens] = useState<Record<string, string[]>>(() =>
    Object.fromEntries(["", ...ancestors(selected)].map((name) => [name, [""]])),
  );
  const setExpanded = useCallback((name: string, expanded: boolean) => {
    setOpen((current) => {
      if (current.has(name) === expanded) return current;
      const changed = new Set(current);
      if (expanded) changed.add(name);
      else changed.delete(name);
      return changed;
    });
    if (expanded) setTokens((current) => (current[name] ? current : { ...current, [name]: [""] }));
  }, []);
  useEffect(() => {
    for (const name of ancestors(selected)) setExpanded(name, true);
  }, [selected, setExpanded]);

  const requests = useMemo(
    () =>
      Object.entries(tokens)
        .filter(([container]) => container === "" || open.has(container))
        .flatMap(([container, pageTokens]) => pageTokens.map((token) => ({ container, token }))),
    [tokens, open],
  );
  const [pausedPages, setPausedPages] = useState<ReadonlySet<string>>(new Set());
  const answers = useQueries({
    queries: requests.map((request) => ({
      ...treePage(request),
      enabled: !pausedPages.has(pageId(request)),
    })),
  });
  const rows = useMemo(() => treeRows(requests, answers, open), [requests, answers, open]);

  const loadMore = useCallback((container: string, token: string) => {
    setTokens((current) => ({
      ...current,
      [container]: [...new Set([...(current[container] ?? []), token])],
    }));
  }, []);
  const setVisiblePages = useCallback(
    (visiblePages: ReadonlySet<string>) => {
      const loadedPages = new Set(rows.map((row) => row.page));
      const candidates = requests.length > MAX_FRESH_PAGES ? requests.map(pageId) : [];
      const paused = candidates.filter((page) => loadedPages.has(page) && !visiblePages.has(page));
      setPausedPages((current) =>
        paused.length === current.size && paused.every((page) => current.has(page))
          ? current
          : new Set(paused),
      );
    },
    [rows, requests],
  );
  return { rows, open, setExpanded, loadMore, setVisiblePages };
}
