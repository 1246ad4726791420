import "./styles";

import { localStorageColorSchemeManager, MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { ApiError } from "./api/client";
import { hasSeveralPages } from "./api/infiniteLists";
import { untilLoaded } from "./api/prefetch";
import { AppRoutes, preloadPage } from "./routes";
import { theme, variables } from "./theme";
import { Toasts } from "./ui/Toasts";

const client = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      // A long list would refetch all its pages, one after the other. Its table refetches the visible ones.
      refetchOnWindowFocus: (query) => !hasSeveralPages(query),
      refetchOnMount: (query) => !hasSeveralPages(query),
      refetchOnReconnect: (query) => !hasSeveralPages(query),
      // Retry a server that restarts, but not a refusal.
      retry: (count, error) =>
        count < 2 && error instanceof ApiError && (error.status === 0 || error.status === 503),
    },
  },
});
const nonce = document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce ?? "";
// Set before the first render. Mantine would set it after the render and so style everything twice.
const colours = localStorageColorSchemeManager();
const storedScheme = colours.get("auto");
const systemScheme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
document.documentElement.setAttribute(
  "data-mantine-color-scheme",
  storedScheme === "auto" ? systemScheme : storedScheme,
);
const pageLoaded = preloadPage(client, location.pathname);
const root = document.getElementById("root");

function render(element: HTMLElement) {
  createRoot(element).render(
    <StrictMode>
      <QueryClientProvider client={client}>
        <MantineProvider
          theme={theme}
          cssVariablesResolver={variables}
          colorSchemeManager={colours}
          defaultColorScheme="auto"
          getStyleNonce={() => nonce}
        >
          <Toasts />
          <AppRoutes />
        </MantineProvider>
      </QueryClientProvider>
    </StrictMode>,
  );
}

if (root) void untilLoaded(client, pageLoaded, 150).then(() => render(root));
