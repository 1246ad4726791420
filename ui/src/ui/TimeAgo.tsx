import { Text, Tooltip } from "@mantine/core";
import { useEffect, useState } from "react";

import { exactTime, relativeTime } from "../lib/text";

const CLOCK_SKEW_MS = 60_000; // tolerated between the clocks of the server and the browser

/** How long ago something happened, with the exact time on hover and for machines. */
export function TimeAgo({ at }: { at: number | null | undefined }) {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 30_000);
    return () => clearInterval(timer);
  }, []);
  // A tooltip costs more than its table row, so it mounts only when the pointer arrives.
  const [hovered, setHovered] = useState(false);
  if (!at)
    return (
      <Text span inherit c="dimmed">
        never
      </Text>
    );
  const element = (
    <time
      dateTime={new Date(at).toISOString()}
      className="time"
      onPointerEnter={hovered ? undefined : () => setHovered(true)}
    >
      {relativeTime(at, at > now && at < now + CLOCK_SKEW_MS ? at : now)}
    </time>
  );
  return hovered ? (
    <Tooltip
      defaultOpened
      label={exactTime(at)}
      events={{ hover: true, focus: false, touch: true }}
    >
      {element}
    </Tooltip>
  ) : (
    element
  );
}
