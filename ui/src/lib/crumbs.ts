/** The breadcrumbs of a securable's page: links to what contains it. */

import { catalogPath, home, modelPath, promptPath, schemaPath } from "../paths";
import type { Crumb } from "../ui/Page";

export const CATALOGS: Crumb = { label: "Catalogs", to: home };

export const catalogCrumbs = (catalog: string): Crumb[] => [
  CATALOGS,
  { label: catalog, to: catalogPath(catalog) },
];

export const schemaCrumbs = (catalog: string, schema: string): Crumb[] => [
  ...catalogCrumbs(catalog),
  { label: schema, to: schemaPath(`${catalog}.${schema}`) },
];

export const modelCrumbs = (catalog: string, schema: string, model: string): Crumb[] => [
  ...schemaCrumbs(catalog, schema),
  { label: model, to: modelPath(`${catalog}.${schema}.${model}`) },
];

export const promptCrumbs = (catalog: string, schema: string, prompt: string): Crumb[] => [
  ...schemaCrumbs(catalog, schema),
  { label: prompt, to: promptPath(`${catalog}.${schema}.${prompt}`) },
];
