import {
  Alert,
  Checkbox,
  Code as Mono,
  List,
  SimpleGrid,
  Text,
  Textarea,
  TextInput,
} from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { askAccess, decideAccess, type Wanted } from "../api/acts";
import { type AccessRequest, explanation, vocabulary } from "../api/queries";
import { useAct } from "../ui/Act";
import { Dialog } from "../ui/Dialog";
import { useDraft } from "../ui/draft";
import { Failure } from "../ui/Failure";
import { kindLabel } from "../ui/kinds";
import { Loading } from "../ui/Loading";
import { visible, words } from "../ui/text";
import { PrincipalSelect } from "./change";

export interface Place {
  /** As the permission routes name it. */
  type: "catalog" | "schema" | "function" | "prompt";
  kind: "CATALOG" | "SCHEMA" | "MODEL" | "PROMPT";
  name: string;
}

const SEES = {
  CATALOG: "get_catalog",
  SCHEMA: "get_schema",
  MODEL: "get_model",
  PROMPT: "get_prompt",
} as const;
const FIRST = {
  CATALOG: "USE_CATALOG",
  SCHEMA: "USE_SCHEMA",
  MODEL: "EXECUTE",
  PROMPT: "EXECUTE",
} as const;
const WIRE: Record<string, string> = {
  CATALOG: "CATALOG",
  SCHEMA: "SCHEMA",
  MODEL: "FUNCTION",
  PROMPT: "PROMPT",
};
const MOST = 200; // characters of a comment, as the server limits them

/** What the caller lacks on the way to something, as far as the server tells; and whether it tells of the thing itself. */
function useMissing({ type, kind, name }: Place) {
  const found = useQuery(explanation(type, name, "", SEES[kind], true));
  const steps = found.data?.steps ?? [];
  const known = steps.some((step) => step.securable_name === name);
  const above = steps
    .filter((step) => !step.met && step.securable_name !== name)
    .map(
      (step): Wanted => ({
        type: step.securable_type,
        name: step.securable_name,
        privileges: [FIRST[step.securable_type as Place["kind"]] ?? "BROWSE"],
      }),
    );
  return { ...found, known, above };
}

export function RequestAccess({
  on,
  first,
  onClose,
}: {
  on: Place;
  first?: string | undefined;
  onClose: () => void;
}) {
  const missing = useMissing(on);
  const { data } = useQuery(vocabulary);
  const [whom, setWhom] = useState<string | null>(null);
  const { text: comment, setText: setComment, drop } = useDraft(`access ${on.name}`, "");
  const [privileges, setPrivileges] = useState<string[]>([first ?? FIRST[on.kind]]);
  const grantable = data?.securables.find((one) => one.type === on.kind)?.privileges ?? [];
  const wanted = [
    ...missing.above,
    ...(missing.known && privileges.length > 0
      ? [{ type: WIRE[on.kind] ?? "", name: on.name, privileges }]
      : []),
  ];
  const act = useAct(
    () => askAccess(wanted, comment.trim(), whom ?? ""),
    "Requested. You see under Access requests what becomes of it.",
    () => {
      drop();
      onClose();
    },
  );
  return (
    <Dialog
      title="Request access"
      submit="Request"
      size="lg"
      onClose={onClose}
      onCancel={drop}
      onSubmit={() => act.mutate()}
      busy={act.isPending}
      error={act.error}
      disabled={wanted.length === 0}
    >
      {missing.isPending ? <Loading lines={2} /> : null}
      {missing.error ? (
        <Failure error={missing.error} retry={() => void missing.refetch()} />
      ) : null}
      {missing.data && missing.known ? (
        <Checkbox.Group
          label={`What do you need on ${kindLabel(on.kind)} ${visible(on.name)}?`}
          value={privileges}
          onChange={setPrivileges}
        >
          <SimpleGrid cols={{ base: 1, xs: 2, sm: 3 }} mt="xs" spacing="xs">
            {grantable.map((privilege) => (
              <Checkbox key={privilege} value={privilege} label={words(privilege)} />
            ))}
          </SimpleGrid>
        </Checkbox.Group>
      ) : null}
      {missing.above.length > 0 ? (
        <Text size="sm" component="div">
          {missing.known
            ? "Asked for together with it, because it is of no use without:"
            : "The way there is closed to you. First ask for:"}
          <List size="sm" mt={4}>
            {missing.above.map((one) => (
              <List.Item key={one.name}>
                <b>{one.privileges.map(words).join(", ")}</b> on {kindLabel(one.type)}{" "}
                <Mono className="anywhere">{visible(one.name)}</Mono>
              </List.Item>
            ))}
          </List>
        </Text>
      ) : null}
      <Textarea
        label="What for?"
        description="Whoever decides reads this."
        value={comment}
        onChange={(e) => setComment(e.currentTarget.value)}
        maxLength={MOST}
        autosize
        minRows={2}
        data-autofocus
      />
      <PrincipalSelect
        optional
        label="For somebody else"
        description="A group or a service principal; empty is yourself."
        value={whom}
        onChange={setWhom}
      />
    </Dialog>
  );
}

/** Approving grants what was asked for, in the same step; whoever is refused is told why. */
export function DecideAccess({
  request,
  approve,
  onClose,
}: {
  request: AccessRequest;
  approve: boolean;
  onClose: () => void;
}) {
  const {
    text: reason,
    setText: setReason,
    drop,
  } = useDraft(`decision on ${request.request_id}`, "");
  const act = useAct(
    () => decideAccess(request.request_id, approve, reason.trim()),
    approve ? "Approved and granted." : "Rejected.",
    () => {
      drop();
      onClose();
    },
  );
  return (
    <Dialog
      title={approve ? "Approve the request" : "Reject the request"}
      submit={approve ? "Approve" : "Reject"}
      danger={!approve}
      onClose={onClose}
      onCancel={drop}
      onSubmit={() => act.mutate()}
      busy={act.isPending}
      error={act.error}
      disabled={!approve && !reason.trim()}
    >
      <Text size="sm">
        <b>{visible(request.principal)}</b> {approve ? "is granted" : "does not get"}{" "}
        {request.privileges.map(words).join(", ")} on <b>{visible(request.full_name)}</b>.
      </Text>
      {request.comment ? (
        <Alert variant="light" color="gray" title="What for">
          <Text size="sm" className="anywhere">
            {visible(request.comment)}
          </Text>
        </Alert>
      ) : null}
      <TextInput
        label={approve ? "A word to them" : "Why not?"}
        description={approve ? undefined : "They see it with their request."}
        required={!approve}
        value={reason}
        onChange={(e) => setReason(e.currentTarget.value)}
        data-autofocus
        autoComplete="off"
      />
    </Dialog>
  );
}
