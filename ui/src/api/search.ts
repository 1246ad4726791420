/** Search over the registry. */

import { infiniteQueryOptions, keepPreviousData } from "@tanstack/react-query";

import { type Answer, api, unwrap, V1 } from "./client";
import { nextPageToken } from "./pages";

export type SearchResult = Answer<"/api/modelkeep/v1/search">["results"][number];

export interface SearchFilter {
  query: string;
  kinds?: string;
  tag?: string;
  owner?: string;
  order_by?: string;
}

export const search = (filter: SearchFilter, size = 50) =>
  infiniteQueryOptions({
    queryKey: ["search", filter, size],
    // A new text aborts the request, and the server stops the earlier search.
    queryFn: ({ pageParam, signal }) =>
      unwrap(
        api.GET(`${V1}/search`, {
          params: { query: { ...filter, max_results: size, page_token: pageParam } },
          signal,
        }),
      ),
    initialPageParam: "",
    getNextPageParam: nextPageToken,
    placeholderData: keepPreviousData,
  });
