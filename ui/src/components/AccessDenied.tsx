import { ApiError } from "../api/client";
import { READ_OPERATION, type Securable } from "../lib/securables";
import { ErrorAlert } from "../ui/ErrorAlert";
import { type DeniedOperation, MissingAccess } from "./AccessSteps";
import { RequestAccessButton } from "./RequestAccessButton";

/** A refusal to show a securable: the missing privileges, whom to ask, and the button that asks. */
export function AccessDenied({
  securable,
  error,
  retry,
}: {
  securable: Securable;
  error: unknown;
  retry: () => void;
}) {
  const isDenied = error instanceof ApiError && error.status === 403;
  return (
    <>
      <ErrorAlert error={error} retry={retry}>
        {isDenied ? (
          <MissingAccess securable={securable} operation={READ_OPERATION[securable.kind]} />
        ) : null}
      </ErrorAlert>
      {isDenied ? (
        <div style={{ marginTop: 16 }}>
          <RequestAccessButton securable={securable} primary />
        </div>
      ) : null}
    </>
  );
}

const NEEDED_PRIVILEGE: Record<string, string> = {
  create_version: "CREATE_MODEL_VERSION",
  copy_version: "CREATE_MODEL_VERSION",
  create_model: "CREATE_MODEL",
};

/** Below the error of a dialog: the missing privileges, whom to ask, and the button that asks. */
export function DialogDenial({ error, ...denied }: DeniedOperation & { error: unknown }) {
  if (!(error instanceof ApiError) || error.status !== 403) return null;
  return (
    <>
      <MissingAccess {...denied} />
      <div style={{ marginTop: 8 }}>
        <RequestAccessButton
          securable={denied.securable}
          first={NEEDED_PRIVILEGE[denied.operation] ?? "EXECUTE"}
        />
      </div>
    </>
  );
}
