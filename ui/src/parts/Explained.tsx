import { List, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { IconCheck, IconX } from "@tabler/icons-react";

import { explanation, type Step } from "../api/queries";
import type { Place } from "../forms/access";
import { kindLabel } from "../ui/kinds";
import { visible, words } from "../ui/text";

const on = (type: string, name: string) =>
  type === "ACCOUNT"
    ? "the account"
    : `${kindLabel(type === "FUNCTION" ? "MODEL" : type)} ${visible(name)}`;

/** What is needed, who gives it by which grant and through which groups, and whom to ask for what is missing. */
export function Steps({ steps }: { steps: Step[] }) {
  return (
    <List size="sm" listStyleType="none" spacing={4} className="steps" aria-label="What it takes">
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
          {on(step.securable_type, step.securable_name)}
          {(step.given_by ?? []).map((way) => (
            <Text
              key={`${way.what} ${way.securable_name} ${way.principal}`}
              size="xs"
              c="dimmed"
              className="anywhere"
            >
              {words(visible(way.what))} on {on(way.securable_type, way.securable_name)}, held by{" "}
              {visible(way.principal)}
              {(way.groups ?? []).length > 0
                ? ` (through ${(way.groups ?? []).map(visible).join(" > ")})`
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

export interface Refused {
  on: Place;
  /** As the table of operations names it. */
  operation: string;
  /** Which of the operation's securables `on` is. */
  field?: string;
}

/** What the caller lacks for one operation, and whom to ask. */
export function Missing({ on: place, operation, field = "" }: Refused) {
  const { data } = useQuery(explanation(place.type, place.name, "", operation, true, field));
  const missing = (data?.steps ?? []).filter((step) => !step.met);
  return missing.length === 0 ? null : <Steps steps={missing} />;
}
