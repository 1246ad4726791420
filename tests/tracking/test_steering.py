"""Keys that steer the tracking server never reach it, on whatever route and in whatever field they come."""

import json
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from mlflow.protos import databricks_pb2, service_pb2
from tracking.tracking_site import Site

from modelkeep.domain.errors import InvalidArgument
from modelkeep.tracking.calls import read
from modelkeep.tracking.reserved_keys import is_reserved, neutralize
from modelkeep.tracking.route_rules import ROUTES, TrackingRoute

ALICE, BOB = "alice@x.io", "bob@x.io"
V2, V3 = "/api/2.0/mlflow", "/api/3.0/mlflow"
STEERING = (
    "mlflow.trace.spansLocation",
    "mlflow.trace.archiveLocation",
    "mlflow.trace.archivalFailure",
    "mlflow.trace.archivalRetention",
    "mlflow.trace.archiveNow",
    "mlflow.artifactLocation",
    "mlflow.auth.userId",
    "mlflow.auth.username",
    "mlflow.gateway.caller",
    "mlflow.experiment.isGateway",
    "modelkeep.creator",
    "modelkeep.anything",
)
KEYS = (*STEERING, "mlflow.user")
LOOK_ALIKES = (
    "MLFLOW.TRACE.SPANSLOCATION",
    "Mlflow.Trace.ArchiveLocation",
    "mlflow.artifactlocation",
    " mlflow.artifactLocation",
    "mlflow.artifactLocation\n",
    "\uff4dlflow.artifactLocation",
    "mlflow\uff0euser",
    "ModelKeep.creator",
    "mlflow.User",
)
HARMLESS = (
    "mine",
    "mlflow.runName",
    "mlflow.source.name",
    "mlflow.trace.session",
    "mlflow.trace.sizeStats",
    "mlflow.trace.tokenUsage",
    "mlflow.trace.sourceScorer",
    "mlflow.traceName",
    "mlflow.modelVersions",
    "mlflow.sourceRun",
    "location",
    "my.location",
)

# Every field of every route that can carry a key: what MLflow's messages define and this table names must agree.
CARRIERS: dict[str, tuple[str, ...]] = {
    "POST /2.0/mlflow/experiments/create": ("tags[]",),
    "POST /2.0/mlflow/experiments/set-experiment-tag": ("key",),
    "POST /2.0/mlflow/experiments/delete-experiment-tag": ("key",),
    "POST /2.0/mlflow/runs/create": ("tags[]",),
    "POST /2.0/mlflow/runs/log-metric": ("key",),
    "POST /2.0/mlflow/runs/log-parameter": ("key",),
    "POST /2.0/mlflow/runs/set-tag": ("key",),
    "POST /2.0/mlflow/runs/delete-tag": ("key",),
    "POST /2.0/mlflow/runs/log-batch": ("metrics[]", "params[]", "tags[]"),
    "POST /2.0/mlflow/runs/log-inputs": ("datasets[].tags[]",),
    "POST /2.0/mlflow/logged-models": ("params[]", "tags[]"),
    "POST /2.0/mlflow/logged-models/{model_id}/params": ("params[]",),
    "PATCH /2.0/mlflow/logged-models/{model_id}/tags": ("tags[]",),
    "DELETE /2.0/mlflow/logged-models/{model_id}/tags/{tag_key}": ("tag_key",),
    "POST /3.0/mlflow/traces": (
        "trace.trace_info.trace_metadata{}",
        "trace.trace_info.assessments[].metadata{}",
        "trace.trace_info.tags{}",
        "trace.spans[].attributes[]",
        "trace.spans[].events[].attributes[]",
        "trace.spans[].links[].attributes[]",
    ),
    "PATCH /3.0/mlflow/traces/{trace_id}/tags": ("key",),
    "DELETE /3.0/mlflow/traces/{trace_id}/tags": ("key",),
    "PATCH /2.0/mlflow/traces/{request_id}/tags": ("key",),
    "DELETE /2.0/mlflow/traces/{request_id}/tags": ("key",),
    "POST /3.0/mlflow/traces/{trace_id}/assessments": ("assessment.metadata{}",),
    "PATCH /3.0/mlflow/traces/{trace_id}/assessments/{assessment_id}": ("assessment.metadata{}",),
    "POST /2.0/mlflow/traces": ("request_metadata[]", "tags[]"),
    "PATCH /2.0/mlflow/traces/{request_id}": ("request_metadata[]", "tags[]"),
}
# Routes that MLflow defines without a message of its services: their handlers read nothing with keys.
WITHOUT_MESSAGE = {
    "POST /2.0/mlflow/experiments/search-datasets",
    "GET /2.0/mlflow/experiments/list",
    "POST /2.0/mlflow/databricks/runs/delete-runs",
    "GET /2.0/mlflow/metrics/get-history-bulk",
    "POST /2.0/mlflow/artifacts/credentials-for-read",
    "POST /2.0/mlflow/artifacts/credentials-for-write",
    "GET /2.0/mlflow/logged-models/{model_id}/artifacts/files",
    "POST /2.0/mlflow/logged-models/{model_id}/artifacts/credentials-for-upload",
    "POST /2.0/mlflow/logged-models/{model_id}/artifacts/credentials-for-download",
    "GET /2.0/mlflow/traces/{request_id}/credentials-for-data-upload",
    "GET /2.0/mlflow/traces/{request_id}/credentials-for-data-download",
    "GET /2.0/mlflow/get-trace-artifact",
    "GET /3.0/mlflow/get-trace-artifact",
    "GET /3.0/mlflow/server-info",
    "GET /3.0/mlflow/ui-telemetry",
    "POST /3.0/mlflow/ui-telemetry",
    "GET /2.0/mlflow-artifacts/artifacts",
}
BY_NAME = {f"{route.method} {route.path}": route for route in ROUTES}
SINGLE = {name for name, fields in CARRIERS.items() if fields[0] in ("key", "tag_key")}
EXPLICIT = (SINGLE - {"POST /2.0/mlflow/runs/log-metric"}) | {"PATCH /2.0/mlflow/logged-models/{model_id}/tags"}
DROPPING = sorted(set(CARRIERS) - EXPLICIT - SINGLE)


def fields_with_keys(message: Any, above: tuple[str, ...] = ()) -> Iterator[str]:
    """The fields of a protobuf message that carry caller-chosen keys, as paths."""
    for field in message.fields:
        inner = field.message_type
        if inner is None:
            if not above and field.name in ("key", "tag_key"):
                yield field.name
            continue
        if inner.full_name in above or inner.full_name.startswith("google.protobuf"):
            continue
        if inner.GetOptions().map_entry:
            yield field.name + "{}"
            continue
        name = field.name + ("[]" if field.is_repeated else "")
        if name.endswith("[]") and "key" in {f.name for f in inner.fields}:
            yield name
        for path in fields_with_keys(inner, (*above, message.full_name)):
            yield f"{name}.{path}"


def messages() -> dict[tuple[str, str], Any]:
    by_path: dict[tuple[str, str], Any] = {}
    for service in service_pb2.DESCRIPTOR.services_by_name.values():
        for method in service.methods:
            for endpoint in method.GetOptions().Extensions[databricks_pb2.rpc].endpoints:
                by_path[endpoint.method, shape(f"/{endpoint.since.major}.0{endpoint.path}")] = method.input_type
    return by_path


def shape(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "{}", path)


def test_the_table_names_every_field_that_carries_keys() -> None:
    known = messages()
    by_route = {name: known.get((route.method, shape(route.path))) for name, route in BY_NAME.items()}
    assert {name for name, message in by_route.items() if message is None} == WITHOUT_MESSAGE
    fields = {name: tuple(fields_with_keys(message)) for name, message in by_route.items() if message is not None}
    assert {name: paths for name, paths in fields.items() if paths} == CARRIERS


def nest(path: str, keys: tuple[str, ...]) -> dict[str, Any]:
    """A body with these keys in the field that the path names."""
    head, _, rest = path.partition(".")
    name, many, free = head.rstrip("[]{}"), head.endswith("[]"), head.endswith("{}")
    if rest:
        inner: Any = nest(rest, keys)
        return {name: [inner] if many else inner}
    if free:
        return {name: dict.fromkeys(keys, "v")}
    return {name: [{"key": key, "value": "v"} for key in keys] if many else keys[0]}


def send(route: TrackingRoute, params: dict[str, str], body: bytes) -> dict[str, Any]:
    """What goes on to the child."""
    call = read(route, params, b"", "application/json", body)
    neutralize(route, call.fields, BOB)
    return json.loads(call.body())


def params_of(route: TrackingRoute) -> dict[str, str]:
    return dict.fromkeys(re.findall(r"\{([^}]*)\}", route.path), "x")


def keys_in(value: Any) -> Iterator[tuple[str, Any]]:
    """Every (key, value) anywhere in a body."""
    if isinstance(value, dict):
        if isinstance(value.get("key"), str):
            yield value["key"], value.get("value")
        for key, item in value.items():
            yield key, item
            yield from keys_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from keys_in(item)


def left(body: Any) -> set[str]:
    """Reserved keys in a body, the caller's own name as author aside."""
    return {key for key, item in keys_in(body) if is_reserved(key) and (key, item) != ("mlflow.user", BOB)}


ESCAPED = {key: "".join(f"\\u{ord(c):04x}" for c in key) for key in STEERING}


@pytest.mark.parametrize("name", DROPPING)
def test_what_clients_send_by_themselves_is_dropped(name: str) -> None:
    route = BY_NAME[name]
    for path in CARRIERS[name]:
        sent = nest(path, (*KEYS, *LOOK_ALIKES, *HARMLESS))
        passed = send(route, params_of(route), json.dumps(sent).encode())
        assert left(passed) == set(), path
        assert set(HARMLESS) <= {key for key, _ in keys_in(passed)}, path
        text = json.dumps(nest(path, STEERING))
        for key, escaped in ESCAPED.items():
            text = text.replace(json.dumps(key), f'"{escaped}"')
        assert "\\u" in text
        assert left(send(route, params_of(route), text.encode())) == set(), path
        twice = nest(path, (STEERING[0], "a", STEERING[0], "b", STEERING[0]))
        assert left(send(route, params_of(route), json.dumps(twice).encode())) == set(), path


@pytest.mark.parametrize("name", sorted(EXPLICIT))
def test_what_a_caller_names_itself_is_refused(name: str) -> None:
    route = BY_NAME[name]
    for key in (*KEYS, *LOOK_ALIKES):
        params = params_of(route) | ({"tag_key": key} if "{tag_key}" in route.path else {})
        bodies = [{}] if "{tag_key}" in route.path else [nest(CARRIERS[name][0], (key,))]
        if CARRIERS[name] == ("tags[]",):
            bodies += [nest("tags[]", ("mine", key)), nest("tags{}", ("mine", key))]
        for body in bodies:
            with pytest.raises(InvalidArgument, match="The server sets"):
                send(route, params, json.dumps(body).encode())
    for key in HARMLESS:
        params = params_of(route) | ({"tag_key": key} if "{tag_key}" in route.path else {})
        send(
            route, params, b"{}" if "{tag_key}" in route.path else json.dumps(nest(CARRIERS[name][0], (key,))).encode()
        )


def test_a_persons_own_json_is_left_alone() -> None:
    route = BY_NAME["POST /3.0/mlflow/traces/{trace_id}/assessments"]
    value = {"feedback": {"value": {"mlflow.user": "x", "rows": [{"key": "mlflow.user", "value": 1}]}}}
    passed = send(route, {"trace_id": "x"}, json.dumps({"assessment": value}).encode())
    assert passed["assessment"] == value


# --- the running server ----------------------------------------------------------------------------------------------


def start(http: httpx.Client) -> tuple[str, str]:
    """An experiment of the caller, and a trace in it."""
    experiment = http.post(f"{V2}/experiments/create", json={"name": uuid.uuid4().hex}).json()["experiment_id"]
    body = {"experiment_id": experiment, "timestamp_ms": 1, "request_metadata": [], "tags": []}
    return experiment, http.post(f"{V2}/traces", json=body).json()["trace_info"]["request_id"]


def victim(folder: Path) -> Path:
    folder.mkdir()
    for name in ("a", "traces.pb"):
        (folder / name).write_text("precious")
    return folder


@pytest.mark.parametrize("address", ["file://{}", "file:%66ile://{}%23", "{}", "file:{}", "file://localhost{}"])
def test_deleting_a_trace_deletes_no_files(site: Site, tmp_path: Path, address: str) -> None:
    folder = victim(tmp_path / "victim")
    steer = [
        {"key": "mlflow.trace.spansLocation", "value": "ARCHIVE_REPO"},
        {"key": "mlflow.trace.archiveLocation", "value": address.format(folder)},
    ]
    with site.client(BOB) as http:
        experiment, trace = start(http)
        end = {"timestamp_ms": 2, "status": "OK", "request_metadata": [], "tags": steer}
        assert http.patch(f"{V2}/traces/{trace}", json=end).status_code == 200
        for tag in steer:
            for path in (f"{V2}/traces/{trace}/tags", f"{V3}/traces/{trace}/tags"):
                assert http.patch(path, json=tag).status_code == 400
        gone = http.post(f"{V3}/traces/delete-traces", json={"experiment_id": experiment, "request_ids": [trace]})
        assert gone.json() == {"traces_deleted": 1}
    assert sorted(p.name for p in folder.iterdir()) == ["a", "traces.pb"]


def test_nobody_signs_with_another_name(site: Site) -> None:
    claim = {"key": "mlflow.user", "value": "admin"}
    with site.client(BOB) as http:
        experiment, _ = start(http)
        run = http.post(f"{V2}/runs/create", json={"experiment_id": experiment, "user_id": "admin", "tags": [claim]})
        run_id = run.json()["run"]["info"]["run_id"]
        assert http.post(f"{V2}/runs/log-batch", json={"run_id": run_id, "tags": [claim]}).status_code == 200
        for path in ("set-tag", "delete-tag"):
            answer = http.post(f"{V2}/runs/{path}", json={"run_id": run_id} | claim)
            assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
            assert "mlflow.user" in answer.json()["message"]
        run = http.get(f"{V2}/runs/get", params={"run_id": run_id}).json()["run"]
        assert run["info"]["user_id"] == BOB
        assert [tag for tag in run["data"]["tags"] if tag["key"] == "mlflow.user"] == [claim | {"value": BOB}]
        body = {"experiment_id": experiment, "name": "m", "tags": [claim]}
        model = http.post(f"{V2}/logged-models", json=body).json()["model"]["info"]
        assert {"key": "mlflow.user", "value": BOB} in model["tags"]
        info: dict[str, Any] = {
            "trace_id": f"tr-{uuid.uuid4().hex}",
            "request_time": "2026-01-01T00:00:00Z",
            "state": "OK",
            "trace_location": {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment}},
            "trace_metadata": {"mlflow.user": "admin", "mlflow.trace.session": "s"},
            "tags": {"mlflow.user": "admin"},
        }
        sent = http.post(f"{V3}/traces", json={"trace": {"trace_info": info}}).json()["trace"]["trace_info"]
        assert sent["trace_metadata"]["mlflow.user"] == sent["tags"]["mlflow.user"] == BOB
        assert sent["trace_metadata"]["mlflow.trace.session"] == "s"
        end = {"timestamp_ms": 2, "status": "OK", "request_metadata": [claim], "tags": [claim]}
        assert http.patch(f"{V2}/traces/{info['trace_id']}", json=end).status_code == 200
        after = http.get(f"{V3}/traces/{info['trace_id']}").json()["trace"]["trace_info"]
        assert after["trace_metadata"]["mlflow.user"] == after["tags"]["mlflow.user"] == BOB
