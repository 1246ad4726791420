import { IconArrowsExchange, IconPencil, IconTrash } from "@tabler/icons-react";
import { useState } from "react";

import { DeleteThing, Rename, type Thing, Transfer } from "../forms/change";
import { Kebab } from "../ui/Kebab";
import { kindLabel } from "../ui/kinds";

/** Rename, transfer, delete: the same for everything that has a name. */
export function ThingMenu({ thing, owner, copy }: { thing: Thing; owner: string; copy?: { label: string; icon: React.ReactNode; onClick: () => void } }) {
  const [dialog, setDialog] = useState<"rename" | "transfer" | "delete" | null>(null);
  const close = () => setDialog(null);
  return (
    <>
      <Kebab
        label={`More actions on this ${kindLabel(thing.kind)}`}
        items={[
          { label: "Rename", icon: <IconPencil size={16} />, onClick: () => setDialog("rename") },
          ...(copy ? [copy] : []),
          { label: "Transfer ownership", icon: <IconArrowsExchange size={16} />, onClick: () => setDialog("transfer") },
          { label: "Delete", icon: <IconTrash size={16} />, danger: true, onClick: () => setDialog("delete") },
        ]}
      />
      {dialog === "rename" ? <Rename thing={thing} onClose={close} /> : null}
      {dialog === "transfer" ? <Transfer thing={thing} owner={owner} onClose={close} /> : null}
      {dialog === "delete" ? <DeleteThing thing={thing} onClose={close} /> : null}
    </>
  );
}
