"""What changes in the child's answers before they leave: locations, dataset sources of runs, our own tags, errors."""

import json
from typing import Any, cast

import msgspec

from modelkeep.domain.errors import InvalidArgument, Unavailable
from modelkeep.http.messages import Response
from modelkeep.store.experiments import DatasetInput, InputSource, RunInput
from modelkeep.tracking.child import ChildAnswer
from modelkeep.tracking.locations import ClientLocations

Json = dict[str, Any]
Sources = dict[RunInput, InputSource]

OWN_TAG = "modelkeep."
"""Tag keys that begin so are ours: never taken from a client, never shown."""
DELETED_NAME_TAG = "modelkeep.deletedName"
"""The name that an experiment had before it was deleted."""
DELETED_PREFIX = ".deleted/"
"""Names of deleted experiments in MLflow's server begin so (workspace/deleted_experiments.py); no client sees or chooses one."""
ARTIFACT_TAG = "mlflow.artifactLocation"
SPANS_TAG = "mlflow.trace.spansLocation"
"""Where MLflow's server has the spans: clients would ask it for rows, and each trace has its file."""
CONTEXT_TAG = "mlflow.data.context"
_NONSENSE = "The tracking server could not make sense of this request. Check its values."
_BUSY = (
    "The tracking server cannot do this now. Try again in a moment; operators: see tracking/tracking.log in the data "
    "directory."
)
_INTERNALS = (
    "[SQL:",
    "[parameters:",
    "sqlalche.me",
    "sqlalchemy.",
    "sqlite3.",
    "psycopg.",
    "Traceback (most recent call last)",
    "site-packages",
)
_RETRIED = frozenset({405, 408, 413, 415, 422, 500, 502, 504})  # clients repeat these for minutes


def decode(answer: ChildAnswer) -> Json:
    """The child's answer as JSON."""
    return msgspec.json.decode(answer.body) if answer.body else {}


def respond(document: Json) -> Response:
    return Response(200, msgspec.json.encode(document), [(b"content-type", b"application/json")])


def refusal(answer: ChildAnswer) -> Response:
    """An error of the child as ours: JSON always, never a status that clients repeat for minutes, never its internals."""
    try:
        body = msgspec.json.decode(answer.body, type=Json)
    except msgspec.MsgspecError:
        body = {}
    code, message = str(body.get("error_code", "")), str(body.get("message", ""))
    if answer.status == 503:
        code, message = Unavailable.code, _BUSY
    elif answer.status == 404 and not code:
        code, message = "ENDPOINT_NOT_FOUND", "The tracking server has no such endpoint."
    elif not code or answer.status >= 500 or tells_internals(message):
        code, message = InvalidArgument.code, _NONSENSE
    status = 400 if answer.status in _RETRIED else answer.status
    fields = {"error_code": code, "message": message}
    return Response(status, msgspec.json.encode(fields), [(b"content-type", b"application/json")])


def tells_internals(text: str) -> bool:
    """Does a message of the child carry SQL, a traceback, or the words of its database driver?"""
    return any(mark in text for mark in _INTERNALS)


def graphql(answer: ChildAnswer) -> Response:
    """An answer to a GraphQL query, its errors without the child's internals and our own tags left out."""
    body = answer.body
    if b'"errors"' in body or OWN_TAG.encode() in body or DELETED_PREFIX.encode() in body:
        body = json.dumps(_clean_graphql(json.loads(body)), separators=(",", ":")).encode()
    return Response(200, body, [(b"content-type", b"application/json")])


def _clean_graphql(value: Any) -> Any:
    if isinstance(value, list):
        return [_clean_graphql(item) for item in cast(list[Any], value) if not _is_own(item)]
    if isinstance(value, dict):
        document = cast(Json, value)
        if str(document.get("name", "")).startswith(DELETED_PREFIX):
            document = document | {"name": name_before_deletion(document)}
        return {key: _clean_graphql(item) for key, item in document.items()}
    return _NONSENSE if isinstance(value, str) and tells_internals(value) else value


def _is_own(item: Any) -> bool:
    return isinstance(item, dict) and str(cast(Json, item).get("key", "")).startswith(OWN_TAG)


def runs_of(document: Json) -> list[Json]:
    """Every run of an answer."""
    return [document["run"]] if "run" in document else document.get("runs", [])


def run_ids_with_inputs(document: Json) -> list[str]:
    return [run["info"]["run_id"] for run in runs_of(document) if run.get("inputs", {}).get("dataset_inputs")]


def show(document: Json, locations: ClientLocations, sources: Sources | None = None) -> Json:
    """Rewrite, in place, the experiments, runs, logged models and traces of an answer."""
    for experiment in _all(document, "experiment", "experiments"):
        _show_experiment(experiment, locations)
    for run in runs_of(document):
        _show_run_info(run["info"], locations)
        _hide_own(run.get("data", {}))
        _show_inputs(run, sources or {})
    if "run_info" in document:
        _show_run_info(document["run_info"], locations)
    for model in _all(document, "model", "models"):
        info = model["info"]
        _hide_own(info)
        info["artifact_uri"] = locations.logged_model(
            info.get("artifact_uri", ""), info["experiment_id"], info["model_id"]
        )
    for trace in _all(document, "trace", "traces", "trace_infos"):
        _show_trace(trace.get("trace_info", trace), locations)
    if "trace_info" in document:
        _show_trace(document["trace_info"], locations)
    return document


def _all(document: Json, single: str, *many: str) -> list[Json]:
    items = [document[single]] if single in document else []
    return items + [item for name in many for item in document.get(name, [])]


def _show_experiment(experiment: Json, locations: ClientLocations) -> None:
    stored = experiment.get("artifact_location", "")
    experiment["artifact_location"] = locations.experiment(stored, experiment["experiment_id"])
    if str(experiment.get("name", "")).startswith(DELETED_PREFIX):
        experiment["name"] = name_before_deletion(experiment)
    _hide_own(experiment)


def name_before_deletion(experiment: Json) -> str:
    """Of an experiment that was moved away from its name."""
    tags: list[Json] = experiment.get("tags") or []
    names = [tag["value"] for tag in tags if tag.get("key") == DELETED_NAME_TAG]
    return names[0] if names else experiment["name"].removeprefix(DELETED_PREFIX).partition("/")[2]


def _show_run_info(info: Json, locations: ClientLocations) -> None:
    info["artifact_uri"] = locations.run(info.get("artifact_uri", ""), info["experiment_id"], info["run_id"])


def _show_inputs(run: Json, sources: Sources) -> None:
    for item in run.get("inputs", {}).get("dataset_inputs", []):
        dataset = item["dataset"]
        own = sources.get(RunInput(run["info"]["run_id"], dataset["name"], dataset["digest"]))
        if own:
            dataset["source_type"], dataset["source"] = own.type, own.source


def _hide_own(owner: Json) -> None:
    """Tags of ours that older versions let in."""
    tags = owner.get("tags")
    if isinstance(tags, list):
        owner["tags"] = [tag for tag in cast(list[Json], tags) if not _is_own(tag)]
    elif isinstance(tags, dict):
        owner["tags"] = {key: value for key, value in cast(Json, tags).items() if not key.startswith(OWN_TAG)}


def _show_trace(info: Json, locations: ClientLocations) -> None:
    _hide_own(info)
    trace_id = info.get("trace_id") or info["request_id"]
    if "trace_location" not in info:  # v2: tags are a list
        info["tags"] = [tag for tag in cast(list[Json], info.get("tags", [])) if tag["key"] != SPANS_TAG]
        for tag in info["tags"]:
            if tag["key"] == ARTIFACT_TAG:
                tag["value"] = locations.trace(tag["value"], info["experiment_id"], trace_id)
        return
    tags = cast(Json, info.setdefault("tags", {}))
    tags.pop(SPANS_TAG, None)
    place = info["trace_location"]["mlflow_experiment"]["experiment_id"]
    tags[ARTIFACT_TAG] = locations.trace(tags.get(ARTIFACT_TAG, ""), place, trace_id)


def dataset_inputs(items: list[Json]) -> list[DatasetInput]:
    """MLflow's dataset inputs (of a request or of a run) as ours."""
    inputs: list[DatasetInput] = []
    for item in items:
        dataset: Json = item.get("dataset") or {}
        listed: list[Json] = item.get("tags") or []
        tags = {tag.get("key"): tag.get("value") for tag in listed}
        names = [str(dataset.get(name) or "") for name in ("name", "digest", "source_type", "source")]
        inputs.append(DatasetInput(*names, context=str(tags.get(CONTEXT_TAG) or "")))
    return inputs
