import { Select } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { type BindingType, changeBinding, READ_ONLY, READ_WRITE } from "../api/mutations";
import { workspaces } from "../api/workspaces";
import { visible } from "../lib/text";
import { useMutationWithToast } from "../lib/useMutationWithToast";
import { MutationDialog } from "../ui/Dialog";

const ACCESS = [
  { value: READ_WRITE, label: "Read and write" },
  { value: READ_ONLY, label: "Read only" },
];

export function BindWorkspace({ catalog, onClose }: { catalog: string; onClose: () => void }) {
  const { data } = useQuery(workspaces);
  const [workspace, setWorkspace] = useState<string | null>(null);
  const [type, setType] = useState<string>(READ_WRITE);
  const mutation = useMutationWithToast(
    () => changeBinding(catalog, Number(workspace), type as BindingType),
    "Bound.",
    onClose,
  );
  return (
    <MutationDialog
      title={`Bind ${visible(catalog)} to a workspace`}
      submit="Bind"
      onClose={onClose}
      mutation={mutation}
      disabled={!workspace}
    >
      <Select
        label="Workspace"
        searchable
        required
        openOnFocus={false}
        data-autofocus
        data={(data ?? []).map(({ id, name }) => ({ value: id, label: name }))}
        value={workspace}
        onChange={setWorkspace}
        nothingFoundMessage="You may enter no workspace of this name"
      />
      <Select
        label="Access"
        data={ACCESS}
        value={type}
        onChange={(value) => setType(value ?? READ_WRITE)}
        allowDeselect={false}
      />
    </MutationDialog>
  );
}
