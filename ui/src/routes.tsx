import { type ComponentType, lazy, Suspense } from "react";
import { createBrowserRouter, Navigate } from "react-router";

import { Shell } from "./shell/Shell";
import { Broken } from "./ui/Broken";
import { PageLoading } from "./ui/Loading";

const page = (load: () => Promise<{ default: ComponentType }>) => {
  const Part = lazy(load);
  return (
    <Suspense fallback={<PageLoading />}>
      <Part />
    </Suspense>
  );
};

const model = "/explore/data/models/:catalog/:schema/:model";

export const router = createBrowserRouter([
  {
    element: <Shell />,
    errorElement: <Broken />,
    children: [
      {
        errorElement: <Broken />,
        children: [
          { path: "/explore", element: page(() => import("./pages/Home")) },
          { path: "/explore/data", element: page(() => import("./pages/Home")) },
          { path: "/explore/data/:catalog", element: page(() => import("./pages/Catalog")) },
          { path: "/explore/data/:catalog/:schema", element: page(() => import("./pages/Schema")) },
          { path: model, element: page(() => import("./pages/Model")) },
          { path: `${model}/version/:version`, element: page(() => import("./pages/Version")) },
          { path: `${model}/compare`, element: page(() => import("./pages/Compare")) },
          { path: "/explore/search", element: page(() => import("./pages/Search")) },
          { path: "/explore/experiments/*", element: page(() => import("./pages/Experiments")) },
          { path: "/explore/requests", element: page(() => import("./pages/Requests")) },
          { path: "/explore/tokens", element: page(() => import("./pages/Tokens")) },
          { path: "/explore/admin", element: <Navigate to="/explore/admin/users" replace /> },
          { path: "/explore/admin/users", element: page(() => import("./pages/admin/Users")) },
          { path: "/explore/admin/groups", element: page(() => import("./pages/admin/Groups")) },
          { path: "/explore/admin/service-principals", element: page(() => import("./pages/admin/ServicePrincipals")) },
          { path: "/explore/admin/tags", element: page(() => import("./pages/admin/TagPolicies")) },
          { path: "/explore/admin/workspaces", element: page(() => import("./pages/admin/Workspaces")) },
          { path: "/explore/admin/audit", element: page(() => import("./pages/admin/Audit")) },
          { path: "/explore/admin/health", element: page(() => import("./pages/admin/Health")) },
          { path: "*", element: page(() => import("./pages/Nowhere")) },
        ],
      },
    ],
  },
]);
