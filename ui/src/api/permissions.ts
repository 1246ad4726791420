/** The operations that the caller may run on a securable, and the server's reason against each other one. */

import { queryOptions, useQuery } from "@tanstack/react-query";

import { visible } from "../lib/text";
import { ApiError, api, unwrap } from "./client";

/** Operations: true, or the reason against each. Labels: what the main ones do to the securable. */
interface AllowedOperations {
  operations: Record<string, unknown>;
  labels: Record<string, string>;
}

export const allowedOperations = (type: string, fullName: string) =>
  queryOptions({
    queryKey: ["can", type, fullName],
    queryFn: async (): Promise<AllowedOperations> => {
      const path = { securable_type: type, full_name: fullName };
      try {
        return await unwrap(
          api.GET("/api/modelkeep/v1/can/{securable_type}/{full_name}", { params: { path } }),
        );
      } catch (error) {
        // Without an answer the buttons stay enabled. The operation itself then gets the server's refusal.
        if (error instanceof ApiError && error.status !== 0) {
          return { operations: {}, labels: {} };
        }
        throw error;
      }
    },
    staleTime: 30_000,
  });

/** Returns a lookup: the reason why the caller may not run an operation, and whom to ask, or undefined. */
export function useDenialReason(
  type: string,
  fullName: string,
  owner = "",
): (operation: string) => string | undefined {
  const { data } = useQuery(allowedOperations(type, fullName));
  return (operation) => {
    const reason = data?.operations[operation];
    if (typeof reason !== "string") return undefined;
    return owner === "" || reason.includes("Ask ") ? reason : `${reason} Ask ${visible(owner)}.`;
  };
}
