/** Calls of MLflow's tracking API. MLflow describes them, not the OpenAPI document. */

import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";

import { fetchOk } from "./client";
import type { RunSource } from "./mutations";
import { allPages } from "./pages";

export interface Experiment {
  experiment_id: string;
  name: string;
}

export interface Run {
  info: {
    run_id: string;
    run_name?: string;
    status?: string;
    start_time?: number;
    experiment_id: string;
    user_id?: string;
  };
  data?: { tags?: { key: string; value: string }[]; metrics?: { key: string; value: number }[] };
  outputs?: { model_outputs?: { model_id: string }[] };
}

/** A model of a run, and the source that a registration names for it. */
export interface RunModel {
  label: string;
  source: RunSource;
}

const BASE = "/ajax-api/2.0/mlflow";

async function callMlflow<T>(path: string, body?: unknown): Promise<T> {
  const init: RequestInit =
    body === undefined
      ? {}
      : {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify(body),
        };
  return (await fetchOk(`${BASE}/${path}`, init)).json() as Promise<T>;
}

export const experiments = queryOptions({
  queryKey: ["experiments"],
  queryFn: async () =>
    (
      await allPages((page_token) =>
        callMlflow<{ experiments?: Experiment[]; next_page_token?: string }>("experiments/search", {
          max_results: 1000,
          page_token,
        }),
      )
    ).flatMap((page) => page.experiments ?? []),
});

export const runs = (experiment_id: string) =>
  infiniteQueryOptions({
    queryKey: ["runs", experiment_id],
    queryFn: ({ pageParam }) =>
      callMlflow<{ runs?: Run[]; next_page_token?: string }>("runs/search", {
        experiment_ids: [experiment_id],
        max_results: 100,
        page_token: pageParam || undefined,
        order_by: ["attributes.start_time DESC"],
      }),
    initialPageParam: "",
    getNextPageParam: (page) => page.next_page_token || undefined,
    enabled: experiment_id !== "",
  });

export const run = (run_id: string) =>
  queryOptions({
    queryKey: ["run", run_id],
    queryFn: async () =>
      (await callMlflow<{ run: Run }>(`runs/get?run_id=${encodeURIComponent(run_id)}`)).run,
    enabled: run_id !== "",
  });

/** Finds a run by a search, or null if the caller may not read it. A direct request would be refused and recorded. */
export const visibleRun = (experiment_id: string, run_id: string) =>
  queryOptions({
    queryKey: ["visible run", experiment_id, run_id],
    queryFn: async () => {
      const body = {
        experiment_ids: [experiment_id],
        filter: `attributes.run_id = '${run_id.replaceAll("'", "")}'`,
        max_results: 1,
        run_view_type: "ALL",
      };
      return (await callMlflow<{ runs?: Run[] }>("runs/search", body)).runs?.[0] ?? null;
    },
    enabled: experiment_id !== "" && run_id !== "",
    staleTime: 60_000,
  });

export const experiment = (experiment_id: string) =>
  queryOptions({
    queryKey: ["experiment", experiment_id],
    queryFn: async () =>
      (
        await callMlflow<{ experiment: Experiment }>(
          `experiments/get?experiment_id=${encodeURIComponent(experiment_id)}`,
        )
      ).experiment,
    enabled: experiment_id !== "",
    staleTime: 60_000,
  });

/** The models of a run: logged models (MLflow 3), and the directories of `log_model` in MLflow 2. */
export const runModels = (run_id: string) =>
  queryOptions({
    queryKey: ["run models", run_id],
    queryFn: async (): Promise<RunModel[]> => {
      const mlflowRun = (
        await callMlflow<{ run: Run }>(`runs/get?run_id=${encodeURIComponent(run_id)}`)
      ).run;
      const logged = await Promise.all(
        (mlflowRun.outputs?.model_outputs ?? []).map((output) => loggedModel(output.model_id)),
      );
      return [...logged, ...(await directories(mlflowRun))];
    },
    enabled: run_id !== "",
  });

async function loggedModel(id: string): Promise<RunModel> {
  const { model } = await callMlflow<{ model: { info: { name?: string } } }>(
    `logged-models/${encodeURIComponent(id)}`,
  );
  return { label: model.info.name ?? id, source: { model_id: id } };
}

async function directories(mlflowRun: Run): Promise<RunModel[]> {
  const id = mlflowRun.info.run_id;
  const { files } = await callMlflow<{ files?: { path: string; is_dir: boolean }[] }>(
    `artifacts/list?run_id=${encodeURIComponent(id)}`,
  );
  const paths = await Promise.all(
    (files ?? [])
      .filter((file) => file.is_dir)
      .map(async ({ path }) => {
        const page = await callMlflow<{ files?: { path: string }[] }>(
          `artifacts/list?run_id=${encodeURIComponent(id)}&path=${encodeURIComponent(path)}`,
        );
        return page.files?.some((file) => file.path === `${path}/MLmodel`) ? path : null;
      }),
  );
  return paths.filter((path) => path !== null).map((path) => ({ label: path, source: { path } }));
}

/** Where a run, logged model or trace is in MLflow. */
export interface MlflowEntity {
  experiment: string;
  /** '' for an entity without a name. */
  name: string;
}

/** Finds the experiment of what uses a prompt. `kind` is run, logged_model or trace. */
export const mlflowEntity = (kind: string, id: string) =>
  queryOptions({
    queryKey: ["mlflow entity", kind, id],
    queryFn: () => findEntity(kind, id),
    staleTime: Number.POSITIVE_INFINITY,
  });

async function findEntity(kind: string, id: string): Promise<MlflowEntity | null> {
  const segment = encodeURIComponent(id);
  if (kind === "run") {
    const { run: mlflowRun } = await callMlflow<{ run: Run }>(`runs/get?run_id=${segment}`);
    return { experiment: mlflowRun.info.experiment_id, name: mlflowRun.info.run_name ?? "" };
  }
  if (kind === "logged_model") {
    const { model } = await callMlflow<{ model: LoggedModel }>(`logged-models/${segment}`);
    return { experiment: model.info.experiment_id, name: model.info.name ?? "" };
  }
  if (kind !== "trace") return null;
  const response = await fetchOk(`/ajax-api/3.0/mlflow/traces/${segment}`);
  const { trace } = (await response.json()) as { trace: Trace };
  const experimentId = trace.trace_info.trace_location?.mlflow_experiment?.experiment_id;
  return experimentId ? { experiment: experimentId, name: "" } : null;
}

interface LoggedModel {
  info: { name?: string; experiment_id: string };
}

interface Trace {
  trace_info: { trace_location?: { mlflow_experiment?: { experiment_id?: string } } };
}
