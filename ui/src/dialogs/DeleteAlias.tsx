import { Code } from "@mantine/core";

import { deleteAlias } from "../api/mutations";
import { deletePromptAlias } from "../api/prompts";
import type { Securable } from "../lib/securables";
import { visible } from "../lib/text";
import { ConfirmDelete } from "./ConfirmDelete";

interface Props {
  /** A model or a prompt. */
  securable: Securable;
  version: number;
  alias: string;
  onClose: () => void;
}

export function DeleteAlias({ securable, version, alias, onClose }: Props) {
  const isPrompt = securable.kind === "PROMPT";
  return (
    <ConfirmDelete
      title="Delete alias"
      message={
        <>
          Clients that load{" "}
          <Code className="anywhere">
            {isPrompt ? "prompts" : "models"}:/{visible(securable.name)}@{visible(alias)}
          </Code>{" "}
          get an error from then on. Version {version} stays.
        </>
      }
      mutationFn={() => (isPrompt ? deletePromptAlias : deleteAlias)(securable.name, alias)}
      toast={`@${visible(alias)} deleted.`}
      onClose={onClose}
    />
  );
}
