import { type UseMutationResult, useMutation, useQueryClient } from "@tanstack/react-query";
import { flushSync } from "react-dom";

import { changed } from "../api/long";
import { say } from "./Messages";

/** One change: afterwards everything on the page is asked for again, and a word says that it is done. */
export function useAct<Input, Output>(
  act: (input: Input) => Promise<Output>,
  done?: string | ((output: Output, input: Input) => string),
  then?: (output: Output, input: Input) => void,
): UseMutationResult<Output, Error, Input> {
  const client = useQueryClient();
  return useMutation({
    mutationFn: act,
    onSuccess: (output, input) => {
      const message = typeof done === "function" ? done(output, input) : done;
      if (message) void say(message);
      // At once: what is left for another page may be gone, and must not be asked for again.
      flushSync(() => then?.(output, input));
      changed(client);
    },
  });
}
