import { useState } from "react";

import { GroupMembers } from "../../dialogs/GroupMembers";
import { Principals } from "./Principals";

export default function Groups() {
  const [openGroup, setOpenGroup] = useState<string | null>(null);
  return (
    <>
      <Principals
        kind="groups"
        noun="group"
        hint="A team, or a role that several people have."
        command="modelkeep groups create data-scientists"
        about="Groups have grants and own models, so that their members share the work. A group may contain groups."
        rowAction={{ label: "Members", onClick: setOpenGroup }}
      />
      {openGroup ? <GroupMembers group={openGroup} onClose={() => setOpenGroup(null)} /> : null}
    </>
  );
}
