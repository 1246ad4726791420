import { ActionIcon, Tooltip } from "@mantine/core";
import { IconPencil } from "@tabler/icons-react";
import { type ReactNode } from "react";

import { visible } from "../lib/text";
import { TimeAgo } from "../ui/TimeAgo";

/** The facts about a securable or version, in a column beside its page. */
export function DetailsPanel({ label, children }: { label: string; children: ReactNode }) {
  return (
    <aside aria-label={label}>
      <dl className="details">{children}</dl>
    </aside>
  );
}

export function Detail({
  term,
  edit,
  editLabel,
  children,
}: {
  term: string;
  edit?: (() => void) | undefined;
  editLabel?: string;
  children: ReactNode;
}) {
  return (
    <div>
      <dt>
        {term}
        {edit ? (
          <Tooltip label={editLabel}>
            <ActionIcon
              variant="subtle"
              color="gray"
              size="sm"
              aria-label={editLabel}
              onClick={edit}
            >
              <IconPencil size={15} />
            </ActionIcon>
          </Tooltip>
        ) : null}
      </dt>
      <dd>{children}</dd>
    </div>
  );
}

interface Dates {
  created_at: number;
  created_by: string;
  updated_at: number;
  updated_by: string;
}

/** Who created and last changed it, and when. */
export function CreatedAndChanged({ dates }: { dates: Dates }) {
  return (
    <>
      <Detail term="Created">
        <TimeAgo at={dates.created_at} /> by {visible(dates.created_by)}
      </Detail>
      <Detail term="Changed">
        <TimeAgo at={dates.updated_at} /> by {visible(dates.updated_by)}
      </Detail>
    </>
  );
}
