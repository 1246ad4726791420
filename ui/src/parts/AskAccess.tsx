import { Button } from "@mantine/core";
import { IconLockOpen } from "@tabler/icons-react";
import { Suspense, useState } from "react";

import { ApiError } from "../api/client";
import type { Place } from "../forms/access";
import { Failure } from "../ui/Failure";
import { lazyPart } from "../ui/part";
import { Missing, type Refused } from "./Explained";

const RequestAccess = lazyPart(async () => ({
  default: (await import("../forms/access")).RequestAccess,
}));

interface Props {
  on: Place;
  primary?: boolean;
  /** What is asked for first. */
  first?: string;
}

export function AskAccess({ on, primary, first }: Props) {
  const [asking, setAsking] = useState(false);
  return (
    <>
      <Button
        variant={primary ? "filled" : "default"}
        size={first ? "xs" : undefined}
        leftSection={<IconLockOpen size={16} />}
        onClick={() => setAsking(true)}
      >
        Request access
      </Button>
      {asking ? (
        <Suspense fallback={null}>
          <RequestAccess on={on} first={first} onClose={() => setAsking(false)} />
        </Suspense>
      ) : null}
    </>
  );
}

const SEES = {
  CATALOG: "get_catalog",
  SCHEMA: "get_schema",
  MODEL: "get_model",
  PROMPT: "get_prompt",
} as const;

/** A refusal to show something, with what is missing, whom to ask, and the way to be let in. */
export function Closed({ on, error, retry }: { on: Place; error: unknown; retry: () => void }) {
  const refused = error instanceof ApiError && error.status === 403;
  return (
    <>
      <Failure error={error} retry={retry}>
        {refused ? <Missing on={on} operation={SEES[on.kind]} /> : null}
      </Failure>
      {refused ? (
        <div style={{ marginTop: 16 }}>
          <AskAccess on={on} primary />
        </div>
      ) : null}
    </>
  );
}

const FIRST: Record<string, string> = {
  create_version: "CREATE_MODEL_VERSION",
  copy_version: "CREATE_MODEL_VERSION",
  create_model: "CREATE_MODEL",
};

/** Under a dialog's refusal: what is missing, whom to ask, and the way to ask. */
export function Refusal({ error, ...about }: Refused & { error: unknown }) {
  if (!(error instanceof ApiError) || error.status !== 403) return null;
  return (
    <>
      <Missing {...about} />
      <div style={{ marginTop: 8 }}>
        <AskAccess on={about.on} first={FIRST[about.operation] ?? "EXECUTE"} />
      </div>
    </>
  );
}
