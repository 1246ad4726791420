import { List, Code as Mono, Text, Textarea } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { explanation } from "../api/access";
import { type PrivilegeRequest, requestAccess } from "../api/mutations";
import { PrincipalSelect } from "../components/PrincipalSelect";
import { PrivilegeChoices } from "../components/PrivilegeChoices";
import { useDraft } from "../lib/drafts";
import { FIRST_PRIVILEGE, READ_OPERATION, type Securable } from "../lib/securables";
import { privilegeLabel, visible } from "../lib/text";
import { useMutationWithToast } from "../lib/useMutationWithToast";
import { MutationDialog } from "../ui/Dialog";
import { ErrorAlert } from "../ui/ErrorAlert";
import { kindLabel } from "../ui/kinds";
import { LoadingSkeleton } from "../ui/Skeletons";

const REQUEST_TYPE: Record<string, string> = {
  CATALOG: "CATALOG",
  SCHEMA: "SCHEMA",
  MODEL: "FUNCTION",
  PROMPT: "PROMPT",
  TABLE: "TABLE",
  VOLUME: "VOLUME",
  FUNCTION: "FUNCTION",
};
const MAX_COMMENT = 200; // characters, the server's limit

/** The privileges that the caller lacks on the containers, and whether the server shows the securable itself. */
function useMissingSteps({ type, kind, name }: Securable) {
  const query = useQuery(explanation(type, name, "", READ_OPERATION[kind], true));
  const steps = query.data?.steps ?? [];
  const isVisible = steps.some((step) => step.securable_name === name);
  const containers = steps
    .filter((step) => !step.met && step.securable_name !== name)
    .map(
      (step): PrivilegeRequest => ({
        type: step.securable_type,
        name: step.securable_name,
        privileges: [FIRST_PRIVILEGE[step.securable_type as Securable["kind"]] ?? "BROWSE"],
      }),
    );
  return { ...query, isVisible, containers };
}

export function RequestAccess({
  securable,
  first,
  onClose,
}: {
  securable: Securable;
  first?: string | undefined;
  onClose: () => void;
}) {
  const missing = useMissingSteps(securable);
  const [principal, setPrincipal] = useState<string | null>(null);
  const { text: comment, setText: setComment, discard } = useDraft(`access ${securable.name}`, "");
  const [privileges, setPrivileges] = useState<string[]>([
    first ?? FIRST_PRIVILEGE[securable.kind],
  ]);
  const requests = [
    ...missing.containers,
    ...(missing.isVisible && privileges.length > 0
      ? [{ type: REQUEST_TYPE[securable.kind] ?? "", name: securable.name, privileges }]
      : []),
  ];
  const mutation = useMutationWithToast(
    () => requestAccess(requests, comment.trim(), principal ?? ""),
    "Requested. Access requests shows the decision.",
    () => {
      discard();
      onClose();
    },
  );
  return (
    <MutationDialog
      title="Request access"
      submit="Request"
      size="lg"
      onClose={onClose}
      onCancel={discard}
      mutation={mutation}
      disabled={requests.length === 0}
    >
      {missing.isPending ? <LoadingSkeleton lines={2} /> : null}
      {missing.error ? (
        <ErrorAlert error={missing.error} retry={() => void missing.refetch()} />
      ) : null}
      {missing.data && missing.isVisible ? (
        <PrivilegeChoices
          kind={securable.kind}
          label={`What do you need on ${kindLabel(securable.kind)} ${visible(securable.name)}?`}
          value={privileges}
          onChange={setPrivileges}
        />
      ) : null}
      {missing.containers.length > 0 ? (
        <Text size="sm" component="div">
          {missing.isVisible
            ? "The request also asks for what you need to use it:"
            : "You cannot enter what contains it. First ask for:"}
          <List size="sm" mt={4}>
            {missing.containers.map((request) => (
              <List.Item key={request.name}>
                <b>{request.privileges.map(privilegeLabel).join(", ")}</b> on{" "}
                {kindLabel(request.type)} <Mono className="anywhere">{visible(request.name)}</Mono>
              </List.Item>
            ))}
          </List>
        </Text>
      ) : null}
      <Textarea
        label="What for?"
        description="The person who decides reads this."
        value={comment}
        onChange={(e) => setComment(e.currentTarget.value)}
        maxLength={MAX_COMMENT}
        autosize
        minRows={2}
        data-autofocus
      />
      <PrincipalSelect
        optional
        label="For somebody else"
        description="A group or a service principal. Leave it empty to ask for yourself."
        value={principal}
        onChange={setPrincipal}
      />
    </MutationDialog>
  );
}
