import { type UseMutationResult, useMutation, useQueryClient } from "@tanstack/react-query";
import { flushSync } from "react-dom";

import { refetchAll } from "../api/infiniteLists";
import { showToast } from "../ui/Toasts";

/** One change: afterwards everything on the page is asked for again, and a word says that it is done. */
export function useMutationWithToast<Input, Output>(
  mutationFn: (input: Input) => Promise<Output>,
  toast?: string | ((output: Output, input: Input) => string),
  onDone?: (output: Output, input: Input) => void,
): UseMutationResult<Output, Error, Input> {
  const client = useQueryClient();
  return useMutation({
    mutationFn: mutationFn,
    onSuccess: (output, input) => {
      const message = typeof toast === "function" ? toast(output, input) : toast;
      if (message) void showToast(message);
      // At once: what is left for another page may be gone, and must not be asked for again.
      flushSync(() => onDone?.(output, input));
      refetchAll(client);
    },
  });
}
