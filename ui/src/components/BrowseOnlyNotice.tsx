import { Alert } from "@mantine/core";
import { IconEye } from "@tabler/icons-react";

import type { SecurableKind } from "../lib/securables";
import { visible } from "../lib/text";

const HIDDEN: Partial<Record<SecurableKind, string>> = {
  MODEL: "Versions, aliases, tags and files need EXECUTE on the model",
  PROMPT: "Templates, aliases and tags need EXECUTE on the prompt",
  TABLE: "Columns, rows and history need SELECT on the table",
  VOLUME: "Files and tags need READ VOLUME on the volume",
  FUNCTION: "Parameters and the definition need EXECUTE on the function",
};

/** Says what BROWSE does not show of a securable in a schema. */
export function BrowseOnlyNotice({ kind, owner }: { kind: SecurableKind; owner: string }) {
  const hidden = HIDDEN[kind];
  if (!hidden) return null;
  return (
    <Alert
      variant="light"
      color="gray"
      icon={<IconEye size={20} />}
      mb="md"
      title={`You see this ${kind.toLowerCase()}'s metadata`}
    >
      BROWSE on the catalog lets you find it. {hidden}: ask {visible(owner)}.
    </Alert>
  );
}
