/** What the server reads of a table's files: its versions, and a few rows. */

import { queryOptions } from "@tanstack/react-query";

import { type Answer, api, unwrap, V1 } from "./client";

export type TableCommit = Answer<"/api/modelkeep/v1/tables/{full_name}/history">["commits"][number];
export type TableSample = Answer<"/api/modelkeep/v1/tables/{full_name}/sample">;

export const tableHistory = (full_name: string) =>
  queryOptions({
    queryKey: ["table history", full_name],
    queryFn: ({ signal }) =>
      unwrap(
        api.GET(`${V1}/tables/{full_name}/history`, { params: { path: { full_name } }, signal }),
      ),
    retry: false,
  });

/** Each read leaves a record in the audit log, so nothing reads it again by itself. */
export const tableSample = (full_name: string) =>
  queryOptions({
    queryKey: ["table sample", full_name],
    queryFn: ({ signal }) =>
      unwrap(
        api.GET(`${V1}/tables/{full_name}/sample`, { params: { path: { full_name } }, signal }),
      ),
    retry: false,
    staleTime: Number.POSITIVE_INFINITY,
  });
