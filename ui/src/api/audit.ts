/** The audit log, and the activity of one securable. */

import { infiniteQueryOptions, keepPreviousData } from "@tanstack/react-query";

import { type Answer, api, unwrap, V1 } from "./client";
import { nextPageToken } from "./pages";

export type AuditRecord = Answer<"/api/modelkeep/v1/audit">["events"][number];

export const activity = (securable_type: string, full_name: string, changes_only: boolean) =>
  infiniteQueryOptions({
    queryKey: ["activity", securable_type, full_name, changes_only],
    queryFn: ({ pageParam }) =>
      unwrap(
        api.GET(`${V1}/activity/{securable_type}/{full_name}`, {
          params: {
            path: { securable_type, full_name },
            query: { changes_only, max_results: 50, page_token: pageParam },
          },
        }),
      ),
    initialPageParam: "",
    getNextPageParam: nextPageToken,
    placeholderData: keepPreviousData,
  });

export interface AuditFilter {
  actor?: string;
  event?: string;
  outcome?: string;
  name?: string;
  source?: string;
  changes_only?: boolean;
  since?: number;
  until?: number;
}

export const auditPage = (
  filter: AuditFilter,
  size: number,
  page_token: string,
  signal?: AbortSignal,
) =>
  unwrap(
    api.GET(`${V1}/audit`, {
      params: { query: { ...filter, max_results: size, page_token } },
      signal,
    }),
  );

/** The records in Databricks' schema, oldest first. `after` is the cursor of the previous page. */
export const auditExport = (filter: AuditFilter, after: number) =>
  unwrap(
    api.GET(`${V1}/audit/export`, { params: { query: { ...filter, after, max_results: 5000 } } }),
  );

export const audit = (filter: AuditFilter) =>
  infiniteQueryOptions({
    queryKey: ["audit", filter],
    queryFn: ({ pageParam, signal }) => auditPage(filter, 100, pageParam, signal),
    initialPageParam: "",
    getNextPageParam: nextPageToken,
    placeholderData: keepPreviousData,
  });
