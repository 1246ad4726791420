import { type QueryClient, useQueryClient } from "@tanstack/react-query";
import { type ComponentType, lazy, Suspense, useEffect, useState } from "react";
import {
  BrowserRouter,
  matchRoutes,
  Navigate,
  Outlet,
  Route,
  Routes,
  useLocation,
  useParams,
} from "react-router";

import { loadModule } from "./api/connection";
import { PREFETCH_BY_PAGE, prefetchShell } from "./api/prefetch";
import { PAGES } from "./pages";
import { Shell } from "./shell/Shell";
import { ErrorBoundary } from "./ui/ErrorBoundary";
import { PageSkeleton } from "./ui/Skeletons";

const pageModules = import.meta.glob<{ default: ComponentType }>("./pages/**/*.tsx");
const loadPage = async (name: string) => {
  const part = pageModules[`./pages/${name}.tsx`];
  if (!part) throw new Error(`There is no page ${name}.`);
  return loadModule(part);
};
const pages: Record<string, ComponentType> = Object.fromEntries(
  Object.values(PAGES).map((name) => [name, lazy(() => loadPage(name))]),
);

/** Requests the code and the data of the page at an address, and the data of its frame. Resolves when the code has arrived. */
export async function preloadPage(client: QueryClient, address: string): Promise<void> {
  const [match] =
    matchRoutes(
      Object.keys(PAGES).map((path) => ({ path })),
      address,
    ) ?? [];
  const name = PAGES[match?.route.path ?? "*"] ?? "";
  const module = loadPage(name);
  prefetchShell(client, match?.params ?? {});
  PREFETCH_BY_PAGE[name]?.(client, match?.params ?? {});
  pages[name] = (await module).default; // renders immediately, unlike a lazy component
}

/** Loads a page's code, and requests its data at the same time. */
function PageLoader({ name }: { name: string }) {
  const client = useQueryClient();
  const params = useParams();
  const paramsJson = JSON.stringify(params);
  useEffect(
    () => PREFETCH_BY_PAGE[name]?.(client, JSON.parse(paramsJson) as typeof params),
    [client, name, paramsJson],
  );
  const [Page] = useState(() => pages[name] ?? Outlet); // keeps one component while the page shows
  return (
    <Suspense fallback={<PageSkeleton />}>
      <Page />
    </Suspense>
  );
}

function AppFrame() {
  const { pathname } = useLocation();
  return (
    <Shell>
      <ErrorBoundary pathname={pathname}>
        <Outlet />
      </ErrorBoundary>
    </Shell>
  );
}

export const AppRoutes = () => (
  <BrowserRouter useTransitions={false}>
    <Routes>
      <Route element={<AppFrame />}>
        <Route path="/explore/admin" element={<Navigate to="/explore/admin/users" replace />} />
        {Object.entries(PAGES).map(([path, name]) => (
          <Route key={path} path={path} element={<PageLoader key={name} name={name} />} />
        ))}
      </Route>
    </Routes>
  </BrowserRouter>
);
