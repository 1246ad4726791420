/** Securables that have a page: their kinds, and the server's operations on them. */

import {
  catalogPath,
  functionPath,
  modelPath,
  promptPath,
  schemaPath,
  tablePath,
  volumePath,
} from "../paths";

export type SecurableKind =
  | "CATALOG"
  | "SCHEMA"
  | "MODEL"
  | "PROMPT"
  | "TABLE"
  | "VOLUME"
  | "FUNCTION";

/** As the routes of permissions and tags name a kind. A model is a function there, as in Databricks. */
export type SecurableType = "catalog" | "schema" | "function" | "prompt" | "table" | "volume";

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
  TABLE: "table",
  VOLUME: "volume",
  FUNCTION: "function",
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
  TABLE: "get_object",
  VOLUME: "get_object",
  FUNCTION: "get_routine",
} as const;

/** Of the kinds that REST can rename. */
export const RENAME_OPERATION: Partial<Record<SecurableKind, string>> = {
  CATALOG: "rename_catalog",
  SCHEMA: "rename_schema",
  MODEL: "rename_model",
  VOLUME: "rename_object",
};

export const DELETE_OPERATION = {
  CATALOG: "delete_container",
  SCHEMA: "delete_container",
  MODEL: "delete_model",
  PROMPT: "delete_prompt",
  TABLE: "delete_object",
  VOLUME: "delete_object",
  FUNCTION: "delete_object",
} as const;

/** The privilege that a principal needs first on a securable. */
export const FIRST_PRIVILEGE = {
  CATALOG: "USE_CATALOG",
  SCHEMA: "USE_SCHEMA",
  MODEL: "EXECUTE",
  PROMPT: "EXECUTE",
  TABLE: "SELECT",
  VOLUME: "READ_VOLUME",
  FUNCTION: "EXECUTE",
} as const;

/** Whether other securables can be in it. */
export const isContainer = (kind: SecurableKind) => kind === "CATALOG" || kind === "SCHEMA";

const PATHS = {
  CATALOG: catalogPath,
  SCHEMA: schemaPath,
  MODEL: modelPath,
  PROMPT: promptPath,
  TABLE: tablePath,
  VOLUME: volumePath,
  FUNCTION: functionPath,
};

export const pathOfSecurable = ({ kind, name }: Securable): string => PATHS[kind](name);
