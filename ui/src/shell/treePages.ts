/** The pages of the catalog tree: what one container holds, whichever kind it is. */

import { type QueryClient, queryOptions } from "@tanstack/react-query";

import { objectsPage } from "../api/objects";
import { promptsPage } from "../api/prompts";
import { catalogsPage, modelsPage, schemasPage } from "../api/securables";
import type { SecurableKind } from "../lib/securables";

export interface TreeEntry {
  kind: SecurableKind;
  /** The full name. */
  name: string;
}

export interface TreePage {
  entries: TreeEntry[];
  /** The token of the next page, or ''. */
  nextToken: string;
}

/** A page of a container. The container '' is the metastore. */
export interface PageRequest {
  container: string;
  token: string;
}

export const pageId = ({ container, token }: PageRequest) => `${container} ${token}`;

const LEAF_KINDS = ["MODEL", "PROMPT", "TABLE", "VOLUME", "FUNCTION"] as const;
type LeafKind = (typeof LEAF_KINDS)[number];

/** The token of a page of a schema begins with the kind that the page begins with. '' is the first page. */
export function leafToken(token: string): { kind: LeafKind; token: string } {
  const space = token.indexOf(" ");
  const kind = LEAF_KINDS.find((candidate) => candidate === token.slice(0, space));
  return kind ? { kind, token: token.slice(space + 1) } : { kind: "MODEL", token: "" };
}

const toPage = (
  kind: SecurableKind,
  infos: { full_name: string }[],
  nextToken: string | null | undefined,
): TreePage => ({
  entries: infos.map(({ full_name: name }) => ({ kind, name })),
  nextToken: nextToken ?? "",
});

async function leafPage(
  client: QueryClient,
  kind: LeafKind,
  schema: string,
  token: string,
): Promise<TreePage> {
  if (kind === "MODEL") {
    const page = await client.fetchQuery(modelsPage(schema, token));
    return toPage(kind, page.registered_models, page.next_page_token);
  }
  if (kind === "PROMPT") {
    const page = await client.fetchQuery(promptsPage(schema, token));
    return toPage(kind, page.prompts, page.next_page_token);
  }
  const page = await client.fetchQuery(objectsPage(kind, schema, token));
  return toPage(kind, page.items, page.next_page_token);
}

/** The rest of one kind, then the first pages of the kinds after it, up to a page that goes on. */
async function schemaPage(client: QueryClient, schema: string, request: string): Promise<TreePage> {
  const first = leafToken(request);
  const entries: TreeEntry[] = [];
  for (const kind of LEAF_KINDS.slice(LEAF_KINDS.indexOf(first.kind))) {
    // The first kind is requested before the others: most often, the page ends there or everything fits.
    const page = await leafPage(client, kind, schema, kind === first.kind ? first.token : "");
    entries.push(...page.entries);
    if (page.nextToken) return { entries, nextToken: `${kind} ${page.nextToken}` };
  }
  return { entries, nextToken: "" };
}

export function treePage({ container, token }: PageRequest) {
  const depth = container === "" ? 0 : container.split(".").length;
  return queryOptions({
    queryKey: ["tree", container, token],
    queryFn: async ({ client }): Promise<TreePage> => {
      if (depth === 0) {
        const page = await client.fetchQuery(catalogsPage(token));
        return toPage("CATALOG", page.catalogs, page.next_page_token);
      }
      if (depth === 1) {
        const page = await client.fetchQuery(schemasPage(container, token));
        return toPage("SCHEMA", page.schemas, page.next_page_token);
      }
      return schemaPage(client, container, token);
    },
  });
}
