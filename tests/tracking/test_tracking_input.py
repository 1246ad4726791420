"""Malformed and ambiguous calls: one clear 4xx in JSON, nothing done, nothing that clients repeat for minutes."""

import gzip
import json
import uuid
from typing import Any

import httpx
import pytest
from tracking.tracking_site import Site

from modelkeep.domain.errors import InvalidArgument
from modelkeep.tracking import calls
from modelkeep.tracking.route_rules import ROUTES, TrackingRoute

ALICE, BOB = "alice@x.io", "bob@x.io"
V2, V3 = "/api/2.0/mlflow", "/api/3.0/mlflow"
OPEN = {
    "search_experiments",
    "in_visible_experiments",
    "visible_traces",
    "ui_telemetry",
    "server_info",
}


def post(
    http: httpx.Client, path: str, body: bytes | str, kind: str = "application/json", method: str = "POST"
) -> httpx.Response:
    return http.request(method, path, content=body, headers={"content-type": kind})


BODIES: list[tuple[str, bytes]] = [
    ("application/json", b""),
    ("application/json", b"[]"),
    ("application/json", b"null"),
    ("application/json", b'"{}"'),
    ("application/json", b"{"),
    ("application/json", b"{} x"),
    ("application/json", b'\xef\xbb\xbf{"run_id":"0"}'),
    ("application/json", b'{"run_id":"a","run_id":"b"}'),
    ("application/json", b'{"run_id":5}'),
    ("application/json", b'{"run_id":null,"runId":"0"}'),
    ("application/json", b'{"x":NaN}'),
    ("application/json", b'{"run_id":"\\u0000"}'),
    ("application/json", b'{"run_id":"\\ud800"}'),
    ("application/json", b'{"a":' * 4000 + b"1" + b"}" * 4000),
    ("application/json", b"\xff\xfe"),
    ("text/plain", b'{"run_id":"0"}'),
    ("application/x-www-form-urlencoded", b"run_id=0"),
]


@pytest.mark.parametrize("route", [r for r in ROUTES if r.method != "GET"], ids=lambda r: f"{r.method} {r.path}")
def test_no_malformed_body_passes(site: Site, route: TrackingRoute) -> None:
    if route.handler in OPEN:
        return
    path = "/api" + route.path
    for name in ("model_id", "trace_id", "request_id", "assessment_id", "tag_key"):
        path = path.replace("{" + name + "}", "x")
    with site.client(BOB) as http:
        for kind, body in BODIES:
            answer = post(http, path, body, kind, route.method)
            assert answer.status_code in (400, 403, 404), (kind, body[:60], answer.text)
            assert set(answer.json()) == {"error_code", "message"}


@pytest.fixture
def mine(site: Site) -> dict[str, str]:
    with site.client(ALICE) as http:
        experiment = http.post(f"{V2}/experiments/create", json={"name": uuid.uuid4().hex}).json()["experiment_id"]
        run = http.post(f"{V2}/runs/create", json={"experiment_id": experiment}).json()["run"]["info"]["run_id"]
        model = http.post(f"{V2}/logged-models", json={"experiment_id": experiment, "name": "m"}).json()["model"][
            "info"
        ]["model_id"]
    return {"experiment": experiment, "run": run, "model": model}


def refused(answer: httpx.Response, *words: str) -> None:
    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE"), answer.text
    for word in words:
        assert word in answer.json()["message"]


def test_one_fact_is_said_once(site: Site, mine: dict[str, str]) -> None:
    run = mine["run"]
    with site.client(ALICE) as http:
        tag = {"run_id": run, "key": "k", "value": "v"}
        refused(http.post(f"{V2}/runs/set-tag", json=tag | {"runId": "x"}), "run_id")
        refused(http.post(f"{V2}/runs/set-tag", json={"key": "k", "value": "v", "runID": run}), "run_id")
        refused(http.post(f"{V2}/runs/set-tag", json=tag | {"RUN_ID": "x"}), "run_id")
        refused(http.post(f"{V2}/runs/set-tag", json=tag | {"run_uuid": "x"}), "run_id")
        refused(http.post(f"{V2}/runs/set-tag?run_id=x", json=tag), "run_id")
        refused(post(http, f"{V2}/runs/set-tag", f'{{"run_id":"x",{json.dumps(tag)[1:]}'), "twice")
        refused(http.get(f"{V2}/runs/get?run_id={run}&run_id=x"), "twice")
        refused(http.get(f"{V2}/runs/get?run_id={run}&run_uuid=x"), "run_id")
        refused(http.get(f"{V2}/runs/get?run_id={run}&runId=x"), "run_id")
        refused(http.request("GET", f"{V2}/runs/get?run_id={run}", json={"run_id": "x"}), "run_id")
        refused(
            http.patch(f"{V2}/logged-models/{mine['model']}/tags", json={"model_id": "m-1", "tags": []}), "model_id"
        )
        wrong = {"assessment": {"trace_id": "tr-2", "assessment_name": "a"}}
        refused(http.post(f"{V3}/traces/tr-1/assessments", json=wrong), "trace_id")
        deep = {"run_id": run, "metrics": [{"key": "k", "value": 1, "timestamp": 1, "ModelId": "m-1"}]}
        refused(http.post(f"{V2}/runs/log-batch", json=deep), "model_id")
        assert http.post(f"{V2}/runs/set-tag?run_id={run}", json=tag | {"run_uuid": run}).status_code == 200
        assert http.get(f"{V2}/runs/get?run_uuid={run}").status_code == 200


def test_a_field_has_its_own_name_and_its_name_in_lower_camel_case(site: Site, mine: dict[str, str]) -> None:
    """MLflow's server reads both in a body (ParseDict), and refuses a body that has both."""
    run, experiment = mine["run"], mine["experiment"]
    with site.client(ALICE) as http, site.client(BOB) as stranger:

        def tags() -> dict[str, str]:
            data = http.get(f"{V2}/runs/get?runId={run}").json()["run"]["data"]
            return {tag["key"]: tag["value"] for tag in data["tags"]}

        tag = {"runId": run, "key": "camel", "value": "v"}
        assert http.post(f"{V2}/runs/set-tag", json=tag).status_code == 200
        assert http.post(f"{V2}/runs/set-tag", json=tag | {"run_id": run}).status_code == 200
        assert http.post(f"{V2}/runs/set-tag", json=tag | {"run_id": None}).status_code == 200
        assert tags()["camel"] == "v"
        # What is decided on is what is forwarded, whichever name it came under.
        for other in (tag, tag | {"run_id": None}, {"key": "k", "value": "v", "runUuid": run}):
            assert stranger.post(f"{V2}/runs/set-tag", json=other).status_code == 404
        refused(http.post(f"{V2}/runs/set-tag", json=tag | {"run_id": "x"}), "run_id")
        batch = {"runId": run, "metrics": [{"key": "k", "value": 1, "timestamp": 1, "modelId": "m-1"}]}
        assert http.post(f"{V2}/runs/log-batch", json=batch).status_code == 404
        batch["metrics"] = [{"key": "k", "value": 1, "timestamp": 1, "modelId": mine["model"]}]
        assert http.post(f"{V2}/runs/log-batch", json=batch).status_code == 200
        refused(http.post(f"{V2}/runs/log-batch", json=batch | {"run_id": "x", "runId": run}), "run_id")
        search = {"experimentIds": [experiment], "maxResults": 1, "orderBy": ["start_time DESC"]}
        runs = http.post(f"{V2}/runs/search", json=search).json()["runs"]
        assert [row["info"]["run_id"] for row in runs] == [run]
        assert stranger.post(f"{V2}/runs/search", json=search).json().get("runs", []) == []
        # Keys that are the caller's own stay as they are.
        logged = {"experimentId": experiment, "name": "m", "tags": [{"key": "aB", "value": "v"}]}
        model = http.post(f"{V2}/logged-models", json=logged).json()["model"]["info"]
        assert [t["key"] for t in model["tags"] if t["key"] == "aB"] == ["aB"]
        for bad in ("RunId", "runID", "run-id", "run__id", "RUN_ID"):
            refused(http.post(f"{V2}/runs/set-tag", json={bad: run, "key": "k", "value": "v"}))


def get(http: httpx.Client, path: str, fields: object, query: str = "") -> httpx.Response:
    return http.request("GET", f"{V2}/{path}{query}", json=fields)


def test_the_body_of_a_get_is_its_request(site: Site, mine: dict[str, str]) -> None:
    """MLflow's own server reads it where there is no query; mlflow-export-import sends nothing else."""
    run, experiment = mine["run"], mine["experiment"]
    with site.client(ALICE) as http:
        for step in range(3):
            sent = {"run_id": run, "key": "loss", "value": step, "timestamp": step, "step": step}
            assert http.post(f"{V2}/runs/log-metric", json=sent).status_code == 200
        name = http.get(f"{V2}/experiments/get?experiment_id={experiment}").json()["experiment"]["name"]
        history = {"run_id": run, "metric_key": "loss", "max_results": 2}
        for path, fields in (
            ("experiments/get", {"experiment_id": experiment}),
            ("experiments/get-by-name", {"experiment_name": name}),
            ("runs/get", {"run_id": run}),
            ("runs/get", {"run_uuid": run, "run_id": run}),
            ("metrics/get-history", history),
            ("metrics/get-history-bulk", {"run_id": [run], "metric_key": "loss"}),
            ("metrics/get-history-bulk-interval", {"run_ids": [run], "metric_key": "loss", "max_results": 2}),
            ("artifacts/list", {"run_id": run}),
            ("artifacts/list", {"run_id": run, "path": None}),
            ("experiments/search", {"filter": f"name = '{name}'", "order_by": ["name"], "max_results": 5}),
            (f"logged-models/{mine['model']}", {"allow_deleted": True}),
            ("traces", {"experiment_ids": [experiment], "max_results": 5}),
        ):
            by_query = http.get(f"{V2}/{path}", params={k: v for k, v in fields.items() if v is not None})
            by_body = get(http, path, fields)
            assert (by_body.status_code, by_body.json()) == (200, by_query.json()), path
        assert len(get(http, "metrics/get-history", history).json()["metrics"]) == 2
        answer = get(http, "experiments/search", {"filter": "name = 'nothing of this name'", "max_results": 5})
        assert answer.json().get("experiments", []) == []


def test_the_body_of_a_get_contradicts_nothing(site: Site, mine: dict[str, str]) -> None:
    run = mine["run"]
    with site.client(ALICE) as http:
        refused(get(http, "runs/get", {"run_id": "x"}, f"?run_id={run}"), "run_id")
        refused(get(http, "runs/get", {"run_uuid": "x"}, f"?run_id={run}"), "run_id")
        refused(get(http, "runs/get", {"runID": run}), "run_id")
        refused(get(http, "runs/get", {"run_id": {"eq": run}}), "run_id")
        refused(get(http, "runs/get", {"run_id": [run]}), "run_id")
        refused(get(http, "runs/get", [run]), "object")
        refused(get(http, f"logged-models/{mine['model']}", {"model_id": "m-1"}), "model_id")
        refused(http.request("GET", f"{V2}/runs/get", content=f'{{"run_id":"{run}","run_id":"{run}"}}'), "twice")
        assert get(http, "runs/get", {"run_id": run}, f"?run_id={run}").status_code == 200
        assert get(http, "runs/get", {}, f"?run_id={run}").status_code == 200
    with site.client(BOB) as http:
        assert get(http, "runs/get", {"run_id": run}).status_code == 404


def test_other_spellings_mean_the_same_to_everybody(site: Site, mine: dict[str, str]) -> None:
    usual = f"{V2}/experiments/get"
    query = f"?experiment_id={mine['experiment']}"
    for path in (
        f"{usual}/",
        f"/{usual}",
        "/api/2.0/preview/mlflow/experiments/get",
        "/ajax-api/2.0/preview/mlflow/experiments/get/",
    ):
        for user, status in ((ALICE, 200), (BOB, 404)):
            with site.client(user) as http:
                answer, spelled = http.get(f"{usual}{query}"), http.get(f"{site.url}{path}{query}")
                assert (spelled.status_code, spelled.json()) == (status, answer.json()), path
        assert httpx.get(f"{site.url}{path}{query}").status_code == 401
    with site.client(ALICE) as http:
        for path in (
            "/api/2.0/preview/mlflow/traces/get/",
            "/api/2.0/preview/preview/mlflow/experiments/get",
            f"{usual}//",
            "/api/2.0/preview/mlflow/scorers/list",
            "/api/2.0/preview/mlflow/logged-models//tags",
        ):
            assert http.get(f"{site.url}{path}{query}").status_code == 404, path
        assert http.get("/ml/").status_code in (200, 404)  # the page, no redirect to itself


def test_a_body_may_come_as_gzip(site: Site, mine: dict[str, str]) -> None:
    batch = {
        "run_id": mine["run"],
        "metrics": [{"key": "k", "value": n, "timestamp": n, "step": n} for n in range(900)],
    }
    packed = {"content-encoding": "gzip", "content-type": "application/json"}
    with site.client(ALICE) as http:
        body = gzip.compress(json.dumps(batch).encode())
        assert http.post(f"{V2}/runs/log-batch", content=body, headers=packed).status_code == 200
        assert (
            len(get(http, "metrics/get-history", {"run_id": mine["run"], "metric_key": "k"}).json()["metrics"]) == 900
        )
        refused(http.post(f"{V2}/runs/log-batch", content=body[:-9], headers=packed), "gzip")
        bomb = gzip.compress(b'{"run_id":"' + b"a" * 3_000_000 + b'"}')
        refused(http.post(f"{V2}/runs/log-batch", content=bomb, headers=packed))


def test_unknown_fields_are_let_through(site: Site, mine: dict[str, str]) -> None:
    with site.client(ALICE) as http:
        body = {"run_id": mine["run"], "key": "k", "value": "v", "of_next_year": {"x_y": [1]}}
        assert http.post(f"{V2}/runs/set-tag", json=body).status_code == 200


def test_values_that_break_the_child_are_refused_without_a_500(site: Site, mine: dict[str, str]) -> None:
    run = {"run_id": mine["run"]}
    bad: list[tuple[str, dict[str, Any]]] = [
        ("runs/log-metric", run | {"key": "k", "value": 1, "timestamp": 2**70}),
        ("runs/log-metric", run | {"key": "k", "value": "abc", "timestamp": 1}),
        ("runs/log-metric", run | {"key": "k" * 500, "value": 1, "timestamp": 1}),
        ("runs/log-metric", run | {"key": "../up", "value": 1, "timestamp": 1}),
        ("runs/search", {"experiment_ids": [mine["experiment"]], "filter": "metrics. <"}),
        ("runs/search", {"experiment_ids": [mine["experiment"]], "max_results": 10**9}),
        ("runs/search", {"experiment_ids": [mine["experiment"]], "page_token": "!"}),
        ("runs/search", {"experiment_ids": [5]}),
        ("runs/search", {"experiment_ids": "5"}),
        ("experiments/search", {"filter": "name = 'x' OR 1 = 1"}),
        ("experiments/search", {"filter": "name = 'x"}),
        ("experiments/create", {"name": ""}),
        ("experiments/create", {"name": 5}),
        ("logged-models/search", {"experiment_ids": [mine["experiment"]], "filter": "name = 'a'b'"}),
        ("logged-models", {"experiment_id": mine["experiment"], "name": "a/b"}),
    ]
    with site.client(ALICE) as http:
        for path, body in bad:
            answer = http.post(f"{V2}/{path}", json=body)
            assert answer.status_code in (400, 403, 404, 409), (path, body, answer.text)
            assert set(answer.json()) == {"error_code", "message"}, (path, body)


@pytest.mark.parametrize(
    "location",
    [
        "s3://bucket/x",
        "file:///etc",
        "/etc",
        "http://169.254.169.254/",
        "dbfs:/other",
        "dbfs:/Volumes/a/b",
        "dbfs:/Volumes/a/b/c/../d",
        "dbfs:/Volumes/a/b/c?x=../..",
        "dbfs:/Volumes/a/b/c#/../",
        "dbfs:/Volumes/a/b/c;x",
        "dbfs:/Volumes/a/b/c/%2e%2e",
        "runs:/x",
        "dbfs:/databricks/mlflow-trackingX",
        "dbfs:/databricks/mlflow-tracking/../x",
        "dbfs://host/Volumes/a/b/c",
        "mlflow-artifacts:/1",
    ],
)
def test_experiment_locations_that_are_not_ours_are_refused(site: Site, location: str) -> None:
    with site.client(ALICE) as http:
        answer = http.post(f"{V2}/experiments/create", json={"name": uuid.uuid4().hex, "artifact_location": location})
    refused(answer, "artifact_location")


def test_experiment_locations_that_are_taken(site: Site) -> None:
    with site.client(ALICE) as http:
        for value, text in (
            ("dbfs:/Volumes/main/ml/vol/deep", "dbfs:/Volumes/main/ml/vol/deep"),
            ("dbfs:/databricks/mlflow-tracking/1", "dbfs:/databricks/mlflow-tracking/{}"),
        ):
            body = {"name": uuid.uuid4().hex, "artifact_location": value}
            experiment_id = http.post(f"{V2}/experiments/create", json=body).json()["experiment_id"]
            experiment = http.get(f"{V2}/experiments/get", params={"experiment_id": experiment_id}).json()["experiment"]
            assert experiment["artifact_location"] == text.format(experiment_id)


def test_tags_that_steer_the_child_are_dropped(site: Site, mine: dict[str, str]) -> None:
    place = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": mine["experiment"]}}
    tags = {
        "mlflow.trace.spansLocation": "ARCHIVE_REPO",
        "mlflow.trace.archiveLocation": "file:///etc",
        "mlflow.artifactLocation": "file:///etc",
        "mine": "kept",
    }
    info = {
        "trace_id": f"tr-{uuid.uuid4().hex}",
        "trace_location": place,
        "request_time": "2026-01-01T00:00:00Z",
        "tags": tags,
    }
    with site.client(ALICE) as http:
        trace_info = http.post(f"{V3}/traces", json={"trace": {"trace_info": info | {"state": "OK"}}}).json()["trace"][
            "trace_info"
        ]
        trace_id = info["trace_id"]
        home = f"dbfs:/databricks/mlflow-tracking/{mine['experiment']}/{trace_id}/artifacts"
        assert trace_info["tags"] == {"mine": "kept", "mlflow.artifactLocation": home}
        moved = {"key": "mlflow.artifactLocation", "value": "file:///etc"}
        refused(http.patch(f"{V3}/traces/{trace_id}/tags", json=moved), "mlflow.artifactLocation")
        assert (
            http.get(f"{V3}/traces/{trace_id}").json()["trace"]["trace_info"]["tags"]["mlflow.artifactLocation"] == home
        )


@pytest.mark.parametrize(
    "path",
    [
        "/api/4.0/mlflow/traces/search",
        "/api/5.0/mlflow/tracing/locations",
        f"{V3}/datasets/create",
        f"{V3}/scorers/list",
        f"{V3}/traces/get",
        f"{V2}/registered-models/nothing",
        "/ml/2.0/mlflow/runs/get",
        "/v1/metrics",
        f"{V2}/traces/link-prompts",
        f"{V2}/runs//get",
        f"{V2}/runs/get//",
    ],
)
def test_what_the_table_does_not_name_is_no_endpoint(site: Site, path: str) -> None:
    with site.client(ALICE) as http:
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            answer = http.request(method, path)
            assert (answer.status_code, answer.json()["error_code"]) == (404, "ENDPOINT_NOT_FOUND")


@pytest.mark.parametrize(
    "query",
    [
        "mutation { mlflowSearchRuns(input: {}) { runs { info { runId } } } }",
        "{ mlflowSearchModelVersions(input: {}) { modelVersions { name } } }",
        '{ mlflowListArtifacts(input: {runId: "x"}) { rootUri } }',
        '{ ...F } fragment F on Query { mlflowSearchRuns(input: {experimentIds: ["1"]}) { runs { info { runId } } } }',
        '{ ... on Query { mlflowSearchRuns(input: {experimentIds: ["1"]}) { runs { info { runId } } } } }',
        'query A { test } query B { mlflowGetRun(input: {runId: "x"}) { run { info { runId } } } }',
        "{ mlflowGetRun(input: $input) { run { info { runId } } } }",
        "{ mlflowGetRun(input: {}) { run { info { runId } } } }",
        "{ __schema { types { name } } }",
        "not graphql",
        "",
    ],
)
def test_graphql_takes_known_queries_only(site: Site, query: str) -> None:
    with site.client(ALICE) as http:
        refused(http.post("/ml/graphql", json={"query": query, "variables": {}}))


def test_a_trace_cannot_be_named_like_a_route_of_the_child(site: Site, mine: dict[str, str]) -> None:
    place = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": mine["experiment"]}}
    with site.client(ALICE) as http:
        for name in ("batchGet", "get", "search", "tr-", "tr-a/b", "tr-..", "../x"):
            info = {"trace_id": name, "trace_location": place, "request_time": "2026-01-01T00:00:00Z", "state": "OK"}
            refused(http.post(f"{V3}/traces", json={"trace": {"trace_info": info}}))
            assert (
                http.get(f"{V3}/traces/batchGet", params={"trace_ids": "tr-1"}).json()["error_code"]
                == "ENDPOINT_NOT_FOUND"
            )


def test_repeated_and_nested_ids_are_found() -> None:
    body = {"metrics": [{"model_id": "a"}, {}, {"model_id": "b"}], "trace": {"info": {"id": "c"}}}
    assert calls.values(body, "metrics[].model_id") == ["a", "b"]
    assert calls.values(body, "trace.info.id") == ["c"]
    assert calls.values(body, "absent[].x") == []
    for path in ("metrics.model_id", "trace[].x", "trace.info.id.deeper", "trace.info"):
        with pytest.raises(InvalidArgument):
            calls.values(body, path)


def test_basic_signs_in_and_a_bearer_token_sends_json_as_a_form(site: Site) -> None:
    form, body = "application/x-www-form-urlencoded", json.dumps({"max_results": 1})
    with site.client(ALICE) as http:
        for kind in ({}, {"content-type": form}):
            assert http.post(f"{V2}/experiments/search", content=body, headers=kind).status_code == 200
            foreign = http.post(
                f"{V2}/experiments/search", content=body, headers={**kind, "origin": "http://evil.example"}
            )
            assert foreign.status_code == 400
    with httpx.Client(base_url=site.url, auth=("any", site.tokens[ALICE]), timeout=90) as http:
        assert http.post(f"{V2}/experiments/search", json={"max_results": 1}).status_code == 200
        for path in (f"{V2}/experiments/search", "/ml/graphql"):
            for kind in ({}, {"content-type": form}, {"content-type": "text/plain"}):
                answer = http.post(path, content=body, headers=kind)
                assert (answer.status_code, "application/json" in answer.text) == (400, True), (path, answer.text)
        created = http.post(f"{V2}/experiments/create", json={"name": "x"}, headers={"origin": "http://evil.example"})
        assert (created.status_code, created.json()["error_code"]) == (403, "PERMISSION_DENIED")
