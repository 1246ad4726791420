import { Button } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef } from "react";

import { useConnection } from "../api/connection";

/** Says that the server is away, and refetches everything when it answers. Offers a reload after an upgrade. */
export function ConnectionBanner() {
  const state = useConnection();
  const client = useQueryClient();
  const previous = useRef(state);
  useEffect(() => {
    if (previous.current === "away" && state !== "away") void client.invalidateQueries();
    previous.current = state;
  }, [client, state]);
  if (state === "ok") return null;
  return (
    <div className="connection" role="status" data-state={state}>
      {state === "away"
        ? "The server does not answer. This page tries again by itself."
        : "A new version of Modelkeep is available."}
      {state === "newer" ? (
        <Button size="compact-sm" variant="default" onClick={() => location.reload()}>
          Reload
        </Button>
      ) : null}
    </div>
  );
}
