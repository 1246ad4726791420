"""docs/dev/defaults.md, walked: left out, null and the documented default have equal answers."""

import json
import re
import uuid
from pathlib import Path
from typing import Any

import pytest
from tracking.tracking_site import Site

from modelkeep.tracking.defaults import DEFAULTS

ALICE, BOB, ADMIN = "alice@x.io", "bob@x.io", "admin@x.io"
V2, V3 = "/api/2.0/mlflow", "/api/3.0/mlflow"
PAGE = Path(__file__).parents[2] / "docs" / "dev" / "defaults.md"
ROW = re.compile(r"\| `(GET|POST) ([^`]+)` \| `(\w+)` \| `([^`]*)` \| [^|]+ \|(?: `([^|]+)`)? \|")
Row = tuple[str, str, str, Any, list[Any]]


def rows() -> list[Row]:
    results = [
        ROW.fullmatch(line)
        for line in PAGE.read_text().partition("## Databricks' calls")[0].splitlines()
        if line.startswith("| `")
    ]
    assert all(results), "a row of the table cannot be read"
    return [(m[1], m[2], m[3], json.loads(m[4]), json.loads(f"[{m[5] or ''}]")) for m in results if m]


@pytest.fixture(scope="module")
def base(site: Site) -> dict[str, dict[str, Any]]:
    """What else each call needs, in an experiment with an active run, a deleted one, a logged model and a trace."""
    with site.client(ALICE) as http:
        experiment = http.post(f"{V2}/experiments/create", json={"name": uuid.uuid4().hex}).json()["experiment_id"]
        gone = http.post(f"{V2}/experiments/create", json={"name": uuid.uuid4().hex}).json()["experiment_id"]
        assert http.post(f"{V2}/experiments/delete", json={"experiment_id": gone}).status_code == 200
        runs = [
            http.post(f"{V2}/runs/create", json={"experiment_id": experiment}).json()["run"]["info"]["run_id"]
            for _ in range(2)
        ]
        for step in range(3):
            sent = {"run_id": runs[0], "key": "k", "value": step, "timestamp": step, "step": step}
            assert http.post(f"{V2}/runs/log-metric", json=sent).status_code == 200
        assert http.post(f"{V2}/runs/delete", json={"run_id": runs[1]}).status_code == 200
        assert http.post(f"{V2}/logged-models", json={"experiment_id": experiment, "name": "m"}).status_code == 200
        home = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment}}
        info = {
            "trace_id": f"tr-{uuid.uuid4().hex}",
            "trace_location": home,
            "request_time": "2026-01-01T00:00:00Z",
            "state": "OK",
        }
        assert http.post(f"{V3}/traces", json={"trace": {"trace_info": info}}).status_code == 200
    inside = {"experiment_ids": [experiment]}
    history = {"run_id": runs[0], "metric_key": "k"}
    return {
        f"{V2}/experiments/search": {},
        f"{V2}/experiments/list": {},
        f"{V2}/runs/search": inside,
        f"{V2}/logged-models/search": inside,
        f"{V3}/traces/search": {"locations": [home]},
        f"{V2}/traces": inside,
        f"{V2}/metrics/get-history": history,
        f"{V2}/metrics/get-history-bulk": {"run_id": [runs[0]], "metric_key": "k"},
        f"{V2}/artifacts/list": {"run_id": runs[0]},
        f"{V2}/runs/log-metric": {"run_id": runs[0], "key": "late", "value": 1, "timestamp": 5},
    }


# An admin's searches of experiments take a way of their own.
CASES = [(row, user) for row in rows() for user in (ALICE, ADMIN) if user == ALICE or "/experiments/" in row[1]]


@pytest.mark.parametrize(
    ("row", "user"), CASES, ids=lambda case: f"{case[1]} {case[2]}" if isinstance(case, tuple) else case
)
def test_left_out_null_and_the_default_are_equal(
    site: Site, base: dict[str, dict[str, Any]], row: Row, user: str
) -> None:
    method, path, field, default, also = row
    with site.client(user) as http:
        answers = [
            http.request(method, path, json=base[path] | item)
            for item in ({}, {field: None}, {field: default}, *({field: value} for value in also))
        ]
        assert {answer.status_code for answer in answers} == {200}, [answer.text for answer in answers]
        assert [answer.json() for answer in answers] == [answers[0].json()] * len(answers)
        if path.endswith(("/search", "/traces")) and user == ALICE:
            assert any(answers[0].json().values()), "an empty answer proves nothing"


def test_every_default_in_the_code_is_in_the_table() -> None:
    listed = {(method, path.removeprefix("/api"), field) for method, path, field, _, _ in rows()}
    # These two need more than a field: a query of metrics, and runs in steps.
    apart = ("/3.0/mlflow/traces/metrics", "/2.0/mlflow/metrics/get-history-bulk-interval")
    known = {
        (method, path, field) for (method, path), fields in DEFAULTS.items() if path not in apart for field in fields
    }
    assert known <= listed


def test_databricks_sdk_lists_experiments(site: Site, as_alice: Site) -> None:
    from databricks.sdk import WorkspaceClient

    client = WorkspaceClient(host=site.url, token=site.tokens[ALICE])
    name = uuid.uuid4().hex
    experiment_id = client.experiments.create_experiment(name).experiment_id
    for listed in (
        client.experiments.search_experiments(),
        client.experiments.list_experiments(),
        client.experiments.list_experiments(max_results=1),
        client.experiments.search_experiments(filter=f"name = '{name}'"),
    ):
        assert experiment_id in {e.experiment_id for e in listed}
    with site.client(BOB) as http:
        listed = http.get(f"{V2}/experiments/list").json().get("experiments", [])
        assert experiment_id not in {e["experiment_id"] for e in listed}
        assert http.get(f"{V2}/experiments/list", params={"max_results": -1}).status_code == 400
        assert http.get(f"{V2}/experiments/list", params={"max_results": "x"}).status_code == 400
        assert http.get(f"{V2}/experiments/list", params={"max_results": 10**6}).status_code == 200


def test_databricks_sdk_deletes_runs_by_their_age(site: Site, as_alice: Site) -> None:
    from databricks.sdk import WorkspaceClient
    from databricks.sdk.errors import NotFound

    client = WorkspaceClient(host=site.url, token=site.tokens[ALICE])
    result = str(client.experiments.create_experiment(uuid.uuid4().hex).experiment_id)
    for start in (1_000, 2_000, 3_000, 4_000):
        client.experiments.create_run(experiment_id=result, start_time=start)
    assert client.experiments.delete_runs(result, 3_000, max_runs=1).runs_deleted == 1
    assert client.experiments.delete_runs(result, 3_000).runs_deleted == 2
    assert client.experiments.delete_runs(result, 3_000).runs_deleted == 0
    left = client.experiments.search_runs(experiment_ids=[result])
    assert [run.info.start_time for run in left if run.info] == [4_000]
    for wrong in (
        {"max_runs": -1},
        {"max_runs": 10_001},
        {"max_runs": "x"},
        {"max_timestamp_millis": "x"},
        {"max_timestamp_millis": None},
    ):
        with site.client(ALICE) as http:
            sent = {"experiment_id": result, "max_timestamp_millis": 9_000} | wrong
            assert http.post(f"{V2}/databricks/runs/delete-runs", json=sent).status_code == 400, wrong
    other = WorkspaceClient(host=site.url, token=site.tokens[BOB])
    with pytest.raises(NotFound, match="does not exist"):
        other.experiments.delete_runs(result, 9_000)


def test_one_call_deletes_so_many_runs(site: Site, as_alice: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    from databricks.sdk import WorkspaceClient

    from modelkeep.limits import TRACKING_BULK_RUNS
    from modelkeep.tracking import runs

    assert runs.TRACKING_BULK_RUNS == TRACKING_BULK_RUNS
    monkeypatch.setattr(runs, "TRACKING_BULK_RUNS", 2)
    client = WorkspaceClient(host=site.url, token=site.tokens[ALICE])
    result = str(client.experiments.create_experiment(uuid.uuid4().hex).experiment_id)
    for _ in range(3):
        client.experiments.create_run(experiment_id=result, start_time=1)
    assert [client.experiments.delete_runs(result, 9, max_runs=10_000).runs_deleted for _ in range(3)] == [2, 1, 0]


def test_searches_in_no_experiment_are_refused(site: Site) -> None:
    with site.client(ALICE) as http:
        for path in ("experiments/search-datasets", "logged-models/search"):
            for sent in ("{}", '{"experiment_ids": []}', '{"experiment_ids": null}'):
                answer = http.post(f"{V2}/{path}", content=sent, headers={"content-type": "application/json"})
                assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
                assert "experiment_ids" in answer.json()["message"]
        assert http.get(f"{V2}/traces").status_code == 400
        assert http.post(f"{V2}/runs/search", json={}).json() == {}


@pytest.mark.parametrize(
    "condition",
    [
        "trace.text LIKE '%x%'",
        "TRACE.TEXT ILIKE '%x%'",
        "span.name = 'x'",
        "span.attributes.model LIKE 'x'",
        "trace.status = 'OK' AND span.type = 'LLM'",
        "spans.content LIKE 'x'",
        "trace . text LIKE 'x'",
    ],
)
def test_conditions_on_the_contents_of_spans_are_refused(
    site: Site, base: dict[str, dict[str, Any]], condition: str
) -> None:
    """They would find nothing, silently."""
    search = base[f"{V3}/traces/search"]
    with site.client(ALICE) as http:
        answer = http.post(f"{V3}/traces/search", json=search | {"filter": condition})
        assert answer.status_code == 400 and "kept as files" in answer.json()["message"], answer.text
        answer = http.get(f"{V2}/traces", params=base[f"{V2}/traces"] | {"filter": condition})
        assert answer.status_code == 400 and "kept as files" in answer.json()["message"], answer.text
        for harmless in (
            "tags.`a` = 'span.name'",
            "trace.status = 'OK'",
            "tags.spantext = 'x'",
            "trace.name LIKE 'trace.text'",
        ):
            assert http.post(f"{V3}/traces/search", json=search | {"filter": harmless}).status_code == 200, harmless


def test_logged_models_by_the_name_of_a_dataset(site: Site) -> None:
    with site.client(ALICE) as http:
        experiment = http.post(f"{V2}/experiments/create", json={"name": uuid.uuid4().hex}).json()["experiment_id"]
        run = http.post(f"{V2}/runs/create", json={"experiment_id": experiment}).json()["run"]["info"]["run_id"]
        for number in range(4):
            body = http.post(f"{V2}/logged-models", json={"experiment_id": experiment, "name": f"m{number}"}).json()
            metric = {
                "key": "auc",
                "value": number,
                "timestamp": 1,
                "step": 0,
                "model_id": body["model"]["info"]["model_id"],
                "dataset_name": "train" if number < 3 else "other",
                "dataset_digest": f"d{number}",
            }
            assert http.post(f"{V2}/runs/log-batch", json={"run_id": run, "metrics": [metric]}).status_code == 200

        def names(datasets: list[dict[str, str]]) -> list[str]:
            sent = {"experiment_ids": [experiment], "filter": "metrics.auc > 0", "datasets": datasets}
            answer = http.post(f"{V2}/logged-models/search", json=sent)
            assert answer.status_code == 200, answer.text
            return sorted(model["info"]["name"] for model in answer.json().get("models", []))

        assert names([{"dataset_name": "train"}]) == ["m1", "m2"]
        assert names([{"dataset_name": "train", "dataset_digest": "d2"}]) == ["m2"]
        assert names([{"dataset_name": "train", "dataset_digest": "d9"}]) == []
        assert names([{"dataset_name": "other"}, {"dataset_name": "train", "dataset_digest": "d1"}]) == ["m1", "m3"]
        assert names([{"dataset_name": "nothing"}]) == []
        assert names([]) == ["m1", "m2", "m3"]
