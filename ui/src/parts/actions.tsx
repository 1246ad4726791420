import { IconArrowsExchange, IconPencil, IconTrash } from "@tabler/icons-react";
import { useState } from "react";

import { useRefused } from "../api/can";
import { DeleteThing, Rename, type Thing, Transfer } from "../forms/change";
import { Kebab } from "../ui/Kebab";
import { kindLabel } from "../ui/kinds";

const TYPES = {
  CATALOG: "catalog",
  SCHEMA: "schema",
  MODEL: "function",
  PROMPT: "prompt",
} as const;
const RENAMES = {
  CATALOG: "rename_catalog",
  SCHEMA: "rename_schema",
  MODEL: "rename_model",
} as const;
const DELETES = {
  CATALOG: "delete_container",
  SCHEMA: "delete_container",
  MODEL: "delete_model",
  PROMPT: "delete_prompt",
} as const;

/** Rename, transfer, delete: the same for everything that has a name. */
export function ThingMenu({
  thing,
  owner,
  copy,
}: {
  thing: Thing;
  owner: string;
  copy?: { label: string; icon: React.ReactNode; onClick: () => void };
}) {
  const [dialog, setDialog] = useState<"rename" | "transfer" | "delete" | null>(null);
  const close = () => setDialog(null);
  const refused = useRefused(TYPES[thing.kind], thing.name);
  return (
    <>
      <Kebab
        label={`More actions on this ${kindLabel(thing.kind)}`}
        items={[
          ...(thing.kind === "PROMPT"
            ? []
            : [
                {
                  label: "Rename",
                  refused: refused(RENAMES[thing.kind]),
                  icon: <IconPencil size={16} />,
                  onClick: () => setDialog("rename"),
                },
              ]),
          ...(copy ? [copy] : []),
          {
            label: "Transfer ownership",
            refused: refused("transfer_ownership"),
            icon: <IconArrowsExchange size={16} />,
            onClick: () => setDialog("transfer"),
          },
          {
            label: "Delete",
            refused: refused(DELETES[thing.kind]),
            icon: <IconTrash size={16} />,
            danger: true,
            onClick: () => setDialog("delete"),
          },
        ]}
      />
      {dialog === "rename" ? <Rename thing={thing} onClose={close} /> : null}
      {dialog === "transfer" ? <Transfer thing={thing} owner={owner} onClose={close} /> : null}
      {dialog === "delete" ? <DeleteThing thing={thing} onClose={close} /> : null}
    </>
  );
}
