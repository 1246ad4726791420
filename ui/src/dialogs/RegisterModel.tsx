import { Loader, Radio, Select, Stack, Text, Textarea } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";

import { run, runModels } from "../api/mlflow";
import { createModel, registerVersion } from "../api/mutations";
import { DialogDenial } from "../components/AccessDenied";
import { ModelPicker } from "../components/ModelPicker";
import { RunSelects } from "../components/RunSelects";
import { useDraft } from "../lib/drafts";
import { securableOf } from "../lib/securables";
import { leafName, parentName, visible } from "../lib/text";
import { useMutationWithToast } from "../lib/useMutationWithToast";
import { MutationDialog } from "../ui/Dialog";
import { RegistrationProgress } from "./RegistrationProgress";

interface Props {
  onClose: () => void;
  /** The run to register from, where the reader has chosen it already. */
  runId?: string;
  destination?: string;
}

/** Registers a run's model as a version, and shows how the server copies its files. */
export function RegisterModel({ onClose, runId, destination: initialDestination = "" }: Props) {
  const [chosenRun, setChosenRun] = useState<string | null>(runId ?? null);
  const [label, setLabel] = useState<string | null>(null);
  const [destination, setDestination] = useState(initialDestination);
  const [isNew, setIsNew] = useState(false);
  const {
    text: description,
    setText: setDescription,
    discard,
  } = useDraft(`registration of ${runId ?? initialDestination}`, "");
  const [created, setCreated] = useState("");
  const [registered, setRegistered] = useState<{ model: string; version: string } | null>(null);
  const givenRun = useQuery({ ...run(runId ?? ""), enabled: Boolean(runId) });
  const models = useQuery(runModels(chosenRun ?? ""));
  useEffect(() => setLabel(models.data?.[0]?.label ?? null), [models.data]);
  const source = models.data?.find((candidate) => candidate.label === label)?.source;
  const mutation = useMutationWithToast(
    async () => {
      if (!source) throw new Error("This run has logged no model.");
      if (isNew && created !== destination)
        await createModel(parentName(destination), leafName(destination), "");
      setCreated(destination); // so that another attempt does not create the model again
      const { version } = await registerVersion(destination, chosenRun ?? "", source, description);
      discard();
      return { model: destination, version: String(version) };
    },
    undefined,
    setRegistered,
  );
  const denied = isNew
    ? { securable: securableOf("SCHEMA", parentName(destination)), operation: "create_model" }
    : { securable: securableOf("MODEL", destination), operation: "create_version" };
  if (registered) return <RegistrationProgress {...registered} onClose={onClose} />;
  return (
    <MutationDialog
      title="Register model"
      submit="Register"
      onClose={onClose}
      onCancel={discard}
      mutation={mutation}
      error={mutation.error ?? models.error}
      disabled={!destination || !source}
      size="lg"
      denial={<DialogDenial error={mutation.error} {...denied} />}
    >
      {runId ? (
        <Text size="sm">
          From run <b>{visible(givenRun.data?.info.run_name ?? runId)}</b>
        </Text>
      ) : (
        <RunSelects runId={chosenRun} setRunId={setChosenRun} />
      )}
      <Select
        label="Model of the run"
        required
        disabled={!chosenRun}
        data={(models.data ?? []).map((m) => m.label)}
        value={label}
        onChange={setLabel}
        nothingFoundMessage="This run has logged no model"
        rightSection={models.isFetching ? <Loader size={14} /> : undefined}
        placeholder={models.data?.length === 0 ? "This run has logged no model" : ""}
      />
      <Radio.Group label="Registry" value="uc">
        <Stack mt={6}>
          <Radio
            value="uc"
            label="Unity Catalog"
            description="The model needs a signature of inputs and outputs."
            readOnly
          />
        </Stack>
      </Radio.Group>
      <ModelPicker
        label="Destination model"
        value={destination}
        onChange={(name, isNewModel) => {
          setDestination(name);
          setIsNew(isNewModel);
        }}
      />
      <Textarea
        label="Description of the version"
        value={description}
        onChange={(e) => setDescription(e.currentTarget.value)}
        autosize
        minRows={2}
      />
    </MutationDialog>
  );
}
