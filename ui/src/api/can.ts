/** What the caller may do with one securable, and why not: the server's own answer, for the buttons that would be refused. */

import { queryOptions, useQuery } from "@tanstack/react-query";

import { visible } from "../ui/text";
import { ApiError, api, told } from "./client";

type Answer = Record<string, unknown>;

export const can = (type: string, fullName: string) =>
  queryOptions({
    queryKey: ["can", type, fullName],
    queryFn: async (): Promise<Answer> => {
      const path = { securable_type: type, full_name: fullName };
      try {
        return (
          await told(
            api.GET("/api/modelkeep/v1/can/{securable_type}/{full_name}", { params: { path } }),
          )
        ).operations;
      } catch (error) {
        // Whoever is told nothing may still try: the act itself is refused in the server's words.
        if (error instanceof ApiError && error.status !== 0) return {};
        throw error;
      }
    },
    staleTime: 30_000,
  });

/** Asks by the operation's name; answers the reason of a refusal and who can help, or undefined. `owner`: of the securable. */
export function useRefused(
  type: string,
  fullName: string,
  owner = "",
): (operation: string) => string | undefined {
  const { data } = useQuery(can(type, fullName));
  return (operation) => {
    const said = data?.[operation];
    if (typeof said !== "string") return undefined;
    return owner === "" || said.includes("Ask ") ? said : `${said} Ask ${visible(owner)}.`;
  };
}
