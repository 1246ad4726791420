import { Alert, Text, TextInput } from "@mantine/core";

import type { AccessRequest } from "../api/access";
import { decideAccessRequest } from "../api/mutations";
import { useDraft } from "../lib/drafts";
import { privilegeLabel, visible } from "../lib/text";
import { useMutationWithToast } from "../lib/useMutationWithToast";
import { MutationDialog } from "../ui/Dialog";

/** Approving a request grants its privileges. A rejection needs a reason, which the requester sees. */
export function DecideAccessRequest({
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
    discard,
  } = useDraft(`decision on ${request.request_id}`, "");
  const mutation = useMutationWithToast(
    () => decideAccessRequest(request.request_id, approve, reason.trim()),
    approve ? "Approved and granted." : "Rejected.",
    () => {
      discard();
      onClose();
    },
  );
  return (
    <MutationDialog
      title={approve ? "Approve the request" : "Reject the request"}
      submit={approve ? "Approve" : "Reject"}
      danger={!approve}
      onClose={onClose}
      onCancel={discard}
      mutation={mutation}
      disabled={!approve && !reason.trim()}
    >
      <Text size="sm">
        <b>{visible(request.principal)}</b> {approve ? "gets" : "does not get"}{" "}
        {request.privileges.map(privilegeLabel).join(", ")} on <b>{visible(request.full_name)}</b>.
      </Text>
      {request.comment ? (
        <Alert variant="light" color="gray" title="What for">
          <Text size="sm" className="anywhere">
            {visible(request.comment)}
          </Text>
        </Alert>
      ) : null}
      <TextInput
        label={approve ? "Message to the requester" : "Why not?"}
        description={approve ? undefined : "The requester sees it."}
        required={!approve}
        value={reason}
        onChange={(e) => setReason(e.currentTarget.value)}
        data-autofocus
        autoComplete="off"
      />
    </MutationDialog>
  );
}
