/** Whether the server answers, and whether it still serves the build that this page came from. */

import { useSyncExternalStore } from "react";

export type Connection = "ok" | "away" | "newer";

const RETRY_MS = 2_500;
const ASSET = /\/explore\/assets\/index-[\w-]+\.js/;
const loadedEntry = () =>
  ASSET.exec(document.querySelector<HTMLScriptElement>('script[type="module"]')?.src ?? "")?.[0] ??
  "";

let state: Connection = "ok";
let timer: ReturnType<typeof setTimeout> | undefined;
let isProbing = false;
const listeners = new Set<() => void>();
const onReachable = new Set<() => void>();

function setState(next: Connection): void {
  if (state === next) return;
  state = next;
  for (const listener of listeners) listener();
}

/** The entry script of the build that the server serves now; undefined while it does not answer. */
async function servedEntry(): Promise<string | undefined> {
  try {
    const response = await fetch("/explore", {
      cache: "no-store",
      signal: AbortSignal.timeout(10_000),
    });
    if (response.status >= 500) return undefined;
    return ASSET.exec(await response.text())?.[0] ?? ""; // '' for the sign-in page, which has no script
  } catch {
    return undefined;
  }
}

async function probe(): Promise<void> {
  if (isProbing) return;
  isProbing = true;
  const served = await servedEntry();
  isProbing = false;
  if (served === undefined) {
    setState("away");
    timer = setTimeout(() => void probe(), RETRY_MS);
    return;
  }
  timer = undefined;
  setState(served !== "" && loadedEntry() !== "" && served !== loadedEntry() ? "newer" : "ok");
  const callbacks = [...onReachable];
  onReachable.clear();
  for (const resume of callbacks) resume();
}

/** Reports a call without an answer. From then on, probes repeat until the server answers. */
export function reportUnreachable(): void {
  if (timer !== undefined) return;
  timer = setTimeout(() => void probe(), 0);
}

/** Probes immediately instead of waiting for the next attempt. */
export function retryNow(): void {
  clearTimeout(timer);
  timer = setTimeout(() => void probe(), 0);
}

/** Resolves when the server answers again. */
const untilReachable = () =>
  new Promise<void>((resolve) => {
    onReachable.add(resolve);
    reportUnreachable();
  });

/** Loads a module of the pages. Waits while the server is away. A module of an older build never resolves; the banner offers a reload. */
export async function loadModule<T>(load: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await load();
    } catch (error) {
      await untilReachable();
      if (state === "newer") await new Promise(() => undefined); // until the reader reloads
      try {
        return await load();
      } catch {
        // A browser may remember that a script failed. The address is the page's state, so a reload shows the same page.
        if (sessionStorage.getItem(RELOADED) === location.href) throw error;
        sessionStorage.setItem(RELOADED, location.href);
        location.reload();
        await new Promise(() => undefined);
      }
    }
  }
}

const RELOADED = "modelkeep.reloaded";

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export const useConnection = (): Connection => useSyncExternalStore(subscribe, () => state);
