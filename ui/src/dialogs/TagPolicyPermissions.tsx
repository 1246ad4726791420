import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";

import { setTagRules } from "../api/mutations";
import { principalRuleName } from "../api/principals";
import type { TagPolicy } from "../api/tagPolicies";
import { tagRules } from "../api/tagPolicies";
import { PrincipalsSelect } from "../components/PrincipalSelect";
import { visible } from "../lib/text";
import { useMutationWithToast } from "../lib/useMutationWithToast";
import { MutationDialog } from "../ui/Dialog";
import { LoadingSkeleton } from "../ui/Skeletons";

const ASSIGN = "roles/tagPolicy.assigner";

const MANAGE = "roles/tagPolicy.manager";

const CREATE = "roles/tagPolicy.creator";

/** The principals of each role: of one governed tag, or of all governed tags. */
export function TagPolicyPermissions({
  policy,
  onClose,
}: {
  policy?: TagPolicy;
  onClose: () => void;
}) {
  const { data, error } = useQuery(tagRules(policy?.id ?? ""));
  const [principalsByRole, setPrincipalsByRole] = useState<Record<string, string[]> | null>(null);
  useEffect(() => {
    if (data)
      setPrincipalsByRole(
        Object.fromEntries(
          data.grant_rules.map((rule) => [
            rule.role,
            rule.principals.map((path) => path.slice(path.indexOf("/") + 1)),
          ]),
        ),
      );
  }, [data]);
  const mutation = useMutationWithToast(
    async () => {
      const namesInRules = new Map(
        (data?.grant_rules ?? [])
          .flatMap((rule) => rule.principals)
          .map((path) => [path.slice(path.indexOf("/") + 1), path]),
      );
      const ruleName = (name: string) => namesInRules.get(name) ?? principalRuleName(name);
      const rules = await Promise.all(
        Object.entries(principalsByRole ?? {}).map(async ([role, names]) => ({
          role,
          principals: await Promise.all(names.map(ruleName)),
        })),
      );
      return setTagRules(data?.name ?? "", data?.etag ?? "", rules);
    },
    "Permissions saved.",
    onClose,
  );
  const field = (role: string, label: string, description: string) => (
    <PrincipalsSelect
      label={label}
      description={description}
      value={principalsByRole?.[role] ?? []}
      onChange={(names) => setPrincipalsByRole({ ...principalsByRole, [role]: names })}
    />
  );
  return (
    <MutationDialog
      title={
        policy ? `Permissions of ${visible(policy.tag_key)}` : "Permissions of all governed tags"
      }
      submit="Save"
      onClose={onClose}
      mutation={mutation}
      error={mutation.error ?? error}
      disabled={!principalsByRole}
    >
      {principalsByRole ? (
        <>
          {field(
            ASSIGN,
            "Assign",
            policy
              ? "Who may set and remove this tag. They also need the right to change tags."
              : "Who may set and remove every governed tag.",
          )}
          {field(MANAGE, "Manage", "Who may change the values and these permissions.")}
          {policy
            ? null
            : field(CREATE, "Create", "Who may create governed tags. The creator manages the tag.")}
        </>
      ) : error ? null : (
        <LoadingSkeleton lines={3} />
      )}
    </MutationDialog>
  );
}
