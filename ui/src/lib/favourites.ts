/** Recent and favourite pages. Only this browser keeps them, not the registry. */

import { useSyncExternalStore } from "react";

export interface PageRef {
  kind: string;
  name: string;
}

const MAX_RECENTS = 12;
const listeners = new Set<() => void>();
const cache = new Map<string, { text: string; items: PageRef[] }>();

function read(key: string): PageRef[] {
  const text = localStorage.getItem(key) ?? "[]";
  const known = cache.get(key);
  if (known?.text === text) return known.items;
  let items: PageRef[] = [];
  try {
    const parsed: unknown = JSON.parse(text);
    if (Array.isArray(parsed))
      items = parsed.filter(
        (entry): entry is PageRef =>
          typeof entry?.kind === "string" && typeof entry?.name === "string",
      );
  } catch {
    // The stored text is not ours.
  }
  cache.set(key, { text, items });
  return items;
}

function write(key: string, items: PageRef[]): void {
  localStorage.setItem(key, JSON.stringify(items));
  for (const listener of listeners) listener();
}

const subscribe = (listener: () => void) => {
  listeners.add(listener);
  return () => listeners.delete(listener);
};
const same = (a: PageRef, b: PageRef) => a.kind === b.kind && a.name === b.name;
const RECENTS = "modelkeep.recents";
const FAVOURITES = "modelkeep.favourites";

export const useRecents = () => useSyncExternalStore(subscribe, () => read(RECENTS));
export const useFavourites = () => useSyncExternalStore(subscribe, () => read(FAVOURITES));

export const recordVisit = (page: PageRef) => {
  const before = read(RECENTS);
  if (before[0] && same(before[0], page)) return;
  write(RECENTS, [page, ...before.filter((other) => !same(other, page))].slice(0, MAX_RECENTS));
};
export const forgetPage = (page: PageRef) => {
  for (const key of [RECENTS, FAVOURITES])
    write(
      key,
      read(key).filter((other) => !same(other, page)),
    );
};
export const toggleFavourite = (page: PageRef) => {
  const before = read(FAVOURITES);
  write(
    FAVOURITES,
    before.some((other) => same(other, page))
      ? before.filter((other) => !same(other, page))
      : [page, ...before],
  );
};
