"""Every tracking route that passes, with what it needs on which experiment, run, logged model or trace; no other does.

A rule names the fields that carry ids. `a.b` goes into an object, `a[]` into each element of a list. Each id is turned
into its experiment, and the caller's level on that experiment is compared with what the rule asks for.
"""

from enum import StrEnum
from typing import Literal

import msgspec

from modelkeep.store.experiments import Level


class TrackedKind(StrEnum):
    """What lies in an experiment, and the experiment itself."""

    EXPERIMENT = "experiment"
    RUN = "run"
    LOGGED_MODEL = "logged_model"
    TRACE = "trace"


class Check(msgspec.Struct, frozen=True):
    """One rule: the level needed on the experiment of what the field names."""

    kind: TrackedKind
    level: Level
    field: str
    optional: bool = False
    """The field may be absent or empty; where it is given, it is checked."""


CallHandler = Literal[
    "forward",
    "server_info",
    "ui_telemetry",
    "graphql",
    "create_experiment",
    "experiment_by_name",
    "list_experiments",
    "rename_experiment",
    "search_experiments",
    "in_visible_experiments",
    "delete_experiment",
    "restore_experiment",
    "list_permissions",
    "set_permission",
    "permission_levels",
    "access_list",
    "replace_access_list",
    "update_access_list",
    "create_run",
    "log_inputs",
    "delete_runs",
    "create_logged_model",
    "get_logged_model",
    "tag_logged_model",
    "start_trace",
    "start_trace_v2",
    "log_spans",
    "search_traces",
    "visible_traces",
    "list_artifacts",
    "credentials_for_read",
    "credentials_for_write",
    "list_logged_model_artifacts",
    "credentials_for_upload",
    "credentials_for_download",
    "trace_upload",
    "trace_download",
    "run_file",
    "logged_model_file",
    "trace_file",
    "proxied_list",
]


class TrackingRoute(msgspec.Struct, frozen=True):
    """One allowed route, under /api and /ajax-api alike: a twin never has a rule of its own."""

    method: str
    path: str
    checks: tuple[Check, ...] = ()
    handler: CallHandler = "forward"
    event: str = ""
    """For the audit log: what a success is called; '' for reads and the stream of metrics, parameters and tags."""
    repeated: tuple[str, ...] = ()
    """Query parameters that may come more than once."""


def _rule(kind: TrackedKind, field: str) -> tuple[Check, Check]:
    return Check(kind, Level.READ, field), Check(kind, Level.EDIT, field)


def _opt(check: Check) -> Check:
    return msgspec.structs.replace(check, optional=True)


READ_EXPERIMENT, EDIT_EXPERIMENT = _rule(TrackedKind.EXPERIMENT, "experiment_id")
MANAGE_EXPERIMENT = Check(TrackedKind.EXPERIMENT, Level.MANAGE, "experiment_id")
READ_RUN, EDIT_RUN = _rule(TrackedKind.RUN, "run_id")
READ_MODEL, EDIT_MODEL = _rule(TrackedKind.LOGGED_MODEL, "model_id")
READ_TRACE, EDIT_TRACE = _rule(TrackedKind.TRACE, "trace_id")
READ_TRACE_V2, EDIT_TRACE_V2 = _rule(TrackedKind.TRACE, "request_id")
_ON_MODEL = _opt(EDIT_MODEL)  # a metric that names a logged model is written to that model as well
_NAMED_MODELS = _opt(Check(TrackedKind.LOGGED_MODEL, Level.READ, "models[].model_id"))
_IN_EXPERIMENTS = Check(TrackedKind.EXPERIMENT, Level.READ, "experiment_ids[]")

_V2, _V3 = "/2.0/mlflow", "/3.0/mlflow"

ROUTES: tuple[TrackingRoute, ...] = (
    # experiments
    TrackingRoute("POST", f"{_V2}/experiments/create", (), "create_experiment", "experiment.create"),
    TrackingRoute("GET", f"{_V2}/experiments/get", (READ_EXPERIMENT,)),
    TrackingRoute("GET", f"{_V2}/experiments/get-by-name", (), "experiment_by_name"),
    TrackingRoute("GET", f"{_V2}/experiments/list", (), "list_experiments"),
    TrackingRoute("GET", f"{_V2}/experiments/search", (), "search_experiments", repeated=("order_by",)),
    TrackingRoute("POST", f"{_V2}/experiments/search", (), "search_experiments"),
    TrackingRoute("POST", f"{_V2}/experiments/update", (MANAGE_EXPERIMENT,), "rename_experiment", "experiment.rename"),
    TrackingRoute(
        "POST", f"{_V2}/experiments/delete", (MANAGE_EXPERIMENT,), "delete_experiment", event="experiment.delete"
    ),
    TrackingRoute(
        "POST", f"{_V2}/experiments/restore", (MANAGE_EXPERIMENT,), "restore_experiment", event="experiment.restore"
    ),
    TrackingRoute("POST", f"{_V2}/experiments/set-experiment-tag", (EDIT_EXPERIMENT,), event="experiment.tag"),
    TrackingRoute("POST", f"{_V2}/experiments/delete-experiment-tag", (EDIT_EXPERIMENT,), event="experiment.untag"),
    TrackingRoute("POST", f"{_V2}/experiments/search-datasets", (), "in_visible_experiments"),
    # runs
    TrackingRoute("POST", f"{_V2}/runs/create", (EDIT_EXPERIMENT,), "create_run", "run.create"),
    TrackingRoute("GET", f"{_V2}/runs/get", (READ_RUN,)),
    TrackingRoute("POST", f"{_V2}/runs/search", (), "in_visible_experiments"),
    TrackingRoute("POST", f"{_V2}/runs/update", (EDIT_RUN,)),
    TrackingRoute("POST", f"{_V2}/runs/delete", (EDIT_RUN,), event="run.delete"),
    TrackingRoute("POST", f"{_V2}/runs/restore", (EDIT_RUN,), event="run.restore"),
    TrackingRoute("POST", f"{_V2}/databricks/runs/delete-runs", (EDIT_EXPERIMENT,), "delete_runs", "run.delete"),
    TrackingRoute("POST", f"{_V2}/runs/log-metric", (EDIT_RUN, _ON_MODEL)),
    TrackingRoute("POST", f"{_V2}/runs/log-parameter", (EDIT_RUN,)),
    TrackingRoute("POST", f"{_V2}/runs/set-tag", (EDIT_RUN,)),
    TrackingRoute("POST", f"{_V2}/runs/delete-tag", (EDIT_RUN,)),
    TrackingRoute(
        "POST",
        f"{_V2}/runs/log-batch",
        (EDIT_RUN, Check(TrackedKind.LOGGED_MODEL, Level.EDIT, "metrics[].model_id", optional=True)),
    ),
    TrackingRoute("POST", f"{_V2}/runs/log-model", (EDIT_RUN,)),
    TrackingRoute("POST", f"{_V2}/runs/log-inputs", (EDIT_RUN, _NAMED_MODELS), "log_inputs"),
    TrackingRoute("POST", f"{_V2}/runs/outputs", (EDIT_RUN, _NAMED_MODELS)),
    TrackingRoute("GET", f"{_V2}/metrics/get-history", (READ_RUN,)),
    TrackingRoute(
        "GET",
        f"{_V2}/metrics/get-history-bulk",
        (Check(TrackedKind.RUN, Level.READ, "run_id[]"),),
        repeated=("run_id",),
    ),
    TrackingRoute(
        "GET",
        f"{_V2}/metrics/get-history-bulk-interval",
        (Check(TrackedKind.RUN, Level.READ, "run_ids[]"),),
        repeated=("run_ids",),
    ),
    TrackingRoute("GET", f"{_V2}/artifacts/list", (READ_RUN,), "list_artifacts"),
    TrackingRoute("POST", f"{_V2}/artifacts/credentials-for-read", (READ_RUN,), "credentials_for_read"),
    TrackingRoute("POST", f"{_V2}/artifacts/credentials-for-write", (EDIT_RUN,), "credentials_for_write"),
    # logged models
    TrackingRoute(
        "POST",
        f"{_V2}/logged-models",
        (EDIT_EXPERIMENT, Check(TrackedKind.RUN, Level.READ, "source_run_id", optional=True)),
        "create_logged_model",
        "logged_model.create",
    ),
    TrackingRoute("POST", f"{_V2}/logged-models/search", (), "in_visible_experiments"),
    TrackingRoute("GET", f"{_V2}/logged-models/{{model_id}}", (), "get_logged_model"),
    TrackingRoute("PATCH", f"{_V2}/logged-models/{{model_id}}", (EDIT_MODEL,)),
    TrackingRoute("DELETE", f"{_V2}/logged-models/{{model_id}}", (EDIT_MODEL,), event="logged_model.delete"),
    TrackingRoute("POST", f"{_V2}/logged-models/{{model_id}}/params", (EDIT_MODEL,)),
    TrackingRoute("PATCH", f"{_V2}/logged-models/{{model_id}}/tags", (), "tag_logged_model"),
    TrackingRoute("DELETE", f"{_V2}/logged-models/{{model_id}}/tags/{{tag_key}}", (EDIT_MODEL,)),
    TrackingRoute(
        "GET", f"{_V2}/logged-models/{{model_id}}/artifacts/directories", (READ_MODEL,), "list_logged_model_artifacts"
    ),
    TrackingRoute("GET", f"{_V2}/logged-models/{{model_id}}/artifacts/files", (READ_MODEL,), "logged_model_file"),
    TrackingRoute(
        "POST",
        f"{_V2}/logged-models/{{model_id}}/artifacts/credentials-for-upload",
        (EDIT_MODEL,),
        "credentials_for_upload",
    ),
    TrackingRoute(
        "POST",
        f"{_V2}/logged-models/{{model_id}}/artifacts/credentials-for-download",
        (READ_MODEL,),
        "credentials_for_download",
    ),
    # traces
    TrackingRoute(
        "POST",
        f"{_V3}/traces",
        (Check(TrackedKind.EXPERIMENT, Level.EDIT, "trace.trace_info.trace_location.mlflow_experiment.experiment_id"),),
        "start_trace",
    ),
    TrackingRoute("GET", f"{_V3}/traces/{{trace_id}}", (READ_TRACE,)),
    TrackingRoute("POST", f"{_V3}/traces/search", (), "search_traces"),
    TrackingRoute("POST", f"{_V3}/traces/batchGetInfos", (), "visible_traces"),
    TrackingRoute("POST", f"{_V3}/traces/delete-traces", (EDIT_EXPERIMENT,), event="trace.delete"),
    TrackingRoute("POST", f"{_V2}/traces/delete-traces", (EDIT_EXPERIMENT,), event="trace.delete"),
    TrackingRoute("PATCH", f"{_V3}/traces/{{trace_id}}/tags", (EDIT_TRACE,)),
    TrackingRoute("DELETE", f"{_V3}/traces/{{trace_id}}/tags", (EDIT_TRACE,)),
    TrackingRoute("PATCH", f"{_V2}/traces/{{request_id}}/tags", (EDIT_TRACE_V2,)),
    TrackingRoute("DELETE", f"{_V2}/traces/{{request_id}}/tags", (EDIT_TRACE_V2,)),
    TrackingRoute("POST", f"{_V3}/traces/{{trace_id}}/assessments", (EDIT_TRACE,)),
    TrackingRoute("GET", f"{_V3}/traces/{{trace_id}}/assessments/{{assessment_id}}", (READ_TRACE,)),
    TrackingRoute("PATCH", f"{_V3}/traces/{{trace_id}}/assessments/{{assessment_id}}", (EDIT_TRACE,)),
    TrackingRoute("DELETE", f"{_V3}/traces/{{trace_id}}/assessments/{{assessment_id}}", (EDIT_TRACE,)),
    TrackingRoute(
        "POST",
        f"{_V2}/traces/link-to-run",
        (EDIT_RUN, Check(TrackedKind.TRACE, Level.EDIT, "trace_ids[]")),
    ),
    TrackingRoute("POST", f"{_V3}/traces/metrics", (_IN_EXPERIMENTS,)),
    TrackingRoute("POST", f"{_V3}/traces/calculate-filter-correlation", (_IN_EXPERIMENTS,)),
    TrackingRoute("POST", f"{_V2}/traces", (EDIT_EXPERIMENT,), "start_trace_v2"),
    TrackingRoute("GET", f"{_V2}/traces", (), "in_visible_experiments", repeated=("experiment_ids", "order_by")),
    TrackingRoute("PATCH", f"{_V2}/traces/{{request_id}}", (EDIT_TRACE_V2,)),
    TrackingRoute("GET", f"{_V2}/traces/{{request_id}}/info", (READ_TRACE_V2,)),
    TrackingRoute("GET", f"{_V2}/traces/{{request_id}}/credentials-for-data-upload", (EDIT_TRACE_V2,), "trace_upload"),
    TrackingRoute(
        "GET", f"{_V2}/traces/{{request_id}}/credentials-for-data-download", (READ_TRACE_V2,), "trace_download"
    ),
    # what MLflow's own UI asks for beside these
    TrackingRoute("GET", f"{_V2}/get-trace-artifact", (READ_TRACE_V2,), "trace_file"),
    TrackingRoute("GET", f"{_V3}/get-trace-artifact", (READ_TRACE_V2,), "trace_file"),
    TrackingRoute("GET", f"{_V3}/server-info", (), "server_info"),
    TrackingRoute("GET", f"{_V3}/ui-telemetry", (), "ui_telemetry"),
    TrackingRoute("POST", f"{_V3}/ui-telemetry", (), "ui_telemetry"),
    # plain http clients: artifacts through the server
    TrackingRoute("GET", "/2.0/mlflow-artifacts/artifacts", (), "proxied_list"),
)

UI_ROUTES: tuple[TrackingRoute, ...] = (
    # Below /ml, where MLflow's UI lives; its /ml/ajax-api calls are the routes above.
    TrackingRoute("GET", "/get-artifact", (READ_RUN,), "run_file"),
    TrackingRoute("POST", "/graphql", (), "graphql"),
)


OTLP_TRACES_ROUTE = TrackingRoute("POST", "/v1/traces", (EDIT_EXPERIMENT, _opt(EDIT_RUN)), "log_spans")
"""At the root, where OpenTelemetry's exporters look for it; the experiment and run are in headers."""

_ACCESS = "/2.0/permissions/experiments/{experiment_id}"
OWN_ROUTES: tuple[TrackingRoute, ...] = (
    # Ours, beside MLflow's: who may do what with an experiment (given by id or by name; only who manages it may ask).
    TrackingRoute("GET", "/modelkeep/v1/experiments/permissions", (), "list_permissions"),
    TrackingRoute("PUT", "/modelkeep/v1/experiments/permissions", (), "set_permission"),
    # The same as Databricks' permissions API has it; of its kinds of objects there is this one.
    TrackingRoute("GET", _ACCESS, (MANAGE_EXPERIMENT,), "access_list"),
    TrackingRoute("PUT", _ACCESS, (MANAGE_EXPERIMENT,), "replace_access_list"),
    TrackingRoute("PATCH", _ACCESS, (MANAGE_EXPERIMENT,), "update_access_list"),
    TrackingRoute("GET", f"{_ACCESS}/permissionLevels", (READ_EXPERIMENT,), "permission_levels"),
)


class Refusal(msgspec.Struct, frozen=True):
    """Routes of MLflow's server that never pass: all below `prefix` (and, where it ends without a slash, that path itself)."""

    prefix: str
    reason: str


REFUSED: tuple[Refusal, ...] = (
    Refusal("/2.0/mlflow/registered-models", "the registry is ours"),
    Refusal("/2.0/mlflow/model-versions", "the registry is ours"),
    Refusal("/model-versions/get-artifact", "the registry is ours"),
    Refusal("/2.0/mlflow/webhooks", "the registry is ours"),
    Refusal("/3.0/mlflow/workspaces", "MLflow's own tenancy; a workspace is an address here"),
    Refusal("/3.0/mlflow/gateway", "the AI gateway is off"),
    Refusal("/2.0/mlflow/gateway-proxy", "the AI gateway is off"),
    Refusal("/gateway", "the AI gateway is off"),
    Refusal("/3.0/mlflow/jobs", "job execution is off: it runs code"),
    Refusal("/3.0/jobs", "job execution is off: it runs code"),
    Refusal("/3.0/mlflow/prompt-optimization", "job execution is off: it runs code"),
    Refusal("/3.0/mlflow/genai", "job execution is off: it runs code"),
    Refusal("/3.0/mlflow/scorer/invoke", "job execution is off: it runs code"),
    Refusal("/3.0/mlflow/scorers", "scorers carry code that the server would run"),
    Refusal("/3.0/mlflow/assistant", "the assistant is off: it runs commands"),
    Refusal("/3.0/mlflow/demo", "writes sample data past every rule"),
    Refusal("/3.0/mlflow/issues", "not offered to databricks clients"),
    Refusal("/3.0/mlflow/label-schemas", "not offered to databricks clients"),
    Refusal("/3.0/mlflow/review-queues", "not offered to databricks clients"),
    Refusal("/3.0/mlflow/datasets", "evaluation datasets are not offered"),
    Refusal("/3.0/mlflow/mcp-servers", "not offered to databricks clients"),
    Refusal("/2.0/mlflow/traces/link-prompts", "prompts are not offered"),
    Refusal("/3.0/mlflow/traces/get", "spans are artifacts, never rows of the child"),
    Refusal("/3.0/mlflow/traces/batchGet", "spans are artifacts, never rows of the child"),
    Refusal("/v1", "traces by OTLP are taken at /v1/traces alone (workspace/otlp.py)"),
    Refusal("/2.0/mlflow/unified-traces", "MLflow itself does not implement it"),
    Refusal("/2.0/mlflow/get-online-trace-details", "MLflow itself does not implement it"),
    Refusal("/2.0mlflow/experiments/search-datasets", "MLflow itself does not implement it"),
    Refusal("/2.0/mlflow/runs/create-promptlab-run", "writes artifacts past our handlers"),
    Refusal("/2.0/mlflow/upload-artifact", "writes artifacts past our handlers"),
    Refusal("/2.0/mlflow/artifacts/presigned-download-url", "would hand out the child's own storage"),
    Refusal("/2.0/mlflow/artifacts/presigned-upload-url", "would hand out the child's own storage"),
    Refusal("/2.0/mlflow-artifacts/mpu", "our own (api/files/mlflow_artifacts.py)"),
    Refusal("/2.0/mlflow-artifacts/artifacts/", "our own, too"),
    Refusal("/2.0/mlflow-artifacts/presigned", "would hand out the child's own storage"),
    Refusal("/health", "our own"),
    Refusal("/version", "our own"),
    Refusal("/static-files", "the UI's files are served from the package, below /ml"),
    Refusal("/build", "the UI's files are served from the package, below /ml"),
    Refusal("/", "the UI's page is served from the package, below /ml"),
)


def refusal(path: str) -> Refusal | None:
    """Why a path of MLflow's server (without /api or /ajax-api) is refused; None where no entry names it."""
    for entry in REFUSED:
        if path == entry.prefix or (entry.prefix != "/" and path.startswith(entry.prefix.removesuffix("/") + "/")):
            return entry
    return None
