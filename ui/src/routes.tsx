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

import { AHEAD, shellAhead } from "./api/ahead";
import { loadPart } from "./api/connection";
import { PAGES } from "./pages";
import { Shell } from "./shell/Shell";
import { Broken } from "./ui/Broken";
import { PageLoading } from "./ui/Loading";

const code = import.meta.glob<{ default: ComponentType }>("./pages/**/*.tsx");
const load = async (name: string) => {
  const part = code[`./pages/${name}.tsx`];
  if (!part) throw new Error(`There is no page ${name}.`);
  return loadPart(part);
};
const pages: Record<string, ComponentType> = Object.fromEntries(
  Object.values(PAGES).map((name) => [name, lazy(() => load(name))]),
);

/** Asks for the code and the data of the page at this address, and of what is around it. Resolves when the code is there. */
export async function begin(client: QueryClient, address: string): Promise<void> {
  const [found] =
    matchRoutes(
      Object.keys(PAGES).map((path) => ({ path })),
      address,
    ) ?? [];
  const name = PAGES[found?.route.path ?? "*"] ?? "";
  const coming = load(name);
  shellAhead(client, found?.params ?? {});
  AHEAD[name]?.(client, found?.params ?? {});
  pages[name] = (await coming).default; // drawn at once, where a lazy one waits a turn
}

/** While a page's code comes, so does what it is going to show. */
function Asking({ name }: { name: string }) {
  const client = useQueryClient();
  const params = useParams();
  const asked = JSON.stringify(params);
  useEffect(() => AHEAD[name]?.(client, JSON.parse(asked) as typeof params), [client, name, asked]);
  const [Page] = useState(() => pages[name] ?? Outlet); // the same one as long as it shows, though its code comes meanwhile
  return (
    <Suspense fallback={<PageLoading />}>
      <Page />
    </Suspense>
  );
}

function Around() {
  const { pathname } = useLocation();
  return (
    <Shell>
      <Broken at={pathname}>
        <Outlet />
      </Broken>
    </Shell>
  );
}

export const Pages = () => (
  <BrowserRouter useTransitions={false}>
    <Routes>
      <Route element={<Around />}>
        <Route path="/explore/admin" element={<Navigate to="/explore/admin/users" replace />} />
        {Object.entries(PAGES).map(([path, name]) => (
          <Route key={path} path={path} element={<Asking key={name} name={name} />} />
        ))}
      </Route>
    </Routes>
  </BrowserRouter>
);
