import { Button } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef } from "react";

import { useConnection } from "../api/connection";

/** Says that the server does not answer, and asks for everything again when it does; says that a newer version is there. */
export function Connection() {
  const state = useConnection();
  const client = useQueryClient();
  const before = useRef(state);
  useEffect(() => {
    if (before.current === "away" && state !== "away") void client.invalidateQueries();
    before.current = state;
  }, [client, state]);
  if (state === "ok") return null;
  return (
    <div className="connection" role="status" data-state={state}>
      {state === "away"
        ? "The server does not answer. This page tries again by itself."
        : "A new version of Modelkeep is there."}
      {state === "newer" ? (
        <Button size="compact-sm" variant="default" onClick={() => location.reload()}>
          Reload
        </Button>
      ) : null}
    </div>
  );
}
