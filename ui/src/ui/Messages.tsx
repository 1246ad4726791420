/** Short messages of what was done. Their code is loaded with the first one: most visits only look. */

import { Suspense, useSyncExternalStore } from "react";

import { loadPart } from "../api/connection";
import { lazyPart } from "./part";

const Notifications = lazyPart(async () => ({
  default: (await import("@mantine/notifications")).Notifications,
}));

let said = false;
const listeners = new Set<() => void>();

export async function say(message: string): Promise<void> {
  const { notifications } = await loadPart(() => import("@mantine/notifications"));
  said = true;
  for (const listener of listeners) listener();
  notifications.show({ message, color: "teal" });
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function Messages() {
  const wanted = useSyncExternalStore(subscribe, () => said);
  return wanted ? (
    <Suspense>
      <Notifications position="bottom-right" />
    </Suspense>
  ) : null;
}
