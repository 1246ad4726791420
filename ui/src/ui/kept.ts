/** Recents and favourites: of this browser, never of the registry. */

import { useSyncExternalStore } from "react";

export interface Kept {
  kind: string;
  name: string;
}

const MOST = 12;
const listeners = new Set<() => void>();
const cache = new Map<string, { text: string; items: Kept[] }>();

function read(key: string): Kept[] {
  const text = localStorage.getItem(key) ?? "[]";
  const known = cache.get(key);
  if (known?.text === text) return known.items;
  let items: Kept[] = [];
  try {
    const parsed: unknown = JSON.parse(text);
    if (Array.isArray(parsed))
      items = parsed.filter(
        (one): one is Kept => typeof one?.kind === "string" && typeof one?.name === "string",
      );
  } catch {
    // What somebody else wrote there is nothing of ours.
  }
  cache.set(key, { text, items });
  return items;
}

function write(key: string, items: Kept[]): void {
  localStorage.setItem(key, JSON.stringify(items));
  for (const listener of listeners) listener();
}

const subscribe = (listener: () => void) => {
  listeners.add(listener);
  return () => listeners.delete(listener);
};
const same = (a: Kept, b: Kept) => a.kind === b.kind && a.name === b.name;
const RECENTS = "modelkeep.recents";
const FAVOURITES = "modelkeep.favourites";

export const useRecents = () => useSyncExternalStore(subscribe, () => read(RECENTS));
export const useFavourites = () => useSyncExternalStore(subscribe, () => read(FAVOURITES));

export const visited = (one: Kept) => {
  const before = read(RECENTS);
  if (before[0] && same(before[0], one)) return;
  write(RECENTS, [one, ...before.filter((other) => !same(other, one))].slice(0, MOST));
};
export const forget = (one: Kept) => {
  for (const key of [RECENTS, FAVOURITES])
    write(
      key,
      read(key).filter((other) => !same(other, one)),
    );
};
export const toggleFavourite = (one: Kept) => {
  const before = read(FAVOURITES);
  write(
    FAVOURITES,
    before.some((other) => same(other, one))
      ? before.filter((other) => !same(other, one))
      : [one, ...before],
  );
};
