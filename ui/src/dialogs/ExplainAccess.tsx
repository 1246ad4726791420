import { Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { explanation } from "../api/access";
import { AccessSteps } from "../components/AccessSteps";
import { PrincipalSelect } from "../components/PrincipalSelect";
import { type Securable } from "../lib/securables";
import { Dialog } from "../ui/Dialog";

const EXPLAINED_OPERATIONS: Record<Securable["kind"], [string, string][]> = {
  MODEL: [
    ["get_model", "See and load it"],
    ["create_version", "Register a version"],
    ["copy_version", "Copy its versions"],
    ["set_alias", "Set an alias"],
    ["change_tags", "Change tags"],
    ["update_comment", "Change the description"],
    ["rename_model", "Rename it"],
    ["change_grants", "Change permissions"],
    ["delete_model", "Delete it"],
  ],
  PROMPT: [
    ["get_prompt", "See and load it"],
    ["create_prompt_version", "Register a version"],
    ["set_prompt_alias", "Set an alias"],
    ["change_tags", "Change tags"],
    ["update_prompt", "Change the description"],
    ["change_grants", "Change permissions"],
    ["delete_prompt", "Delete it"],
  ],
  SCHEMA: [
    ["get_schema", "See it"],
    ["create_model", "Create a model in it"],
    ["create_prompt", "Create a prompt in it"],
    ["update_comment", "Change the description"],
    ["rename_schema", "Rename it"],
    ["change_grants", "Change permissions"],
    ["delete_container", "Delete it"],
  ],
  CATALOG: [
    ["get_catalog", "See it"],
    ["create_schema", "Create a schema in it"],
    ["rename_catalog", "Rename it"],
    ["change_grants", "Change permissions"],
    ["delete_container", "Delete it"],
  ],
};

export function ExplainAccess({
  securable,
  onClose,
}: {
  securable: Securable;
  onClose: () => void;
}) {
  const [principal, setPrincipal] = useState<string | null>(null);
  const operations = EXPLAINED_OPERATIONS[securable.kind];
  return (
    <Dialog
      title="Explain access"
      submit="Done"
      cancel={null}
      size="xl"
      onClose={onClose}
      onSubmit={onClose}
      busy={false}
      error={null}
    >
      <PrincipalSelect label="Principal" value={principal} onChange={setPrincipal} focus />
      {principal ? (
        <Stack gap={6}>
          {operations.map(([operation, label]) => (
            <OperationExplanation
              key={operation}
              securable={securable}
              principal={principal}
              operation={operation}
              label={label}
            />
          ))}
        </Stack>
      ) : null}
    </Dialog>
  );
}

function OperationExplanation({
  securable,
  principal,
  operation,
  label,
}: {
  securable: Securable;
  principal: string;
  operation: string;
  label: string;
}) {
  const { data, error } = useQuery(
    explanation(securable.type, securable.name, principal, operation),
  );
  return (
    <div className="reason">
      <Text size="sm" fw={550}>
        {label}
      </Text>
      <div className="anywhere">
        <Text size="sm">
          {error ? (
            error.message
          ) : data ? (
            <>
              <b>{data.allowed ? "Yes" : "No"}</b>
              {data.allowed ? "" : `: ${data.reason}`}
            </>
          ) : (
            "…"
          )}
        </Text>
        {data?.steps?.length ? (
          <details open={!data.allowed}>
            <summary>{data.allowed ? `By ${data.reason}` : "Needed privileges"}</summary>
            <AccessSteps steps={data.steps} />
          </details>
        ) : null}
      </div>
    </div>
  );
}
