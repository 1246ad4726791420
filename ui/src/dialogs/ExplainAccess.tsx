import { Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { explanation } from "../api/access";
import { allowedOperations } from "../api/permissions";
import { AccessSteps } from "../components/AccessSteps";
import { PrincipalSelect } from "../components/PrincipalSelect";
import { type Securable } from "../lib/securables";
import { Dialog } from "../ui/Dialog";

export function ExplainAccess({
  securable,
  onClose,
}: {
  securable: Securable;
  onClose: () => void;
}) {
  const [principal, setPrincipal] = useState<string | null>(null);
  const { data } = useQuery(allowedOperations(securable.type, securable.name));
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
          {Object.entries(data?.labels ?? {}).map(([operation, label]) => (
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
