import type { QueryClient } from "@tanstack/react-query";
import type { ComponentType } from "react";
import { createBrowserRouter, Navigate, type RouteObject } from "react-router";

import { AHEAD, shellAhead } from "./api/ahead";
import { PAGES } from "./pages";
import { Shell } from "./shell/Shell";
import { Broken } from "./ui/Broken";
import { PageLoading } from "./ui/Loading";

const code = import.meta.glob<{ default: ComponentType }>("./pages/**/*.tsx");

/** While a page's code comes, so does what it is going to show. */
function page(client: QueryClient, path: string, name: string): RouteObject {
  return {
    path,
    hydrateFallbackElement: <PageLoading />,
    lazy: async () => ({ Component: (await code[`./pages/${name}.tsx`]?.())?.default }),
    loader: ({ params }) => {
      AHEAD[name]?.(client, params);
      return null;
    },
    shouldRevalidate: ({ currentParams, nextParams }) => JSON.stringify(currentParams) !== JSON.stringify(nextParams),
  };
}

export const routerOf = (client: QueryClient) =>
  createBrowserRouter([
    {
      element: <Shell />,
      loader: ({ params }) => {
        shellAhead(client, params);
        return null;
      },
      shouldRevalidate: () => false,
      errorElement: <Broken />,
      children: [
        {
          errorElement: <Broken />,
          children: [
            { path: "/explore/admin", element: <Navigate to="/explore/admin/users" replace /> },
            ...Object.entries(PAGES).map(([path, name]) => page(client, path, name)),
          ],
        },
      ],
    },
  ]);
