/** Texts and numbers for readers. */

const UNITS = ["B", "kB", "MB", "GB", "TB"];

export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toPrecision(3)} ${UNITS[unit]}`;
}

const STEPS: [number, Intl.RelativeTimeFormatUnit][] = [
  [60, "second"],
  [60, "minute"],
  [24, "hour"],
  [7, "day"],
  [4.35, "week"],
  [12, "month"],
  [Number.POSITIVE_INFINITY, "year"],
];
const RELATIVE = new Intl.RelativeTimeFormat("en", { numeric: "auto" }); // English, like all texts here
const EXACT = new Intl.DateTimeFormat(navigator.languages, {
  dateStyle: "medium",
  timeStyle: "long",
}); // the reader's own format and time zone

export function relativeTime(at: number, now: number): string {
  let value = (at - now) / 1000;
  if (Math.abs(value) < 10) return "just now";
  for (const [length, unit] of STEPS) {
    if (Math.abs(value) < length) return RELATIVE.format(Math.round(value), unit);
    value /= length;
  }
  return exactTime(at);
}

export const exactTime = (at: number) => EXACT.format(at);

export const plural = (count: number, noun: string, many = `${noun}s`) =>
  `${count.toLocaleString("en")} ${count === 1 ? noun : many}`;

const codePointLabel = (character: string) =>
  `⟨U+${character.codePointAt(0)?.toString(16).toUpperCase().padStart(4, "0")}⟩`;

/** Shows the characters that turn text around. Joiners stay, because scripts and emoji need them. */
export const escapeBidi = (text: string) =>
  text.replace(/[\u202a-\u202e\u2066-\u2069]/gu, codePointLabel);

/** Shows characters that are invisible or turn text around, so that two names never look alike. */
export function visible(text: string): string {
  return text.replace(
    /[\u0000-\u0008\u000b-\u001f\u007f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/gu,
    codePointLabel,
  );
}

/** The first words of a Markdown text, without its marks. Links and pictures become their words. */
export function markdownSummary(text: string): string {
  const privilegeLabel = text
    .slice(0, 600)
    .replace(/!?\[([^\][]*)\](?:\([^()\s]*(?:\s+"[^"]*")?\)|\[[^\][]*\])/gu, "$1")
    .replace(/<(https?:[^>\s]+)>/gu, "$1")
    .replace(/^\s*(?:#{1,6}\s+|>\s?|[-*+]\s+(?:\[[ xX]\]\s+)?|```.*$)/gmu, "")
    .replace(/^[ \t]*\|?(?:[ \t]*:?-+:?[ \t]*\|?)+$/gmu, " ") // the line under a table's head
    .replace(/[*`~]+|(?<![\p{L}\p{N}])_+|_+(?![\p{L}\p{N}])/gu, "")
    .replace(/\|/gu, " ");
  return visible(privilegeLabel.replace(/\s+/gu, " ").trim().slice(0, 300));
}

/** A privilege as readers write it: `USE CATALOG` for `USE_CATALOG`. */
export const privilegeLabel = (privilege: string) => privilege.replaceAll("_", " ");

export const leafName = (fullName: string) => fullName.slice(fullName.lastIndexOf(".") + 1);
export const parentName = (fullName: string) =>
  fullName.slice(0, Math.max(fullName.lastIndexOf("."), 0));
