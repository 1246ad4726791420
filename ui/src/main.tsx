import "./styles";

import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { setNonce } from "get-nonce";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { RouterProvider } from "react-router";

import { ApiError } from "./api/client";
import { isLong } from "./api/long";
import { routerOf } from "./routes";
import { theme, variables } from "./theme";
import { Messages } from "./ui/Messages";

const client = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      // All pages of a long list at once, one after the other: its table asks for those that show.
      refetchOnWindowFocus: (query) => !isLong(query),
      refetchOnMount: (query) => !isLong(query),
      refetchOnReconnect: (query) => !isLong(query),
      // A refusal does not mend by asking again; a server that restarts does.
      retry: (count, error) => count < 2 && error instanceof ApiError && (error.status === 0 || error.status === 503),
    },
  },
});
const nonce = document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce ?? "";
setNonce(nonce); // for the styles that dialogs add while they hold the page still
const router = routerOf(client); // at once: it asks for the page's code and for what it shows
const root = document.getElementById("root");

if (root) {
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={client}>
        <MantineProvider theme={theme} cssVariablesResolver={variables} defaultColorScheme="auto" getStyleNonce={() => nonce}>
          <Messages />
          <RouterProvider router={router} />
        </MantineProvider>
      </QueryClientProvider>
    </StrictMode>,
  );
}
