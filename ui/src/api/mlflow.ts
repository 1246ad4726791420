/** The few calls of MLflow's own tracking API that the dialogs need; MLflow describes them, not our document. */

import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";

import type { RunSource } from "./acts";
import { fetched } from "./client";
import { allPages } from "./queries";

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

/** One model that a run made, and what a registration names as its source. */
export interface RunModel {
  label: string;
  source: RunSource;
}

const BASE = "/ajax-api/2.0/mlflow";

async function asked<T>(path: string, body?: unknown): Promise<T> {
  const init: RequestInit =
    body === undefined
      ? {}
      : {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify(body),
        };
  return (await fetched(`${BASE}/${path}`, init)).json() as Promise<T>;
}

export const experiments = queryOptions({
  queryKey: ["experiments"],
  queryFn: async () =>
    (
      await allPages((page_token) =>
        asked<{ experiments?: Experiment[]; next_page_token?: string }>("experiments/search", {
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
      asked<{ runs?: Run[]; next_page_token?: string }>("runs/search", {
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
      (await asked<{ run: Run }>(`runs/get?run_id=${encodeURIComponent(run_id)}`)).run,
    enabled: run_id !== "",
  });

/** A run by a search, which finds nothing where the caller may not read it: to ask for the run itself would be refused and recorded. */
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
      return (await asked<{ runs?: Run[] }>("runs/search", body)).runs?.[0] ?? null;
    },
    enabled: experiment_id !== "" && run_id !== "",
    staleTime: 60_000,
  });

export const experiment = (experiment_id: string) =>
  queryOptions({
    queryKey: ["experiment", experiment_id],
    queryFn: async () =>
      (
        await asked<{ experiment: Experiment }>(
          `experiments/get?experiment_id=${encodeURIComponent(experiment_id)}`,
        )
      ).experiment,
    enabled: experiment_id !== "",
    staleTime: 60_000,
  });

/** The models of a run: logged models (MLflow 3), and directories that `log_model` of MLflow 2 wrote. */
export const runModels = (run_id: string) =>
  queryOptions({
    queryKey: ["run models", run_id],
    queryFn: async (): Promise<RunModel[]> => {
      const found = (await asked<{ run: Run }>(`runs/get?run_id=${encodeURIComponent(run_id)}`))
        .run;
      const logged = await Promise.all(
        (found.outputs?.model_outputs ?? []).map((output) => loggedModel(output.model_id)),
      );
      return [...logged, ...(await directories(found))];
    },
    enabled: run_id !== "",
  });

async function loggedModel(id: string): Promise<RunModel> {
  const { model } = await asked<{ model: { info: { name?: string } } }>(
    `logged-models/${encodeURIComponent(id)}`,
  );
  return { label: model.info.name ?? id, source: { model_id: id } };
}

async function directories(found: Run): Promise<RunModel[]> {
  const id = found.info.run_id;
  const { files } = await asked<{ files?: { path: string; is_dir: boolean }[] }>(
    `artifacts/list?run_id=${encodeURIComponent(id)}`,
  );
  const inside = await Promise.all(
    (files ?? [])
      .filter((file) => file.is_dir)
      .map(async ({ path }) => {
        const listed = await asked<{ files?: { path: string }[] }>(
          `artifacts/list?run_id=${encodeURIComponent(id)}&path=${encodeURIComponent(path)}`,
        );
        return listed.files?.some((file) => file.path === `${path}/MLmodel`) ? path : null;
      }),
  );
  return inside.filter((path) => path !== null).map((path) => ({ label: path, source: { path } }));
}
