import { List, Text } from "@mantine/core";
import { IconCheck, IconX } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";

import type { Step } from "../api/access";
import { explanation } from "../api/access";
import type { Securable } from "../lib/securables";
import { privilegeLabel, visible } from "../lib/text";
import { kindLabel } from "../ui/kinds";

const securableLabel = (type: string, name: string) =>
  type === "ACCOUNT"
    ? "the account"
    : `${kindLabel(type === "FUNCTION" ? "MODEL" : type)} ${visible(name)}`;

/** Each privilege that an operation needs: the grants and groups that give it, or whom to ask for it. */
export function AccessSteps({ steps }: { steps: Step[] }) {
  return (
    <List
      size="sm"
      listStyleType="none"
      spacing={4}
      className="steps"
      aria-label="Needed privileges"
    >
      {steps.map((step) => (
        <List.Item
          key={`${step.needs} ${step.securable_name}`}
          icon={
            step.met ? (
              <IconCheck
                size={15}
                color="var(--mantine-color-teal-7)"
                role="img"
                aria-label="Met"
              />
            ) : (
              <IconX size={15} color="var(--mantine-color-red-7)" role="img" aria-label="Missing" />
            )
          }
        >
          <b>{step.needs.replaceAll(", ", " or ")}</b> on{" "}
          {securableLabel(step.securable_type, step.securable_name)}
          {(step.given_by ?? []).map((source) => (
            <Text
              key={`${source.what} ${source.securable_name} ${source.principal}`}
              size="xs"
              c="dimmed"
              className="anywhere"
            >
              {privilegeLabel(visible(source.what))} on{" "}
              {securableLabel(source.securable_type, source.securable_name)}, granted to{" "}
              {visible(source.principal)}
              {(source.groups ?? []).length > 0
                ? ` (through ${(source.groups ?? []).map(visible).join(" > ")})`
                : ""}
            </Text>
          ))}
          {(step.ask ?? []).length > 0 ? (
            <Text size="xs" className="anywhere">
              Ask {(step.ask ?? []).map(visible).join(", ")}.
            </Text>
          ) : null}
        </List.Item>
      ))}
    </List>
  );
}

export interface DeniedOperation {
  securable: Securable;
  /** Its name in the operation table. */
  operation: string;
  /** The request field that names `securable`, for operations on several securables. */
  field?: string;
}

/** The privileges that the caller lacks for an operation, and whom to ask. */
export function MissingAccess({ securable, operation, field = "" }: DeniedOperation) {
  const { data } = useQuery(
    explanation(securable.type, securable.name, "", operation, true, field),
  );
  const missing = (data?.steps ?? []).filter((step) => !step.met);
  return missing.length === 0 ? null : <AccessSteps steps={missing} />;
}
