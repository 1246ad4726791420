import { type UseMutationResult, useMutation, useQueryClient } from "@tanstack/react-query";
import { flushSync } from "react-dom";

import { refetchAll } from "../api/infiniteLists";
import { showToast } from "../ui/Toasts";

/** A change: afterwards a toast reports it, and the page refetches everything. */
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
      // Synchronous, so that a page that the reader leaves does not refetch what the change deleted.
      flushSync(() => onDone?.(output, input));
      refetchAll(client);
    },
  });
}
