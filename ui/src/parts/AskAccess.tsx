import { Button } from "@mantine/core";
import { IconLockOpen } from "@tabler/icons-react";
import { lazy, Suspense, useState } from "react";

import { ApiError } from "../api/client";
import type { Place } from "../forms/access";
import { Failure } from "../ui/Failure";

const RequestAccess = lazy(async () => ({ default: (await import("../forms/access")).RequestAccess }));

export function AskAccess({ on, primary }: { on: Place; primary?: boolean }) {
  const [asking, setAsking] = useState(false);
  return (
    <>
      <Button variant={primary ? "filled" : "default"} leftSection={<IconLockOpen size={16} />} onClick={() => setAsking(true)}>
        Request access
      </Button>
      {asking ? <Suspense fallback={null}><RequestAccess on={on} onClose={() => setAsking(false)} /></Suspense> : null}
    </>
  );
}

/** A refusal to show something, with the way to be let in. */
export function Closed({ on, error, retry }: { on: Place; error: unknown; retry: () => void }) {
  return (
    <>
      <Failure error={error} retry={retry} />
      {error instanceof ApiError && error.status === 403 ? <div style={{ marginTop: 16 }}><AskAccess on={on} primary /></div> : null}
    </>
  );
}
