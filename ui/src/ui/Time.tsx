import { Text, Tooltip } from "@mantine/core";
import { useEffect, useState } from "react";

import { exactTime, relativeTime } from "./text";

const AHEAD_MS = 60_000; // what just happened is no news from the future, whatever the two clocks say

/** How long ago; the exact moment on hover, and for machines. */
export function Time({ at }: { at: number | null | undefined }) {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 30_000);
    return () => clearInterval(timer);
  }, []);
  // A table has one of these in every row, and a tooltip costs more than the row: it comes with the pointer.
  const [hovered, setHovered] = useState(false);
  if (!at)
    return (
      <Text span inherit c="dimmed">
        never
      </Text>
    );
  const shown = (
    <time
      dateTime={new Date(at).toISOString()}
      className="time"
      onPointerEnter={hovered ? undefined : () => setHovered(true)}
    >
      {relativeTime(at, at > now && at < now + AHEAD_MS ? at : now)}
    </time>
  );
  return hovered ? (
    <Tooltip
      defaultOpened
      label={exactTime(at)}
      events={{ hover: true, focus: false, touch: true }}
    >
      {shown}
    </Tooltip>
  ) : (
    shown
  );
}
