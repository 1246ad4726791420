/** The version that works: what code to paste loads, and whose lineage a model shows first. */

import { useQueries } from "@tanstack/react-query";

import { READY, type Version, version as versionQuery } from "../api/queries";

export interface AliasOf {
  alias_name: string;
  version_num: number;
}

export interface Working {
  version: number;
  /** The name that leads there, where it has one. */
  alias?: string;
}

const isChampion = (alias: string) => alias.toLowerCase() === "champion";

/** Champion first, then the other names in their order. */
export const inRank = <T>(aliases: T[], nameOf: (alias: T) => string): T[] =>
  aliases.toSorted(
    (a, b) =>
      Number(isChampion(nameOf(b))) - Number(isChampion(nameOf(a))) ||
      nameOf(a).localeCompare(nameOf(b)),
  );

/** Of ready versions alone: what an alias names, Champion first, then the newest. `statuses`: of the versions that are known. */
export function workingOf(
  aliases: AliasOf[],
  statuses: ReadonlyMap<number, string>,
): Working | null {
  const named = inRank(aliases, (one) => one.alias_name).find(
    (one) => statuses.get(one.version_num) === READY,
  );
  if (named) return { version: named.version_num, alias: named.alias_name };
  const newest = Math.max(
    0,
    ...[...statuses].filter(([, status]) => status === READY).map(([version]) => version),
  );
  return newest > 0 ? { version: newest } : null;
}

const MOST = 20; // aliases whose versions are asked for one by one

/** `listed`: the newest versions. Those that aliases name and that are older are asked for. */
export function useWorking(model: string, aliases: AliasOf[], listed: Version[]): Working | null {
  const known = new Map(listed.map((one) => [one.version, one.status]));
  const older = [...new Set(inRank(aliases, (one) => one.alias_name).map((one) => one.version_num))]
    .filter((version) => !known.has(version))
    .slice(0, MOST);
  const answers = useQueries({
    queries: listed.length > 0 ? older.map((version) => versionQuery(model, String(version))) : [],
  });
  for (const answer of answers) if (answer.data) known.set(answer.data.version, answer.data.status);
  return workingOf(aliases, known);
}
