import { Text } from "@mantine/core";
import { useState } from "react";
import { useNavigate } from "react-router";

import { copyVersion } from "../api/mutations";
import { DialogDenial } from "../components/AccessDenied";
import { ModelPicker } from "../components/ModelPicker";
import { securableOf } from "../lib/securables";
import { parentName, visible } from "../lib/text";
import { useMutationWithToast } from "../lib/useMutationWithToast";
import { versionPath } from "../paths";
import { MutationDialog } from "../ui/Dialog";

interface Props {
  model: string;
  version: number;
  onClose: () => void;
}

/** Copies a version within the registry. Both share the files, so the size does not matter. */
export function CopyVersion({ model, version, onClose }: Props) {
  const [destination, setDestination] = useState("");
  const [isNew, setIsNew] = useState(false);
  const navigate = useNavigate();
  const mutation = useMutationWithToast(
    () => copyVersion(model, version, destination),
    (copy) => `Copied to ${copy.full_name}, version ${copy.version}.`,
    (copy) => {
      onClose();
      void navigate(versionPath(copy.full_name, copy.version));
    },
  );
  const denied = isNew
    ? { securable: securableOf("SCHEMA", parentName(destination)), operation: "create_model" }
    : {
        securable: securableOf("MODEL", destination),
        operation: "copy_version",
        field: "destination",
      };
  return (
    <MutationDialog
      title="Copy model version"
      submit="Copy"
      onClose={onClose}
      mutation={mutation}
      disabled={!destination}
      denial={<DialogDenial error={mutation.error} {...denied} />}
    >
      <Text size="sm">
        Version {version} of <b>{visible(model)}</b> becomes a new version of the destination, with
        its files, description and tags. Aliases stay where they are.
      </Text>
      <ModelPicker
        label="Destination model"
        value={destination}
        onChange={(name, isNewModel) => {
          setDestination(name);
          setIsNew(isNewModel);
        }}
      />
    </MutationDialog>
  );
}
