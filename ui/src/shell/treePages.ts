/** The pages of the catalog tree: what one container holds, whichever kind it is. */

import { queryOptions } from "@tanstack/react-query";

import { promptsPage } from "../api/prompts";
import { catalogsPage, modelsPage, schemasPage } from "../api/securables";

export interface TreePage {
  names: string[];
  /** The names of prompts. */
  prompts: ReadonlySet<string>;
  /** The token of the next page, or ''. */
  nextToken: string;
}

/** A page of a container. The container '' is the metastore. */
export interface PageRequest {
  container: string;
  token: string;
}

/** Begins the tokens of pages of prompts, which follow the pages of models. */
const PROMPTS = "prompts ";

const toPage = (
  names: string[],
  nextToken: string | null | undefined,
  prompts: string[] = [],
): TreePage => ({
  names: [...names, ...prompts],
  prompts: new Set(prompts),
  nextToken: nextToken ?? "",
});

export const pageId = ({ container, token }: PageRequest) => `${container} ${token}`;

export function treePage({ container, token }: PageRequest) {
  const depth = container === "" ? 0 : container.split(".").length;
  return queryOptions({
    queryKey: ["tree", container, token],
    queryFn: async ({ client }) => {
      if (depth === 0) {
        const page = await client.fetchQuery(catalogsPage(token));
        return toPage(
          page.catalogs.map((catalog) => catalog.full_name),
          page.next_page_token,
        );
      }
      if (depth === 1) {
        const page = await client.fetchQuery(schemasPage(container, token));
        return toPage(
          page.schemas.map((schema) => schema.full_name),
          page.next_page_token,
        );
      }
      const models = token.startsWith(PROMPTS)
        ? undefined
        : await client.fetchQuery(modelsPage(container, token));
      const names = (models?.registered_models ?? []).map((model) => model.full_name);
      if (models?.next_page_token) return toPage(names, models.next_page_token);
      const promptToken = token.startsWith(PROMPTS) ? token.slice(PROMPTS.length) : "";
      const page = await client.fetchQuery(promptsPage(container, promptToken));
      return toPage(
        names,
        page.next_page_token ? PROMPTS + page.next_page_token : "",
        page.prompts.map((prompt) => prompt.full_name),
      );
    },
  });
}
