import { IconArrowsExchange, IconPencil, IconTrash } from "@tabler/icons-react";
import { type ReactNode, useState } from "react";

import { useDenialReason } from "../api/permissions";
import { DeleteSecurable } from "../dialogs/DeleteSecurable";
import { RenameSecurable } from "../dialogs/RenameSecurable";
import { TransferOwnership } from "../dialogs/TransferOwnership";
import { DELETE_OPERATION, RENAME_OPERATION, type Securable } from "../lib/securables";
import { KebabMenu } from "../ui/KebabMenu";
import { kindLabel } from "../ui/kinds";

/** The menu that renames, transfers and deletes a securable. */
export function SecurableMenu({
  securable,
  owner,
  copy,
}: {
  securable: Securable;
  owner: string;
  copy?: { label: string; icon: ReactNode; onClick: () => void };
}) {
  const [dialog, setDialog] = useState<"rename" | "transfer" | "delete" | null>(null);
  const close = () => setDialog(null);
  const denialReason = useDenialReason(securable.type, securable.name);
  const renameOperation = RENAME_OPERATION[securable.kind];
  return (
    <>
      <KebabMenu
        label={`More actions on this ${kindLabel(securable.kind)}`}
        items={[
          ...(renameOperation
            ? [
                {
                  label: "Rename",
                  denialReason: denialReason(renameOperation),
                  icon: <IconPencil size={16} />,
                  onClick: () => setDialog("rename" as const),
                },
              ]
            : []),
          ...(copy ? [copy] : []),
          {
            label: "Transfer ownership",
            denialReason: denialReason("transfer_ownership"),
            icon: <IconArrowsExchange size={16} />,
            onClick: () => setDialog("transfer"),
          },
          {
            label: "Delete",
            denialReason: denialReason(DELETE_OPERATION[securable.kind]),
            icon: <IconTrash size={16} />,
            danger: true,
            onClick: () => setDialog("delete"),
          },
        ]}
      />
      {dialog === "rename" ? <RenameSecurable securable={securable} onClose={close} /> : null}
      {dialog === "transfer" ? (
        <TransferOwnership securable={securable} owner={owner} onClose={close} />
      ) : null}
      {dialog === "delete" ? <DeleteSecurable securable={securable} onClose={close} /> : null}
    </>
  );
}
