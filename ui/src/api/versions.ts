/** Model versions and their files. */

import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";

import { type Answer, api, fetchOk, unwrap, V1 } from "./client";
import { nextPageToken, PAGE } from "./pages";

export type Version = Answer<"/api/modelkeep/v1/models/{full_name}/versions">["versions"][number];
export type VersionFile =
  Answer<"/api/modelkeep/v1/models/{full_name}/versions/{version}/files">["files"][number];

export const READY = "READY";

export const FAILED = "FAILED_REGISTRATION";

export const PENDING = "PENDING_REGISTRATION";

export const versions = (full_name: string) =>
  infiniteQueryOptions({
    queryKey: ["versions", full_name],
    queryFn: ({ pageParam }) =>
      unwrap(
        api.GET(`${V1}/models/{full_name}/versions`, {
          params: { path: { full_name }, query: { max_results: PAGE, page_token: pageParam } },
        }),
      ),
    structuralSharing: false,
    initialPageParam: "",
    getNextPageParam: nextPageToken,
    refetchInterval: (query) =>
      query.state.data?.pages.length === 1 &&
      query.state.data.pages.some((page) => page.versions.some((v) => v.status === PENDING))
        ? 2000
        : false,
  });

export const version = (full_name: string, number: string) =>
  queryOptions({
    queryKey: ["version", full_name, number],
    queryFn: () =>
      unwrap(
        api.GET(`${V1}/models/{full_name}/versions/{version}`, {
          params: { path: { full_name, version: number } },
        }),
      ),
    refetchInterval: (query) => (query.state.data?.status === PENDING ? 1500 : false),
  });

export const versionFiles = (full_name: string, number: string) =>
  infiniteQueryOptions({
    queryKey: ["files", full_name, number],
    queryFn: ({ pageParam }) =>
      unwrap(
        api.GET(`${V1}/models/{full_name}/versions/{version}/files`, {
          params: {
            path: { full_name, version: number },
            query: { max_results: 1000, page_token: pageParam },
          },
        }),
      ),
    initialPageParam: "",
    getNextPageParam: nextPageToken,
  });

/** The first bytes of a file, for a preview; 0 bytes is the whole file. */
export const fileText = (path: string, bytes: number) =>
  queryOptions({
    queryKey: ["text", path, bytes],
    queryFn: async () => {
      const answer = await fetchOk(
        path,
        bytes > 0 ? { headers: { range: `bytes=0-${bytes - 1}` } } : {},
      );
      return new Uint8Array(await answer.arrayBuffer());
    },
    staleTime: Number.POSITIVE_INFINITY,
  });
