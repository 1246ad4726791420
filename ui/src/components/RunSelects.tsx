import { Select } from "@mantine/core";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { experiments, type Run, runs } from "../api/mlflow";
import { exactTime } from "../lib/text";
import { ErrorAlert } from "../ui/ErrorAlert";

function runLabel({ info }: Run): string {
  const name = info.run_name ?? info.run_id;
  return info.start_time ? `${name} · ${exactTime(info.start_time)}` : name;
}

interface Props {
  runId: string | null;
  setRunId: (runId: string | null) => void;
}

/** Chooses an experiment, then one of its runs. */
export function RunSelects({ runId, setRunId }: Props) {
  const [experiment, setExperiment] = useState<string | null>(null);
  const allExperiments = useQuery(experiments);
  const runPages = useInfiniteQuery({ ...runs(experiment ?? ""), enabled: Boolean(experiment) });
  const allRuns = (runPages.data?.pages ?? []).flatMap((page) => page.runs ?? []);
  const error = allExperiments.error ?? runPages.error;
  return (
    <>
      <Select
        label="Experiment"
        searchable
        openOnFocus={false}
        required
        data={(allExperiments.data ?? []).map(({ experiment_id, name }) => ({
          value: experiment_id,
          label: name,
        }))}
        value={experiment}
        onChange={(value) => {
          setExperiment(value);
          setRunId(null);
        }}
        nothingFoundMessage="No experiments"
        placeholder={allExperiments.isPending ? "Loading" : "Choose an experiment"}
        data-autofocus
      />
      <Select
        label="Run"
        searchable
        required
        disabled={!experiment}
        data={allRuns.map((run) => ({ value: run.info.run_id, label: runLabel(run) }))}
        value={runId}
        onChange={setRunId}
        nothingFoundMessage="No runs"
        placeholder={runPages.isFetching ? "Loading" : "Choose a run"}
      />
      {error ? <ErrorAlert error={error} /> : null}
    </>
  );
}
