/** The page of each address. The build also reads it, so that the server can name a page's code in its head. */

const model = "/explore/data/models/:catalog/:schema/:model";
const prompt = "/explore/data/prompts/:catalog/:schema/:prompt";

export const PAGES: Record<string, string> = {
  "/explore": "Home",
  "/explore/data": "Home",
  "/explore/data/:catalog": "Catalog",
  "/explore/data/:catalog/:schema": "Schema",
  [model]: "Model",
  [`${model}/version/:version`]: "Version",
  [`${model}/compare`]: "CompareVersions",
  "/explore/data/:catalog/:schema/:table": "Table",
  "/explore/data/volumes/:catalog/:schema/:volume": "Volume",
  "/explore/data/functions/:catalog/:schema/:function": "Function",
  [prompt]: "Prompt",
  [`${prompt}/compare`]: "ComparePromptVersions",
  "/explore/search": "Search",
  "/explore/experiments/*": "Experiments",
  "/explore/requests": "AccessRequests",
  "/explore/tokens": "Tokens",
  "/explore/admin/users": "admin/Users",
  "/explore/admin/groups": "admin/Groups",
  "/explore/admin/service-principals": "admin/ServicePrincipals",
  "/explore/admin/tags": "admin/TagPolicies",
  "/explore/admin/workspaces": "admin/Workspaces",
  "/explore/admin/audit": "admin/Audit",
  "/explore/admin/health": "admin/Health",
  "*": "NotFound",
};
