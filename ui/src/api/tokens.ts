/** Access tokens. */

import { infiniteQueryOptions } from "@tanstack/react-query";

import { type Answer, api, unwrap, V1 } from "./client";
import { nextPageToken } from "./pages";

export type TokenInfo = Answer<"/api/modelkeep/v1/tokens">["tokens"][number];

export const tokens = (principal: string) =>
  infiniteQueryOptions({
    queryKey: ["tokens", principal],
    queryFn: ({ pageParam }) =>
      unwrap(
        api.GET(`${V1}/tokens`, {
          params: { query: { principal, max_results: 100, page_token: pageParam } },
        }),
      ),
    initialPageParam: "",
    getNextPageParam: nextPageToken,
  });
