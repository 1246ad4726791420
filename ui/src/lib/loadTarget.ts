/** Which version a model's snippets load and its lineage shows: a ready one, Champion first. */

import { useQueries } from "@tanstack/react-query";

import type { Version } from "../api/versions";
import { READY, version as versionQuery } from "../api/versions";

export interface AliasTarget {
  alias_name: string;
  version_num: number;
}

export interface LoadTarget {
  version: number;
  /** An alias that names it. */
  alias?: string;
}

const isChampion = (alias: string) => alias.toLowerCase() === "champion";

/** Champion first, then the other names in their order. */
export const championFirst = <T>(aliases: T[], nameOf: (alias: T) => string): T[] =>
  aliases.toSorted(
    (a, b) =>
      Number(isChampion(nameOf(b))) - Number(isChampion(nameOf(a))) ||
      nameOf(a).localeCompare(nameOf(b)),
  );

/** The ready version that an alias names, Champion first; without one, the newest ready version. */
export function loadTargetOf(
  aliases: AliasTarget[],
  statuses: ReadonlyMap<number, string>,
): LoadTarget | null {
  const aliased = championFirst(aliases, (alias) => alias.alias_name).find(
    (target) => statuses.get(target.version_num) === READY,
  );
  if (aliased) return { version: aliased.version_num, alias: aliased.alias_name };
  const newest = Math.max(
    0,
    ...[...statuses].filter(([, status]) => status === READY).map(([version]) => version),
  );
  return newest > 0 ? { version: newest } : null;
}

const MAX_OLDER_VERSIONS = 20; // that aliases name, fetched one by one

/** The target among the newest versions and the older versions that aliases name, which this hook fetches. */
export function useLoadTarget(
  model: string,
  aliases: AliasTarget[],
  newestVersions: Version[],
): LoadTarget | null {
  const statuses = new Map(newestVersions.map((row) => [row.version, row.status]));
  const older = [
    ...new Set(
      championFirst(aliases, (alias) => alias.alias_name).map((target) => target.version_num),
    ),
  ]
    .filter((version) => !statuses.has(version))
    .slice(0, MAX_OLDER_VERSIONS);
  const answers = useQueries({
    queries:
      newestVersions.length > 0 ? older.map((version) => versionQuery(model, String(version))) : [],
  });
  for (const answer of answers)
    if (answer.data) statuses.set(answer.data.version, answer.data.status);
  return loadTargetOf(aliases, statuses);
}
