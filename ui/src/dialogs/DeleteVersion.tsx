import { useNavigate } from "react-router";

import { deleteVersion } from "../api/mutations";
import { deletePromptVersion } from "../api/prompts";
import { pathOfSecurable, type Securable } from "../lib/securables";
import { visible } from "../lib/text";
import { ConfirmDelete } from "./ConfirmDelete";

interface Props {
  /** A model or a prompt. */
  securable: Securable;
  version: number;
  aliases: string[];
  onClose: () => void;
}

export function DeleteVersion({ securable, version, aliases, onClose }: Props) {
  const navigate = useNavigate();
  const isPrompt = securable.kind === "PROMPT";
  return (
    <ConfirmDelete
      title={isPrompt ? "Delete prompt version" : "Delete model version"}
      confirmText={String(version)}
      message={
        <>
          You cannot undo this action. It deletes version {version} of{" "}
          <b>{visible(securable.name)}</b>
          {isPrompt
            ? ", and its number is never used again."
            : " and its files, unless a copy refers to them."}
          {aliases.length > 0 ? (
            <>
              {" "}
              It also deletes its aliases: {aliases.map((alias) => `@${visible(alias)}`).join(", ")}
              .
            </>
          ) : null}
        </>
      }
      mutationFn={() => (isPrompt ? deletePromptVersion : deleteVersion)(securable.name, version)}
      toast={`Version ${version} deleted.`}
      onSuccess={() => void navigate(pathOfSecurable(securable), { replace: true })}
      onClose={onClose}
    />
  );
}
