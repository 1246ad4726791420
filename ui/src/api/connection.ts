/** Whether the server answers, and whether it is still the one that this page came from. */

import { useSyncExternalStore } from "react";

export type Connection = "ok" | "away" | "newer";

const TRY_MS = 2_500;
const ASSET = /\/explore\/assets\/index-[\w-]+\.js/;
const entry = () =>
  ASSET.exec(document.querySelector<HTMLScriptElement>('script[type="module"]')?.src ?? "")?.[0] ??
  "";

let state: Connection = "ok";
let timer: ReturnType<typeof setTimeout> | undefined;
const listeners = new Set<() => void>();
const waiting = new Set<() => void>();

function become(next: Connection): void {
  if (state === next) return;
  state = next;
  for (const listener of listeners) listener();
}

/** The script that the server's page begins with now; undefined while nobody answers. */
async function servedEntry(): Promise<string | undefined> {
  try {
    const response = await fetch("/explore", {
      cache: "no-store",
      signal: AbortSignal.timeout(10_000),
    });
    if (response.status >= 500) return undefined;
    return ASSET.exec(await response.text())?.[0] ?? ""; // '' of the sign-in page, which names no script
  } catch {
    return undefined;
  }
}

async function look(): Promise<void> {
  const served = await servedEntry();
  if (served === undefined) {
    become("away");
    timer = setTimeout(() => void look(), TRY_MS);
    return;
  }
  timer = undefined;
  become(served !== "" && entry() !== "" && served !== entry() ? "newer" : "ok");
  const resumed = [...waiting];
  waiting.clear();
  for (const resume of resumed) resume();
}

/** A call got no answer: asks until there is one. */
export function lost(): void {
  if (timer !== undefined) return;
  timer = setTimeout(() => void look(), 0);
}

/** Resolves when the server answers again. */
const answering = () =>
  new Promise<void>((resolve) => {
    waiting.add(resolve);
    lost();
  });

/** Loads a part of the pages. While the server is away it waits; a part of an older build never comes, and the page says so. */
export async function loadPart<T>(part: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await part();
    } catch (error) {
      await answering();
      if (state === "newer") await new Promise(() => undefined); // until somebody reloads
      try {
        return await part();
      } catch {
        // A browser may remember that a script failed. The address is the page's state, so loading it again shows the same page.
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
