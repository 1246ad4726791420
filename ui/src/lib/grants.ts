import type { PrivilegeAssignment } from "../api/access";
import { privilegeLabel } from "./text";

export interface GrantRow {
  principal: string;
  privilege: string;
  /** The kind of the container that the grant comes from. It is '' for a grant on the securable itself. */
  fromKind: string;
  fromName: string;
  /** A privilege of Databricks that no decision here reads. */
  inert: boolean;
}

export const grantRows = (assignments: PrivilegeAssignment[]): GrantRow[] =>
  assignments.flatMap(({ principal, privileges }) =>
    privileges.map((grant) => ({
      principal,
      privilege: grant.privilege,
      fromKind: grant.inherited_from_type ?? "",
      fromName: grant.inherited_from_name ?? "",
      inert: grant.inert ?? false,
    })),
  );

export const grantKey = (row: GrantRow) => `${row.principal}\n${row.privilege}\n${row.fromName}`;

/** Whether the principal or the privilege has the text in it, in any case. */
export const matchesGrant = (row: GrantRow, text: string) =>
  `${row.principal} ${privilegeLabel(row.privilege)}`.toLowerCase().includes(text.toLowerCase());

/** The privileges of each principal. */
export function byPrincipal(rows: GrantRow[]): Map<string, string[]> {
  const privileges = new Map<string, string[]>();
  for (const row of rows)
    privileges.set(row.principal, [...(privileges.get(row.principal) ?? []), row.privilege]);
  return privileges;
}
