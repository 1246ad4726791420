/** Prompts: what the pages read of them, and what they change. */

import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";

import { type Answer, api, unwrap, V1 } from "./client";

export type PromptInfo = Answer<"/api/modelkeep/v1/prompts">["prompts"][number];
export type PromptVersion =
  Answer<"/api/modelkeep/v1/prompts/{full_name}/versions">["versions"][number];
export type PromptLink = Answer<"/api/modelkeep/v1/prompts/{full_name}/links">["links"][number];

export interface Message {
  role: string;
  content: string;
}

const DATABRICKS_UC = "/api/2.0/mlflow/unity-catalog";
const PAGE = 200;
const nextPageToken = (page: { next_page_token?: string | null }) =>
  page.next_page_token || undefined;

// --- read ---

const fetchPrompts = (schema: string, page_token: string) => {
  const [catalog_name = "", schema_name = ""] = schema.split(".");
  return unwrap(
    api.GET(`${V1}/prompts`, {
      params: { query: { catalog_name, schema_name, max_results: PAGE, page_token } },
    }),
  );
};

export const promptsPage = (schema: string, page_token: string) =>
  queryOptions({
    queryKey: ["prompts", schema, page_token],
    queryFn: () => fetchPrompts(schema, page_token),
  });

export const promptsOf = (schema: string) =>
  infiniteQueryOptions({
    queryKey: ["all prompts", schema],
    queryFn: ({ pageParam }) => fetchPrompts(schema, pageParam),
    structuralSharing: false, // compares all pages at each new one
    initialPageParam: "",
    getNextPageParam: nextPageToken,
  });

export const prompt = (full_name: string) =>
  queryOptions({
    queryKey: ["prompt", full_name],
    queryFn: () =>
      unwrap(api.GET(`${V1}/prompts/{full_name}`, { params: { path: { full_name } } })),
  });

export const promptVersions = (full_name: string) =>
  infiniteQueryOptions({
    queryKey: ["prompt versions", full_name],
    queryFn: ({ pageParam }) =>
      unwrap(
        api.GET(`${V1}/prompts/{full_name}/versions`, {
          params: { path: { full_name }, query: { max_results: 50, page_token: pageParam } },
        }),
      ),
    initialPageParam: "",
    getNextPageParam: nextPageToken,
  });

export const promptVersion = (full_name: string, version: number | string) =>
  queryOptions({
    queryKey: ["prompt version", full_name, String(version)],
    queryFn: () =>
      unwrap(
        api.GET(`${V1}/prompts/{full_name}/versions/{version}`, {
          params: { path: { full_name, version: String(version) } },
        }),
      ),
  });

export const promptLinks = (full_name: string) =>
  infiniteQueryOptions({
    queryKey: ["prompt links", full_name],
    queryFn: ({ pageParam }) =>
      unwrap(
        api.GET(`${V1}/prompts/{full_name}/links`, {
          params: { path: { full_name }, query: { max_results: 50, page_token: pageParam } },
        }),
      ),
    initialPageParam: "",
    getNextPageParam: nextPageToken,
  });

// --- change ---

/** The prompt, if it is new, and its next version. `template` is the JSON text of a string, or of messages. */
export async function registerPrompt(
  name: string,
  template: string,
  description: string,
  create: boolean,
) {
  if (create)
    await unwrap(
      api.POST(`${DATABRICKS_UC}/prompts`, { body: { name, prompt: { name, description } } }),
    );
  const body = { name, prompt_version: { name, template, description } };
  return unwrap(
    api.POST(`${DATABRICKS_UC}/prompts/{name}/versions`, { params: { path: { name } }, body }),
  );
}

export const updatePrompt = (
  full_name: string,
  body: { comment?: string; etag?: string; owner?: string },
) => unwrap(api.PATCH(`${V1}/prompts/{full_name}`, { params: { path: { full_name } }, body }));

export const deletePrompt = (full_name: string, force: boolean) =>
  unwrap(
    api.DELETE(`${V1}/prompts/{full_name}`, { params: { path: { full_name }, query: { force } } }),
  );

export const updatePromptVersion = (full_name: string, version: number, comment: string) =>
  unwrap(
    api.PATCH(`${V1}/prompts/{full_name}/versions/{version}`, {
      params: { path: { full_name, version: String(version) } },
      body: { comment },
    }),
  );

export const deletePromptVersion = (full_name: string, version: number) =>
  unwrap(
    api.DELETE(`${V1}/prompts/{full_name}/versions/{version}`, {
      params: { path: { full_name, version: String(version) } },
    }),
  );

export const setPromptAlias = (name: string, alias: string, version: number) =>
  unwrap(
    api.POST(`${DATABRICKS_UC}/prompts/{name}/aliases/{alias}`, {
      params: { path: { name, alias } },
      body: { name, alias, version: String(version) },
    }),
  );

export const deletePromptAlias = (name: string, alias: string) =>
  unwrap(
    api.DELETE(`${DATABRICKS_UC}/prompts/{name}/aliases/{alias}`, {
      params: { path: { name, alias } },
    }),
  );

// --- templates ---

/** The text of a text prompt, or the messages of a chat prompt. Content that is not text becomes its JSON. */
export function messagesOf(version: PromptVersion): string | Message[] {
  const template: unknown = JSON.parse(version.template);
  if (typeof template === "string") return template;
  return (template as { role: string; content?: unknown }[]).map(({ role, content }) => ({
    role,
    content: typeof content === "string" ? content : JSON.stringify(content ?? null, null, 2),
  }));
}

/** The template as lines, for a comparison. */
export function templateText(version: PromptVersion): string {
  const template = messagesOf(version);
  return typeof template === "string"
    ? template
    : template.map(({ role, content }) => `[${role}]\n${content}`).join("\n\n");
}

/** The names of its variables, as MLflow reads them: `{{ name }}`. */
export const VARIABLE = /\{\{\s*([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)\s*\}\}/gu;

export function variablesOf(version: PromptVersion): string[] {
  return [...new Set([...templateText(version).matchAll(VARIABLE)].map((match) => match[1] ?? ""))];
}
