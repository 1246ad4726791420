import type { Version } from "../api/versions";
import { metricName, metricText } from "./metrics";
import { signatureRows } from "./signature";

/** The texts of one version, by name. */
export type Side = Record<string, string>;

interface ComparedRow {
  name: string;
  left: string | undefined;
  right: string | undefined;
  differs: boolean;
}

interface Comparison {
  rows: ComparedRow[];
  /** The number of names, and of those whose texts differ. */
  total: number;
  differing: number;
}

/** Compares two sides by name. `onlyDiffering` leaves the equal rows out. */
export function compareSides(left: Side, right: Side, onlyDiffering: boolean): Comparison {
  const names = [...new Set([...Object.keys(left), ...Object.keys(right)])];
  const rows = names
    .toSorted((a, b) => a.localeCompare(b))
    .map((name) => ({
      name,
      left: left[name],
      right: right[name],
      differs: left[name] !== right[name],
    }));
  const differing = rows.filter((row) => row.differs);
  return {
    rows: onlyDiffering ? differing : rows,
    total: rows.length,
    differing: differing.length,
  };
}

export const signatureTexts = (version: Version): Side =>
  Object.fromEntries(
    (["inputs", "outputs", "params"] as const).flatMap((part) =>
      signatureRows(version.signature?.[part]).map((row) => [
        `${part}: ${row.name}`,
        `${row.type}${row.required ? "" : ", optional"}`,
      ]),
    ),
  );

export const metricTexts = (version: Version): Side =>
  Object.fromEntries(version.metrics.map((metric) => [metricName(metric), metricText(metric)]));

/** The packages of a requirements.txt, and what follows each name. */
export function requirementsOf(text: string): Side {
  const lines = text.split("\n").map((line) => line.trim());
  return Object.fromEntries(
    lines.filter(Boolean).map((line) => {
      const name = line.split(/[=<>!~ ;[]/u, 1)[0] ?? line;
      return [name, line.slice(name.length) || "any"];
    }),
  );
}

/** The version numbers in the address, each once. */
export function requestedVersions(params: URLSearchParams): string[] {
  const texts = (params.get("versions") ?? "").split(",").map((text) => text.trim());
  return [...new Set(texts.filter((text) => /^\d{1,18}$/u.test(text)))];
}
