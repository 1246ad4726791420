/** The caller. */

import { queryOptions } from "@tanstack/react-query";

import { api, unwrap, V1 } from "./client";

export const me = queryOptions({
  queryKey: ["me"],
  queryFn: () => unwrap(api.GET(`${V1}/me`)),
  staleTime: 60_000,
});
