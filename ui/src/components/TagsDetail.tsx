import { useState } from "react";

import type { Tag } from "../api/mutations";
import { EditTags } from "../dialogs/EditTags";
import type { Securable } from "../lib/securables";
import { TagList } from "../ui/Tags";
import { Detail } from "./Details";

interface Props {
  securable: Securable;
  /** Of a model or prompt, where the tags are a version's. */
  version?: number;
  tags: Tag[];
  denialReason: string | undefined;
}

/** The tags, and the way to edit them. */
export function TagsDetail({ securable, version, tags, denialReason }: Props) {
  const [editing, setEditing] = useState(false);
  return (
    <Detail
      term="Tags"
      edit={denialReason ? undefined : () => setEditing(true)}
      editLabel="Edit tags"
    >
      <TagList tags={tags} emptyText="None" />
      {editing ? (
        <EditTags
          securable={securable}
          version={version}
          tags={tags}
          onClose={() => setEditing(false)}
        />
      ) : null}
    </Detail>
  );
}
