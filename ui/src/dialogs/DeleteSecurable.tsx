import { useNavigate } from "react-router";

import { deleteSecurable } from "../api/mutations";
import {
  pathOfSecurable,
  type Securable,
  type SecurableKind,
  securableOf,
} from "../lib/securables";
import { leafName, parentName, visible } from "../lib/text";
import { home } from "../paths";
import { kindLabel } from "../ui/kinds";
import { ConfirmDelete } from "./ConfirmDelete";

const CONTENTS: Record<SecurableKind, string> = {
  CATALOG: "everything in it: schemas, models, tables, volumes, versions and files",
  SCHEMA: "everything in it: models, prompts, tables, volumes, versions and files",
  MODEL: "all its versions, their files, aliases, tags and grants",
  PROMPT: "all its versions, aliases, tags and grants",
  TABLE: "its tags and grants. The files of an external table stay",
  VOLUME: "its tags and grants. The files of an external volume stay",
  FUNCTION: "its tags and grants",
};

/** The page of what contains a securable. */
function parentPath(name: string): string {
  const parent = parentName(name);
  if (parent === "") return home;
  return pathOfSecurable(securableOf(parent.includes(".") ? "SCHEMA" : "CATALOG", parent));
}

export function DeleteSecurable({
  securable,
  onClose,
}: {
  securable: Securable;
  onClose: () => void;
}) {
  const navigate = useNavigate();
  const { kind, name } = securable;
  return (
    <ConfirmDelete
      title={`Delete ${kindLabel(kind)}`}
      confirmText={leafName(name)}
      message={
        <>
          You cannot undo this action. It deletes <b>{visible(name)}</b> and {CONTENTS[kind]}.
        </>
      }
      mutationFn={() => deleteSecurable(kind, name, true)}
      toast={`${visible(name)} deleted.`}
      onSuccess={() => void navigate(parentPath(name), { replace: true })}
      onClose={onClose}
    />
  );
}
