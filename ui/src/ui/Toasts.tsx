/** Short messages after a change. Their code loads with the first one, because most visits change nothing. */

import { Suspense, useSyncExternalStore } from "react";

import { loadModule } from "../api/connection";
import { lazyComponent } from "../lib/lazyComponent";

const Notifications = lazyComponent(async () => ({
  default: (await import("@mantine/notifications")).Notifications,
}));

let used = false;
const listeners = new Set<() => void>();

export async function showToast(message: string): Promise<void> {
  const { notifications } = await loadModule(() => import("@mantine/notifications"));
  used = true;
  for (const listener of listeners) listener();
  notifications.show({ message, color: "teal" });
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function Toasts() {
  const isUsed = useSyncExternalStore(subscribe, () => used);
  return isUsed ? (
    <Suspense>
      <Notifications position="bottom-right" />
    </Suspense>
  ) : null;
}
