import { Loader, Progress, Radio, Select, Stack, Text, Textarea } from "@mantine/core";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { useNavigate } from "react-router";

import { createModel, registerVersion } from "../api/acts";
import { experiments, type Run, run, runModels, runs } from "../api/mlflow";
import { version as versionQuery } from "../api/queries";
import { versionPath } from "../paths";
import { Refusal } from "../parts/AskAccess";
import { useAct } from "../ui/Act";
import { Dialog } from "../ui/Dialog";
import { useDraft } from "../ui/draft";
import { Failure } from "../ui/Failure";
import { exactTime, lastPart, parent, visible } from "../ui/text";
import { ModelPicker } from "./ModelPicker";

interface Props {
  onClose: () => void;
  /** A run that is chosen already. */
  runId?: string;
  destination?: string;
}

const runLabel = (one: Run) =>
  `${one.info.run_name ?? one.info.run_id}${one.info.start_time ? ` · ${exactTime(one.info.start_time)}` : ""}`;

/** From a run to a version: the server brings the files in, and this dialog waits with whoever started it. */
export function RegisterModel({ onClose, runId, destination: given = "" }: Props) {
  const [experiment, setExperiment] = useState<string | null>(null);
  const [chosen, setChosen] = useState<string | null>(runId ?? null);
  const [label, setLabel] = useState<string | null>(null);
  const [destination, setDestination] = useState(given);
  const [isNew, setIsNew] = useState(false);
  const {
    text: description,
    setText: setDescription,
    drop,
  } = useDraft(`registration of ${runId ?? given}`, "");
  const [created, setCreated] = useState("");
  const [made, setMade] = useState<{ model: string; version: string } | null>(null);
  const everything = useQuery({ ...experiments, enabled: !runId });
  const listed = useInfiniteQuery({ ...runs(experiment ?? ""), enabled: Boolean(experiment) });
  const known = useQuery({ ...run(runId ?? ""), enabled: Boolean(runId) });
  const models = useQuery(runModels(chosen ?? ""));
  useEffect(() => setLabel(models.data?.[0]?.label ?? null), [models.data]);
  const source = models.data?.find((one) => one.label === label)?.source;
  const act = useAct(
    async () => {
      if (!source) throw new Error("This run has logged no model.");
      if (isNew && created !== destination)
        await createModel(parent(destination), lastPart(destination), "");
      setCreated(destination); // a second try after a refused registration does not make it again
      const { version } = await registerVersion(destination, chosen ?? "", source, description);
      drop();
      return { model: destination, version: String(version) };
    },
    undefined,
    setMade,
  );
  const schema = parent(destination);
  const refusal = (
    <Refusal
      error={act.error}
      {...(isNew
        ? { on: { type: "schema", kind: "SCHEMA", name: schema }, operation: "create_model" }
        : {
            on: { type: "function", kind: "MODEL", name: destination },
            operation: "create_version",
          })}
    />
  );
  if (made) return <Progressing {...made} onClose={onClose} />;
  return (
    <Dialog
      title="Register model"
      submit="Register"
      onClose={onClose}
      onCancel={drop}
      onSubmit={() => act.mutate()}
      busy={act.isPending}
      error={act.error ?? everything.error ?? models.error}
      disabled={!destination || !source}
      size="lg"
      refusal={refusal}
    >
      {runId ? (
        <Text size="sm">
          From run <b>{visible(known.data?.info.run_name ?? runId)}</b>
        </Text>
      ) : (
        <>
          <Select
            label="Experiment"
            searchable
            openOnFocus={false}
            required
            data={(everything.data ?? []).map((e) => ({ value: e.experiment_id, label: e.name }))}
            value={experiment}
            onChange={(value) => {
              setExperiment(value);
              setChosen(null);
            }}
            nothingFoundMessage="No experiments"
            placeholder={everything.isPending ? "Loading" : "Choose an experiment"}
            data-autofocus
          />
          <Select
            label="Run"
            searchable
            required
            disabled={!experiment}
            data={(listed.data?.pages ?? [])
              .flatMap((page) => page.runs ?? [])
              .map((r) => ({ value: r.info.run_id, label: runLabel(r) }))}
            value={chosen}
            onChange={setChosen}
            nothingFoundMessage="No runs"
            placeholder={listed.isFetching ? "Loading" : "Choose a run"}
          />
        </>
      )}
      <Select
        label="Model of the run"
        required
        disabled={!chosen}
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
        onChange={(name, fresh) => {
          setDestination(name);
          setIsNew(fresh);
        }}
      />
      <Textarea
        label="Description of the version"
        value={description}
        onChange={(e) => setDescription(e.currentTarget.value)}
        autosize
        minRows={2}
      />
    </Dialog>
  );
}

function Progressing({
  model,
  version,
  onClose,
}: {
  model: string;
  version: string;
  onClose: () => void;
}) {
  const { data, error } = useQuery(versionQuery(model.toLowerCase(), version));
  const navigate = useNavigate();
  const status = data?.status ?? "PENDING_REGISTRATION";
  const waiting = status === "PENDING_REGISTRATION";
  return (
    <Dialog
      title="Register model"
      submit="Open the version"
      cancel="Close"
      busy={false}
      error={null}
      onClose={onClose}
      onSubmit={() => {
        onClose();
        void navigate(versionPath(model.toLowerCase(), version));
      }}
    >
      <Text role="status" size="sm">
        {waiting
          ? `The server brings the run's files into version ${version} of ${visible(model)}. You may close this: it goes on by itself.`
          : status === "READY"
            ? `Version ${version} of ${visible(model)} is ready.`
            : `Version ${version} of ${visible(model)} could not be registered.`}
      </Text>
      <Progress
        value={100}
        animated={waiting}
        striped={waiting}
        color={waiting ? undefined : status === "READY" ? "teal" : "red"}
        aria-label="Registration"
      />
      {data?.status_message && status === "FAILED_REGISTRATION" ? (
        <Failure error={new Error(data.status_message)} />
      ) : null}
      {error ? <Failure error={error} /> : null}
    </Dialog>
  );
}
