/** Drafts: typed text that is not saved yet. The tab keeps it until somebody saves or cancels, also across a sign-in. */

import { useCallback, useState } from "react";

const PREFIX = "modelkeep.draft.";

interface Draft {
  text: string;
  /** A save was interrupted, so the page opens the text again by itself. */
  interrupted: boolean;
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
    return { text: value.text, interrupted: "interrupted" in value && value.interrupted === true };
  } catch {
    return null; // no draft of ours
  }
}

function write(name: string, draft: Draft): void {
  try {
    sessionStorage.setItem(PREFIX + name, JSON.stringify(draft));
  } catch {
    // A full store keeps no drafts; the text stays on the page.
  }
}

/** Makes the page open this draft when it shows again. */
export function markInterrupted(name: string, text: string): void {
  write(name, { text, interrupted: true });
}

export const wasInterrupted = (name: string) => readDraft(name)?.interrupted ?? false;

export function clearDrafts(): void {
  for (const key of Object.keys(sessionStorage))
    if (key.startsWith(PREFIX)) sessionStorage.removeItem(key);
}

interface DraftField {
  text: string;
  setText: (text: string) => void;
  /** The text began as an earlier draft, not as `initial`. */
  restored: boolean;
  /** Forgets the draft. */
  discard: () => void;
}

/** A text field's state that outlives its dialog. `name` identifies what the text is for. */
export function useDraft(name: string, initial: string): DraftField {
  const [saved] = useState(() => readDraft(name));
  const [text, set] = useState(saved?.text ?? initial);
  const setText = useCallback(
    (next: string) => {
      set(next);
      if (next === initial) sessionStorage.removeItem(PREFIX + name);
      else write(name, { text: next, interrupted: false });
    },
    [name, initial],
  );
  const discard = useCallback(() => sessionStorage.removeItem(PREFIX + name), [name]);
  return { text, setText, restored: saved !== null && saved.text !== initial, discard };
}

/** The fields of a draft; a field that is absent or no text comes from `initial`. */
export function parseFields<Fields extends Record<string, string>>(
  text: string,
  initial: Fields,
): Fields {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed !== "object" || parsed === null) return initial;
    const texts = Object.entries(parsed).filter(
      ([key, value]) => key in initial && typeof value === "string",
    );
    return { ...initial, ...Object.fromEntries(texts) };
  } catch {
    return initial;
  }
}

/** A dialog's text fields as one draft, like `useDraft`. */
export function useDraftFields<Fields extends Record<string, string>>(
  name: string,
  initial: Fields,
): { fields: Fields; setFields: (changes: Partial<Fields>) => void; discard: () => void } {
  const { text, setText, discard } = useDraft(name, JSON.stringify(initial));
  const fields = parseFields(text, initial);
  return {
    fields,
    setFields: (changes) => setText(JSON.stringify({ ...fields, ...changes })),
    discard,
  };
}
