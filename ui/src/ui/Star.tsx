import { ActionIcon, Badge, Tooltip } from "@mantine/core";
import { IconStar, IconStarFilled } from "@tabler/icons-react";
import { useEffect } from "react";

import { type Kept, toggleFavourite, useFavourites, visited } from "./kept";

/** Marks a page as a favourite; a page that has one is also a recent one. */
export function Star({ kind, name }: Kept) {
  const kept = useFavourites().some((one) => one.kind === kind && one.name === name);
  useEffect(() => visited({ kind, name }), [kind, name]);
  const label = kept ? "Remove from favourites" : "Add to favourites";
  return (
    <Tooltip label={label}>
      <ActionIcon
        variant="subtle"
        color={kept ? "yellow" : "gray"}
        aria-label={label}
        aria-pressed={kept}
        onClick={() => toggleFavourite({ kind, name })}
      >
        {kept ? <IconStarFilled size={18} /> : <IconStar size={18} />}
      </ActionIcon>
    </Tooltip>
  );
}

/** What stands behind a page's title: the star, and that only metadata is seen. */
export function Marks({
  kind,
  of,
}: {
  kind: Kept["kind"];
  of: { full_name: string; browse_only?: boolean };
}) {
  return (
    <>
      <Star kind={kind} name={of.full_name} />
      {of.browse_only ? <Badge variant="default">browse only</Badge> : null}
    </>
  );
}
