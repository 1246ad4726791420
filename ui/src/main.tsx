import "./styles";

import { localStorageColorSchemeManager, MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { there } from "./api/ahead";
import { ApiError } from "./api/client";
import { isLong } from "./api/long";
import { begin, Pages } from "./routes";
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
      retry: (count, error) =>
        count < 2 && error instanceof ApiError && (error.status === 0 || error.status === 503),
    },
  },
});
const nonce = document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce ?? "";
// Before anything is drawn: Mantine says it once all is there, which would style all of it twice.
const colours = localStorageColorSchemeManager();
const chosen = colours.get("auto");
const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
document.documentElement.setAttribute(
  "data-mantine-color-scheme",
  chosen === "auto" ? system : chosen,
);
const begun = begin(client, location.pathname);
const root = document.getElementById("root");

function draw(here: HTMLElement) {
  createRoot(here).render(
    <StrictMode>
      <QueryClientProvider client={client}>
        <MantineProvider
          theme={theme}
          cssVariablesResolver={variables}
          colorSchemeManager={colours}
          defaultColorScheme="auto"
          getStyleNonce={() => nonce}
        >
          <Messages />
          <Pages />
        </MantineProvider>
      </QueryClientProvider>
    </StrictMode>,
  );
}

if (root) void there(client, begun, 150).then(() => draw(root));
