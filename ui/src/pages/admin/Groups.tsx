import { useState } from "react";

import { Members } from "../../dialogs/GroupMembers";
import { Principals } from "./Principals";

export default function Groups() {
  const [open, setOpen] = useState<string | null>(null);
  return (
    <>
      <Principals
        kind="groups"
        noun="group"
        hint="A team, or a role that several people have."
        command="modelkeep groups create data-scientists"
        about="Groups hold grants and own models, so that the work is shared. They may contain groups."
        rowAction={{ label: "Members", onClick: setOpen }}
      />
      {open ? <Members group={open} onClose={() => setOpen(null)} /> : null}
    </>
  );
}
