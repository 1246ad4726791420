/** Text that was typed and not saved yet: kept in this tab until it is saved or given up, also across a sign-in. */

import { useCallback, useState } from "react";

const PREFIX = "modelkeep.draft.";

interface Draft {
  text: string;
  /** A save was cut off, so the page opens the text again by itself. */
  cut: boolean;
}

function readDraft(name: string): Draft | null {
  try {
    const value: unknown = JSON.parse(sessionStorage.getItem(PREFIX + name) ?? "null");
    if (
      typeof value !== "object" ||
      value === null ||
      !("text" in value) ||
      typeof value.text !== "string"
    )
      return null;
    return { text: value.text, cut: "cut" in value && value.cut === true };
  } catch {
    return null; // written by somebody else
  }
}

function write(name: string, draft: Draft): void {
  try {
    sessionStorage.setItem(PREFIX + name, JSON.stringify(draft));
  } catch {
    // A full store keeps no drafts; the text stays on the page.
  }
}

/** The draft is to be opened when the page shows again. */
export function markCut(name: string, text: string): void {
  write(name, { text, cut: true });
}

export const isCut = (name: string) => readDraft(name)?.cut ?? false;

export function dropDrafts(): void {
  for (const key of Object.keys(sessionStorage))
    if (key.startsWith(PREFIX)) sessionStorage.removeItem(key);
}

interface Typed {
  text: string;
  setText: (text: string) => void;
  /** The text at the beginning is what was typed earlier, not `initial`. */
  restored: boolean;
  /** Forgets the draft. */
  drop: () => void;
}

/** A text field's state that outlives its dialog. `name`: of what the text is for. */
export function useDraft(name: string, initial: string): Typed {
  const [begin] = useState(() => readDraft(name));
  const [text, set] = useState(begin?.text ?? initial);
  const setText = useCallback(
    (next: string) => {
      set(next);
      if (next === initial) sessionStorage.removeItem(PREFIX + name);
      else write(name, { text: next, cut: false });
    },
    [name, initial],
  );
  const drop = useCallback(() => sessionStorage.removeItem(PREFIX + name), [name]);
  return { text, setText, restored: begin !== null && begin.text !== initial, drop };
}
