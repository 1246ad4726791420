/** All changes that the pages make. Each is one call of the public API, and the server decides whether the caller may make it. */

import { clearDrafts } from "../lib/drafts";
import { api, UNITY_CATALOG, unwrap, V1 } from "./client";
import { deleteObject, updateObject } from "./objects";
import type { PrincipalKind } from "./principals";
import { deletePrompt, updatePrompt } from "./prompts";

export interface Tag {
  key: string;
  value: string;
}

// --- containers and models ---

export const createCatalog = (name: string, comment: string) =>
  unwrap(api.POST(`${UNITY_CATALOG}/catalogs`, { body: { name, comment } }));

export const createSchema = (catalog_name: string, name: string, comment: string) =>
  unwrap(api.POST(`${UNITY_CATALOG}/schemas`, { body: { name, catalog_name, comment } }));

export const createModel = (schema: string, name: string, comment: string) => {
  const [catalog_name = "", schema_name = ""] = schema.split(".");
  return unwrap(
    api.POST(`${UNITY_CATALOG}/models`, { body: { name, catalog_name, schema_name, comment } }),
  );
};

export interface SecurableChanges {
  comment?: string;
  /** The etag of the comment that the caller read. The server refuses to overwrite a newer comment. */
  etag?: string;
  /** All properties of a catalog or schema. */
  properties?: Record<string, string>;
  new_name?: string;
  owner?: string;
}

export function updateSecurable(
  kind: string,
  full_name: string,
  body: SecurableChanges,
): Promise<{ full_name: string }> {
  const params = { path: { full_name } };
  if (kind === "CATALOG")
    return unwrap(api.PATCH(`${UNITY_CATALOG}/catalogs/{full_name}`, { params, body }));
  if (kind === "SCHEMA")
    return unwrap(api.PATCH(`${UNITY_CATALOG}/schemas/{full_name}`, { params, body }));
  if (kind === "PROMPT") return updatePrompt(full_name, body);
  if (kind === "TABLE" || kind === "VOLUME" || kind === "FUNCTION")
    return updateObject(kind, full_name, body);
  return unwrap(api.PATCH(`${UNITY_CATALOG}/models/{full_name}`, { params, body }));
}

export function deleteSecurable(kind: string, full_name: string, force = false): Promise<unknown> {
  const params = { path: { full_name }, query: { force } };
  if (kind === "CATALOG")
    return unwrap(api.DELETE(`${UNITY_CATALOG}/catalogs/{full_name}`, { params }));
  if (kind === "SCHEMA")
    return unwrap(api.DELETE(`${UNITY_CATALOG}/schemas/{full_name}`, { params }));
  if (kind === "PROMPT") return deletePrompt(full_name, force);
  if (kind === "TABLE" || kind === "VOLUME" || kind === "FUNCTION")
    return deleteObject(kind, full_name);
  return unwrap(
    api.DELETE(`${UNITY_CATALOG}/models/{full_name}`, { params: { path: { full_name } } }),
  );
}

export const changeTags = (
  securable_type: string,
  securable_full_name: string,
  add_tags: Tag[],
  removedKeys: string[],
  version?: number,
) => {
  const body = { changes: { add_tags, remove: removedKeys } };
  if (version === undefined)
    return unwrap(
      api.PATCH(`${UNITY_CATALOG}/securable-tags/{securable_type}/{securable_full_name}`, {
        params: { path: { securable_type, securable_full_name } },
        body,
      }),
    );
  return unwrap(
    api.PATCH(
      `${UNITY_CATALOG}/subentity-tags/{securable_type}/{securable_full_name}/{subentity_name}`,
      {
        params: { path: { securable_type, securable_full_name, subentity_name: String(version) } },
        body,
      },
    ),
  );
};

// --- versions ---

export const setAlias = (full_name: string, alias: string, version_num: number) =>
  unwrap(
    api.PUT(`${UNITY_CATALOG}/models/{full_name}/aliases/{alias}`, {
      params: { path: { full_name, alias } },
      body: { version_num },
    }),
  );

export const deleteAlias = (full_name: string, alias: string) =>
  unwrap(
    api.DELETE(`${UNITY_CATALOG}/models/{full_name}/aliases/{alias}`, {
      params: { path: { full_name, alias } },
    }),
  );

export const updateVersion = (full_name: string, version: number, comment: string, etag: string) =>
  unwrap(
    api.PATCH(`${UNITY_CATALOG}/models/{full_name}/versions/{version}`, {
      params: { path: { full_name, version: String(version) } },
      body: { comment, etag },
    }),
  );

export const deleteVersion = (full_name: string, version: number) =>
  unwrap(
    api.DELETE(`${UNITY_CATALOG}/models/{full_name}/versions/{version}`, {
      params: { path: { full_name, version: String(version) } },
    }),
  );

export const copyVersion = (full_name: string, version: number, destination: string) =>
  unwrap(
    api.POST(`${V1}/models/{full_name}/versions/{version}/copy`, {
      params: { path: { full_name, version: String(version) } },
      body: { destination },
    }),
  );

/** A logged model, or a directory of the run's artifacts. */
export type RunSource = { model_id: string } | { path: string };

/** Registers a version as Unity Catalog does, with a required signature. It is PENDING_REGISTRATION until the server has copied the run's files. */
export const registerVersion = (
  full_name: string,
  run_id: string,
  source: RunSource,
  comment: string,
) =>
  unwrap(
    api.POST(`${V1}/models/{full_name}/versions`, {
      params: { path: { full_name } },
      body: { run_id, ...source, comment },
    }),
  );

/** Asks a language model for a description. Saves nothing. */
export const draftComment = (full_name: string, version?: number) =>
  version === undefined
    ? unwrap(
        api.POST(`${V1}/models/{full_name}/draft-comment`, { params: { path: { full_name } } }),
      )
    : unwrap(
        api.POST(`${V1}/models/{full_name}/versions/{version}/draft-comment`, {
          params: { path: { full_name, version: String(version) } },
        }),
      );

// --- permissions ---

export const changeGrants = (
  securable_type: string,
  full_name: string,
  changes: { principal: string; add?: string[]; deleteSecurable?: string[] }[],
) =>
  unwrap(
    api.PATCH(`${UNITY_CATALOG}/permissions/{securable_type}/{full_name}`, {
      params: { path: { securable_type, full_name } },
      body: { changes },
    }),
  );

// --- protected aliases ---

const aliasParams = (securable_type: string, full_name: string, alias: string) => ({
  params: { path: { securable_type, full_name, alias } },
});

export const protectAlias = (type: string, name: string, alias: string, principals: string[]) =>
  unwrap(
    api.PUT(`${V1}/protected-aliases/{securable_type}/{full_name}/{alias}`, {
      ...aliasParams(type, name, alias),
      body: { principals },
    }),
  );

export const unprotectAlias = (type: string, name: string, alias: string) =>
  unwrap(
    api.DELETE(
      `${V1}/protected-aliases/{securable_type}/{full_name}/{alias}`,
      aliasParams(type, name, alias),
    ),
  );

// --- governed tags ---

const POLICIES = "/api/2.1/tag-policies";
const asPolicyValues = (values: string[]) => values.map((name) => ({ name }));

export const createTagPolicy = (tag_key: string, description: string, values: string[]) =>
  unwrap(api.POST(POLICIES, { body: { tag_key, description, values: asPolicyValues(values) } }));

export const updateTagPolicy = (tag_key: string, description: string, values: string[]) =>
  unwrap(
    api.PATCH(`${POLICIES}/{tag_key}`, {
      params: { path: { tag_key } },
      body: { update_mask: "description,values", description, values: asPolicyValues(values) },
    }),
  );

export const deleteTagPolicy = (tag_key: string) =>
  unwrap(api.DELETE(`${POLICIES}/{tag_key}`, { params: { path: { tag_key } } }));

export const setTagRules = (
  name: string,
  etag: string,
  grant_rules: { role: string; principals: string[] }[],
) =>
  unwrap(
    api.PUT("/api/2.0/preview/accounts/access-control/rule-sets", {
      body: { name, rule_set: { name, etag, grant_rules } },
    }),
  );

// --- workspaces ---

export const createWorkspace = (name: string, address: string) =>
  unwrap(api.POST(`${V1}/workspaces`, { body: { name, address } }));

export const updateWorkspace = (workspace: string, name: string, address?: string) =>
  unwrap(
    api.PATCH(`${V1}/workspaces/{workspace}`, {
      params: { path: { workspace } },
      body: { name, address: address ?? null },
    }),
  );

export const deleteWorkspace = (workspace: string) =>
  unwrap(api.DELETE(`${V1}/workspaces/{workspace}`, { params: { path: { workspace } } }));

export const assignToWorkspace = (workspace: string, principal: string, level: string) =>
  unwrap(
    api.PUT(`${V1}/workspaces/{workspace}/assignments/{principal}`, {
      params: { path: { workspace, principal } },
      body: { level },
    }),
  );

export const unassignFromWorkspace = (workspace: string, principal: string) =>
  unwrap(
    api.DELETE(`${V1}/workspaces/{workspace}/assignments/{principal}`, {
      params: { path: { workspace, principal } },
    }),
  );

export const READ_WRITE = "BINDING_TYPE_READ_WRITE";
export const READ_ONLY = "BINDING_TYPE_READ_ONLY";
export type BindingType = typeof READ_WRITE | typeof READ_ONLY;

/** Binds a catalog to a workspace. The type null unbinds it. */
export const changeBinding = (
  catalog: string,
  workspace_id: number,
  binding_type: BindingType | null,
) =>
  unwrap(
    api.PATCH(`${UNITY_CATALOG}/bindings/{securable_type}/{securable_name}`, {
      params: { path: { securable_type: "catalog", securable_name: catalog } },
      body: binding_type
        ? { add: [{ workspace_id, binding_type }] }
        : { remove: [{ workspace_id }] },
    }),
  );

export const isolateCatalog = (full_name: string, isolated: boolean) =>
  unwrap(
    api.PATCH(`${UNITY_CATALOG}/catalogs/{full_name}`, {
      params: { path: { full_name } },
      body: { isolation_mode: isolated ? "ISOLATED" : "OPEN" },
    }),
  );

// --- requests for access ---

export interface PrivilegeRequest {
  /** CATALOG, SCHEMA, FUNCTION, ... */
  type: string;
  name: string;
  privileges: string[];
}

/** Requests access for a principal; '' is the caller. */
export const requestAccess = (requests: PrivilegeRequest[], comment: string, principal: string) =>
  unwrap(
    api.POST("/api/3.0/rfa/requests", {
      body: {
        requests: [
          {
            comment,
            behalf_of: principal ? { id: principal } : null,
            securable_permissions: requests.map(({ type, name, privileges }) => ({
              securable: { type, full_name: name },
              permissions: privileges,
            })),
          },
        ],
      },
    }),
  );

export const decideAccessRequest = (request_id: string, approve: boolean, reason: string) =>
  unwrap(
    api.POST(
      approve
        ? `${V1}/access-requests/{request_id}/approve`
        : `${V1}/access-requests/{request_id}/reject`,
      {
        params: { path: { request_id } },
        body: { reason },
      },
    ),
  );

export const withdrawAccessRequest = (request_id: string) =>
  unwrap(api.DELETE(`${V1}/access-requests/{request_id}`, { params: { path: { request_id } } }));

// --- people and tokens ---

export const createPrincipal = (
  kind: PrincipalKind,
  name: string,
  display_name: string,
  account_admin: boolean,
) => unwrap(api.POST(`${V1}/${kind}` as const, { body: { name, display_name, account_admin } }));

export const setActive = (kind: PrincipalKind, principal: string, active: boolean) =>
  unwrap(
    api.PATCH(`${V1}/${kind}/{principal}` as const, {
      params: { path: { principal } },
      body: { active },
    }),
  );

export const deletePrincipal = (kind: PrincipalKind, principal: string) =>
  unwrap(api.DELETE(`${V1}/${kind}/{principal}` as const, { params: { path: { principal } } }));

export const addMember = (principal: string, member: string) =>
  unwrap(
    api.PUT(`${V1}/groups/{principal}/members/{member}`, {
      params: { path: { principal, member } },
    }),
  );

export const removeMember = (principal: string, member: string) =>
  unwrap(
    api.DELETE(`${V1}/groups/{principal}/members/{member}`, {
      params: { path: { principal, member } },
    }),
  );

export const createToken = (comment: string, lifetime_seconds: number | null, principal: string) =>
  unwrap(api.POST(`${V1}/tokens`, { body: { comment, lifetime_seconds, principal } }));

export const revokeToken = (token_id: string) =>
  unwrap(api.DELETE(`${V1}/tokens/{token_id}`, { params: { path: { token_id } } }));

export const revokeTokenOrigin = (origin_id: string) =>
  unwrap(api.DELETE(`${V1}/token-origins/{origin_id}`, { params: { path: { origin_id } } }));

export async function signOut(): Promise<void> {
  clearDrafts();
  await fetch("/logout", { method: "POST", redirect: "manual" });
  location.assign("/login");
}
