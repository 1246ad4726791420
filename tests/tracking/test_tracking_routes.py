"""The route table against the routing tables and messages of the pinned MLflow: nothing passes by accident."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modelkeep.tracking.calls import FREE, FREE_WHEN_OBJECT, UI
from modelkeep.tracking.route_rules import OWN_ROUTES, REFUSED, ROUTES, UI_ROUTES, TrackingRoute, refusal

# Fields that look like ids or places and need no rule, and why.
HARMLESS = {
    "traces/{trace_id}/assessments": {
        "assessment.assessment_id": "made by the child",
        "assessment.overrides": "same trace",
    },
    "experiments/create": {"artifact_location": "checked by its act"},
    "runs/create": {"user_id": "replaced by the caller's name"},
    "runs/log-metric": {"dataset_name": "", "run_id": ""},
    "runs/log-batch": {"metrics.run_id": "the child takes the run of the batch"},
    "traces/delete-traces": {"request_ids": "the child looks only inside the experiment"},
    "traces/batchGetInfos": {"trace_ids": "filtered by its act", "experiment_ids": "narrows further"},
}
FILTERED = {
    "create_experiment",
    "search_experiments",
    "in_visible_experiments",
    "search_traces",
    "visible_traces",
    "get_logged_model",
    "tag_logged_model",
    "start_trace",
}


def mlflow_routes() -> Iterator[tuple[str, str]]:
    """(method, path) of everything that MLflow's server answers."""
    from mlflow.server import app as flask
    from mlflow.server.fastapi_app import app as fastapi

    for rule in flask.url_map.iter_rules():
        for method in rule.methods - {"HEAD", "OPTIONS"}:
            yield method, re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
    for included in fastapi.routes:
        router = getattr(included, "original_router", None)
        if router is None:
            assert included.path == "", "a mount that nobody looked at"  # Flask, walked above
            continue
        for route in router.routes:
            for method in route.methods:
                yield method, included.include_context.prefix + re.sub(r":\w+}", "}", route.path)


def bare(path: str) -> str:
    return re.sub(r"^/(ajax-)?api(?=/)", "", path)


def concrete(path: str) -> str:
    return re.sub(r"\{\w+\}", "x", path)


def test_every_route_of_mlflow_is_allowed_by_the_table_or_refused_by_name() -> None:
    values = set(mlflow_routes())
    assert len(values) > 300
    unknown = sorted(
        (method, path)
        for method, path in values
        if UI.find(method, concrete(bare(path))) is None and refusal(concrete(bare(path))) is None
    )
    # GraphQL by GET is the one method of an allowed path that is not taken.
    assert unknown == [("GET", "/graphql")]


def test_every_allowed_route_exists_in_mlflow_or_is_ours() -> None:
    known = {(method, concrete(bare(path))) for method, path in mlflow_routes()}
    ours = {
        ("POST", "/2.0/mlflow/artifacts/credentials-for-read"),
        ("POST", "/2.0/mlflow/artifacts/credentials-for-write"),
        ("POST", "/2.0/mlflow/logged-models/x/artifacts/credentials-for-upload"),
        ("POST", "/2.0/mlflow/logged-models/x/artifacts/credentials-for-download"),
        ("GET", "/2.0/mlflow/traces/x/credentials-for-data-upload"),
        ("GET", "/2.0/mlflow/traces/x/credentials-for-data-download"),
        # Databricks' own, of databricks-sdk.
        ("GET", "/2.0/mlflow/experiments/list"),
        ("POST", "/2.0/mlflow/databricks/runs/delete-runs"),
    }
    table = {(route.method, concrete(route.path.replace("...}", "}"))) for route in (*ROUTES, *UI_ROUTES)}
    assert table - known == ours
    assert len(table) == len(ROUTES) + len(UI_ROUTES)


def test_no_allowed_route_is_also_refused() -> None:
    for route in ROUTES:
        assert refusal(concrete(route.path)) is None, route.path


def test_refusals_have_reasons_and_still_refuse_something() -> None:
    paths = {concrete(bare(path)) for _, path in mlflow_routes()}
    for entry in REFUSED:
        assert entry.reason
        assert any(refusal(path) is entry for path in paths), entry.prefix


def test_everything_that_writes_has_a_rule() -> None:
    for route in (*ROUTES, *OWN_ROUTES):
        if route.method != "GET" and not route.checks:
            assert route.handler in FILTERED | {"ui_telemetry", "set_permission"}, route.path


def messages() -> dict[tuple[str, str], Any]:
    """The request message of each route of MLflow's tracking service."""
    from mlflow.protos import databricks_pb2
    from mlflow.protos.service_pb2 import MlflowService

    result: dict[tuple[str, str], Any] = {}
    for method in MlflowService.DESCRIPTOR.methods:
        for endpoint in method.GetOptions().Extensions[databricks_pb2.rpc].endpoints:
            path = endpoint.path.replace("{assessment.trace_id}", "{trace_id}")
            result[endpoint.method, f"/{endpoint.since.major}.0{path}"] = method.input_type
    return result


def fields(message: Any, prefix: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    for field in message.fields:
        yield prefix + field.name, field
        nested = field.message_type
        if nested and not nested.GetOptions().map_entry and not nested.full_name.startswith("google.") and depth < 5:
            yield from fields(nested, f"{prefix}{field.name}.", depth + 1)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_every_id_in_a_message_is_checked(route: TrackingRoute) -> None:
    message = messages().get((route.method, route.path))
    if message is None or route.handler in FILTERED:
        return
    short = route.path.split("/mlflow/")[1]
    checked = {check.field.replace("[]", "") for check in route.checks} | set(HARMLESS.get(short, {}))
    looks = re.compile(r"(^|_)(ids?|uuid|location|locations|uri|path)$")
    ids = {name for name, _ in fields(message) if looks.search(name.rpartition(".")[2])}
    ids -= {"run_uuid"}  # read as run_id
    ids -= {name for name in ids if name.startswith("assessment.") or name.endswith("assessment_id")}  # of that trace
    if route.handler in ("list_artifacts", "list_logged_model_artifacts"):
        ids -= {"path", "artifact_directory_path"}
    if short.startswith("traces") and route.method == "POST" and route.handler == "start_trace_v2":
        ids -= {"request_metadata"}
    assert ids <= checked, route


def test_maps_and_free_json_are_known_and_nothing_else_is_free() -> None:
    expected = messages()
    for route in ROUTES:
        message = expected.get((route.method, route.path))
        if message is None:
            continue
        for name, field in fields(message):
            nested = field.message_type
            free = nested and (
                nested.GetOptions().map_entry or nested.full_name in ("google.protobuf.Value", "google.protobuf.Struct")
            )
            last = name.rpartition(".")[2]
            if name.startswith("trace.spans"):
                continue  # never forwarded
            if free:
                assert last in FREE | FREE_WHEN_OBJECT, (route.path, name)
            elif last in FREE:
                assert nested is None, (route.path, name)


def test_the_frames_questions_about_parts_that_are_off_are_answered() -> None:
    from modelkeep.tracking.mlflow_ui import (
        _ABSENT,  # pyright: ignore[reportPrivateUsage]
        Ui,
    )

    ui = Ui()
    build = Path(ui._folder or "") / "static" / "js"  # pyright: ignore[reportPrivateUsage]
    scripts = b"".join(path.read_bytes() for path in build.glob("*.js"))
    for path in _ABSENT:
        answer = ui.answer("GET", path)
        assert answer is not None and answer.status == 200, path
        assert ui.answer("POST", path) is None, "only the question is answered"
        assert path.rpartition("/")[2].encode() in scripts, "MLflow's pages ask for it no more"
        assert refusal(bare(path.removeprefix("/ml"))) is not None or "users" in path, "the API itself stays closed"
    page, style = ui.answer("GET", "/ml/"), ui.answer("GET", "/ml/static-files/modelkeep.css")
    assert page is not None and isinstance(page.body, bytes) and b"static-files/modelkeep.css" in page.body
    assert style is not None and b"data-assistant-ui" in scripts
