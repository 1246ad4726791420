/** Catalogs, schemas, models and prompts: their kinds, and the server's operations on them. */

import { catalogPath, modelPath, promptPath, schemaPath } from "../paths";

export type SecurableKind = "CATALOG" | "SCHEMA" | "MODEL" | "PROMPT";

/** As the routes of permissions and tags name a kind. A model is a function there, as in Databricks. */
export type SecurableType = "catalog" | "schema" | "function" | "prompt";

export interface Securable {
  kind: SecurableKind;
  type: SecurableType;
  /** The full name: `prod.ml_team.churn`. */
  name: string;
}

const TYPES = {
  CATALOG: "catalog",
  SCHEMA: "schema",
  MODEL: "function",
  PROMPT: "prompt",
} as const;

export const securableOf = (kind: SecurableKind, name: string): Securable => ({
  kind,
  type: TYPES[kind],
  name,
});

export const READ_OPERATION = {
  CATALOG: "get_catalog",
  SCHEMA: "get_schema",
  MODEL: "get_model",
  PROMPT: "get_prompt",
} as const;

export const RENAME_OPERATION = {
  CATALOG: "rename_catalog",
  SCHEMA: "rename_schema",
  MODEL: "rename_model",
} as const;

export const DELETE_OPERATION = {
  CATALOG: "delete_container",
  SCHEMA: "delete_container",
  MODEL: "delete_model",
  PROMPT: "delete_prompt",
} as const;

/** The privilege that a principal needs first on a securable. */
export const FIRST_PRIVILEGE = {
  CATALOG: "USE_CATALOG",
  SCHEMA: "USE_SCHEMA",
  MODEL: "EXECUTE",
  PROMPT: "EXECUTE",
} as const;

/** Whether other securables can be in it. */
export const isContainer = (kind: SecurableKind) => kind === "CATALOG" || kind === "SCHEMA";

const PATHS = { CATALOG: catalogPath, SCHEMA: schemaPath, MODEL: modelPath, PROMPT: promptPath };

export const pathOfSecurable = ({ kind, name }: Securable): string => PATHS[kind](name);
