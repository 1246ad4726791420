import type { AuditFilter } from "../api/audit";
import type { SearchFilter } from "../api/search";

export const searchFilter = (params: URLSearchParams): Required<SearchFilter> => ({
  query: params.get("q") ?? "",
  kinds: params.get("kind") ?? "",
  tag: params.get("tag") ?? "",
  owner: params.get("owner") ?? "",
  order_by: params.get("sort") ?? "",
});

export function auditFilter(params: URLSearchParams): AuditFilter {
  const text = (key: string) => params.get(key) ?? undefined;
  return {
    actor: text("actor"),
    event: text("event"),
    outcome: text("outcome"),
    name: text("name"),
    source: text("source"),
    changes_only: text("show") !== "all" || undefined,
    since: dayStart(text("since")),
    until: dayStart(text("until"), 1),
  };
}

/** The beginning of a local day (`2026-01-31`) or of a day after it, in ms since 1970; undefined without a date. */
export function dayStart(date: string | undefined, daysAfter = 0): number | undefined {
  if (!date) return undefined;
  const day = new Date(`${date}T00:00:00`);
  day.setDate(day.getDate() + daysAfter); // a local day may have 23 or 25 hours
  const time = day.getTime();
  return Number.isNaN(time) ? undefined : time;
}
