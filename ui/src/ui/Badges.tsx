import { ActionIcon, Badge, Tooltip } from "@mantine/core";
import { IconStar, IconStarFilled } from "@tabler/icons-react";
import { useEffect } from "react";

import { type PageRef, recordVisit, toggleFavourite, useFavourites } from "../lib/favourites";

/** Marks a page as a favourite, and records the visit. */
export function FavouriteStar({ kind, name }: PageRef) {
  const isFavourite = useFavourites().some((page) => page.kind === kind && page.name === name);
  useEffect(() => recordVisit({ kind, name }), [kind, name]);
  const label = isFavourite ? "Remove from favourites" : "Add to favourites";
  return (
    <Tooltip label={label}>
      <ActionIcon
        variant="subtle"
        color={isFavourite ? "yellow" : "gray"}
        aria-label={label}
        aria-pressed={isFavourite}
        onClick={() => toggleFavourite({ kind, name })}
      >
        {isFavourite ? <IconStarFilled size={18} /> : <IconStar size={18} />}
      </ActionIcon>
    </Tooltip>
  );
}

interface Props {
  kind: PageRef["kind"];
  info: { full_name: string; browse_only?: boolean };
}

/** The marks after a page's title: the star, and whether the reader sees metadata only. */
export function Badges({ kind, info }: Props) {
  return (
    <>
      <FavouriteStar kind={kind} name={info.full_name} />
      {info.browse_only ? <Badge variant="default">browse only</Badge> : null}
    </>
  );
}
