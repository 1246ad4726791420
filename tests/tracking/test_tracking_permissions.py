"""Who may do what: owner, reader, editor, manager, stranger and admin against every kind of route."""

import json
import uuid
from typing import Any

import httpx
import pytest
from tracking.tracking_site import Site

from modelkeep.domain.authorization import Actor
from modelkeep.domain.model import Metric, Param
from modelkeep.tracking.proxy import KnownModel

ALICE, BOB, CAROL, ADMIN = "alice@x.io", "bob@x.io", "carol@x.io", "admin@x.io"
V2, V3 = "/api/2.0/mlflow", "/api/3.0/mlflow"


class World:
    """One experiment of alice's with a run, a logged model and a trace."""

    def __init__(self, site: Site) -> None:
        self.site = site
        with site.client(ALICE) as http:
            self.name = f"/Users/alice@x.io/{uuid.uuid4().hex}"
            self.experiment = http.post(f"{V2}/experiments/create", json={"name": self.name}).json()["experiment_id"]
            body = {"experiment_id": self.experiment, "start_time": 1, "tags": []}
            self.run = http.post(f"{V2}/runs/create", json=body).json()["run"]["info"]["run_id"]
            body = {"experiment_id": self.experiment, "name": "m", "source_run_id": self.run}
            self.model = http.post(f"{V2}/logged-models", json=body).json()["model"]["info"]["model_id"]
            self.trace = f"tr-{uuid.uuid4().hex}"
            assert http.post(f"{V3}/traces", json=trace(self.trace, self.experiment)).status_code == 200

    def share(self, principal: str, level: str, by: str = ALICE) -> httpx.Response:
        body = {"experiment": self.name, "principal": principal, "level": level}
        with self.site.client(by) as http:
            return http.put("/api/modelkeep/v1/experiments/permissions", json=body)


def trace(trace_id: str, experiment: str) -> dict[str, Any]:
    place = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment}}
    info = {"trace_id": trace_id, "trace_location": place, "request_time": "2026-01-01T00:00:00Z", "state": "OK"}
    return {"trace": {"trace_info": info | {"execution_duration": "0.001s"}}}


@pytest.fixture
def world(site: Site) -> World:
    return World(site)


READS = [
    ("GET", "{v2}/experiments/get?experiment_id={experiment}", None),
    ("GET", "{v2}/experiments/get-by-name?experiment_name={name}", None),
    ("GET", "{v2}/runs/get?run_id={run}", None),
    ("GET", "{v2}/metrics/get-history?run_id={run}&metric_key=m", None),
    ("GET", "{v2}/metrics/get-history-bulk?run_id={run}&metric_key=m", None),
    ("GET", "{v2}/metrics/get-history-bulk-interval?run_ids={run}&metric_key=m", None),
    ("GET", "{v2}/artifacts/list?run_id={run}", None),
    ("POST", "{v2}/artifacts/credentials-for-read", {"run_id": "{run}", "path": ["a"]}),
    ("GET", "{v2}/logged-models/{model}", None),
    ("GET", "{v2}/logged-models/{model}/artifacts/directories", None),
    ("POST", "{v2}/logged-models/{model}/artifacts/credentials-for-download", {"paths": ["a"]}),
    ("GET", "{v3}/traces/{trace}", None),
    ("GET", "{v2}/traces/{trace}/info", None),
    ("GET", "{v2}/traces/{trace}/credentials-for-data-download", None),
    (
        "POST",
        "{v3}/traces/calculate-filter-correlation",
        {"experiment_ids": ["{experiment}"], "filter_string1": "status = 'OK'", "filter_string2": "status = 'ERROR'"},
    ),
    (
        "POST",
        "/ml/graphql",
        {"query": 'query Q {{ mlflowGetRun(input: {{runId: "{run}"}}) {{ run {{ info {{ runId }} }} }} }}'},
    ),
]
EDITS = [
    ("POST", "{v2}/experiments/set-experiment-tag", {"experiment_id": "{experiment}", "key": "k", "value": "v"}),
    ("POST", "{v2}/runs/create", {"experiment_id": "{experiment}", "start_time": 1}),
    ("POST", "{v2}/runs/update", {"run_id": "{run}", "status": "FINISHED"}),
    ("POST", "{v2}/runs/log-metric", {"run_id": "{run}", "key": "k", "value": 1, "timestamp": 1}),
    ("POST", "{v2}/runs/log-parameter", {"run_id": "{run}", "key": "k", "value": "1"}),
    ("POST", "{v2}/runs/log-batch", {"run_id": "{run}", "params": [{"key": "k2", "value": "1"}]}),
    ("POST", "{v2}/runs/set-tag", {"run_id": "{run}", "key": "k", "value": "1"}),
    ("POST", "{v2}/runs/delete-tag", {"run_id": "{run}", "key": "k"}),
    ("POST", "{v2}/runs/log-inputs", {"run_id": "{run}", "datasets": []}),
    ("POST", "{v2}/runs/outputs", {"run_id": "{run}", "models": [{"model_id": "{model}", "step": 0}]}),
    ("POST", "{v2}/artifacts/credentials-for-write", {"run_id": "{run}", "path": ["a"]}),
    ("POST", "{v2}/logged-models", {"experiment_id": "{experiment}", "name": "n"}),
    ("PATCH", "{v2}/logged-models/{model}", {"model_id": "{model}", "status": "LOGGED_MODEL_READY"}),
    ("PATCH", "{v2}/logged-models/{model}/tags", {"tags": [{"key": "k", "value": "v"}]}),
    ("POST", "{v2}/logged-models/{model}/params", {"params": [{"key": "k", "value": "v"}]}),
    ("DELETE", "{v2}/logged-models/{model}/tags/k", None),
    ("POST", "{v2}/logged-models/{model}/artifacts/credentials-for-upload", {"paths": ["a"]}),
    ("PATCH", "{v3}/traces/{trace}/tags", {"key": "k", "value": "v"}),
    ("PATCH", "{v2}/traces/{trace}/tags", {"key": "k", "value": "v"}),
    ("GET", "{v2}/traces/{trace}/credentials-for-data-upload", None),
    ("POST", "{v2}/traces/link-to-run", {"run_id": "{run}", "trace_ids": ["{trace}"]}),
    ("POST", "{v3}/traces/delete-traces", {"experiment_id": "{experiment}", "request_ids": ["tr-0"]}),
    ("POST", "{v2}/runs/delete", {"run_id": "{run}"}),
    ("POST", "{v2}/runs/restore", {"run_id": "{run}"}),
    ("DELETE", "{v2}/logged-models/{model}", None),
]
MANAGES = [
    ("POST", "{v2}/experiments/update", {"experiment_id": "{experiment}", "new_name": "{name}"}),
    ("GET", "/api/modelkeep/v1/experiments/permissions?experiment={experiment}", None),
    ("POST", "{v2}/experiments/delete", {"experiment_id": "{experiment}"}),
    ("POST", "{v2}/experiments/restore", {"experiment_id": "{experiment}"}),
]


def ask(world: World, user: str, method: str, path: str, body: Any, twin: bool = False) -> httpx.Response:
    words = {"v2": V2, "v3": V3} | {k: getattr(world, k) for k in ("experiment", "name", "run", "model", "trace")}
    text = json.dumps(body)
    for key, value in words.items():
        text = text.replace("{" + key + "}", value)
    sent = json.loads(text.replace("{{", "{").replace("}}", "}")) if body is not None else None
    url = path.format(**words)
    if twin:
        url = url.replace("/api/", "/ajax-api/", 1)
    with world.site.client(user) as http:
        return http.request(method, url, json=sent)


def outcomes(world: World, user: str, rows: list[Any], **kwargs: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for method, path, body in rows:
        answer = ask(world, user, method, path, body, **kwargs)
        code = answer.json().get("error_code") if answer.headers["content-type"] == "application/json" else None
        fields[f"{method} {path}"] = (answer.status_code, code)
    return fields


def all_are(answers: dict[str, Any], status: int, code: str | None) -> None:
    assert {k: v for k, v in answers.items() if v != (status, code)} == {}


OK, MISSING, DENIED = (200, None), (404, "RESOURCE_DOES_NOT_EXIST"), (403, "PERMISSION_DENIED")


def test_owner_may_do_everything(world: World) -> None:
    all_are(outcomes(world, ALICE, READS + EDITS + MANAGES), *OK)


def test_for_a_stranger_nothing_exists(world: World) -> None:
    all_are(outcomes(world, BOB, READS + EDITS + MANAGES), *MISSING)
    all_are(outcomes(world, BOB, READS[:-1] + EDITS + MANAGES, twin=True), *MISSING)


def test_a_reader_reads_and_is_refused_edits_by_name(world: World) -> None:
    assert world.share(BOB, "CAN_READ").status_code == 200
    all_are(outcomes(world, BOB, READS), *OK)
    all_are(outcomes(world, BOB, EDITS + MANAGES), *DENIED)


def test_an_editor_edits_and_does_not_manage(world: World) -> None:
    world.share(BOB, "CAN_EDIT")
    all_are(outcomes(world, BOB, READS + EDITS), *OK)
    all_are(outcomes(world, BOB, MANAGES), *DENIED)
    assert world.share(BOB, "CAN_MANAGE", by=BOB).status_code == 403


def test_a_manager_manages_and_an_account_admin_too(world: World) -> None:
    world.share(BOB, "CAN_MANAGE")
    all_are(outcomes(world, BOB, READS + EDITS + MANAGES), *OK)
    all_are(outcomes(World(world.site), ADMIN, READS + EDITS + MANAGES), *OK)


def test_groups_count_and_what_is_taken_back_is_gone_at_once(world: World) -> None:
    world.share("team", "CAN_READ")
    assert ask(world, CAROL, *READS[2]).status_code == 200
    assert ask(world, BOB, *READS[2]).status_code == 404
    world.share("account users", "CAN_EDIT")
    assert ask(world, BOB, *EDITS[2]).status_code == 200
    world.share("account users", "NONE")
    assert ask(world, BOB, *READS[2]).status_code == 404
    with world.site.client(ALICE) as http:
        body = http.get("/api/modelkeep/v1/experiments/permissions", params={"experiment": world.experiment}).json()
    assert {(p["principal"], p["level"]) for p in body["permissions"]} == {(ALICE, "CAN_MANAGE"), ("team", "CAN_READ")}


def test_sharing_names_a_known_principal_and_level(world: World) -> None:
    assert world.share("nobody@x.io", "CAN_READ").json()["error_code"] == "RESOURCE_DOES_NOT_EXIST"
    assert world.share(BOB, "CAN_FLY").json()["error_code"] == "INVALID_PARAMETER_VALUE"


def test_hidden_and_missing_read_alike(world: World) -> None:
    with world.site.client(BOB) as http:
        hidden = http.get(f"{V2}/runs/get", params={"run_id": world.run})
        absent = http.get(f"{V2}/runs/get", params={"run_id": "0" * 32})
        assert hidden.json()["message"].replace(world.run, "X") == absent.json()["message"].replace("0" * 32, "X")
        assert set(hidden.headers) == set(absent.headers)
        assert http.get(f"{V2}/runs/get", params={"run_id": ""}).status_code == 404


def test_searches_show_only_what_the_caller_may_see(world: World) -> None:
    other = World(world.site)
    other.share(BOB, "CAN_READ")
    both = [world.experiment, other.experiment]
    with world.site.client(BOB) as http:
        runs = http.post(f"{V2}/runs/search", json={"experiment_ids": both, "max_results": 100}).json()["runs"]
        assert [r["info"]["run_id"] for r in runs] == [other.run]
        models = http.post(f"{V2}/logged-models/search", json={"experiment_ids": both}).json()["models"]
        assert [m["info"]["model_id"] for m in models] == [other.model]
        places = [{"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": e}} for e in both]
        traces = http.post(f"{V3}/traces/search", json={"locations": places}).json()["traces"]
        assert [t["trace_id"] for t in traces] == [other.trace]
        infos = http.post(f"{V3}/traces/batchGetInfos", json={"trace_ids": [world.trace, other.trace]}).json()
        assert [t["trace_id"] for t in infos["trace_infos"]] == [other.trace]
        old = http.get(f"{V2}/traces", params={"experiment_ids": both}).json()["traces"]
        assert [t["request_id"] for t in old] == [other.trace]
        for body in ({"experiment_ids": [world.experiment]}, {"experiment_ids": []}):
            assert http.post(f"{V2}/runs/search", json=body).json() == {}
        for query in (
            "",
            "name LIKE '%'",
            "name LIKE '%' --",
            "name LIKE '%' /*",
            f"experiment_id = '{world.experiment}'",
        ):
            answer = http.post(f"{V2}/experiments/search", json={"filter": query, "max_results": 1000})
            names = {e["name"] for e in answer.json().get("experiments", [])}
            assert world.name not in names, query


def test_pages_of_experiments_are_full_and_meet_each_experiment_once(site: Site) -> None:
    names = {f"page-{uuid.uuid4().hex}" for _ in range(5)}
    with site.client(BOB) as http:
        for name in sorted(names):
            World(site)
            http.post(f"{V2}/experiments/create", json={"name": name})
        seen: list[str] = []
        token = ""
        while True:
            body = {"filter": "name LIKE 'page-%'", "max_results": 2, "page_token": token}
            page = http.post(f"{V2}/experiments/search", json=body).json()
            seen += [e["name"] for e in page["experiments"]]
            token = page.get("next_page_token", "")
            if not token:
                break
            assert len(page["experiments"]) == 2
    assert sorted(seen) == sorted(names)


def test_one_with_very_many_experiments_gets_full_pages_too(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    from modelkeep.tracking import experiments

    mark = uuid.uuid4().hex
    mine: list[str] = []
    for turn in range(12):
        with site.client(CAROL if turn % 3 else ALICE) as http:
            http.post(f"{V2}/experiments/create", json={"name": f"{mark}-{turn:02}"})
        mine += [f"{mark}-{turn:02}"] if turn % 3 else []
    monkeypatch.setattr(experiments, "_MOST_IN_FILTER", 0)
    monkeypatch.setattr(experiments, "_SCAN_ROWS", 5)
    body = {"filter": f"name LIKE '{mark}%'", "order_by": ["name ASC"], "max_results": 3}
    pages: list[list[str]] = []
    token = ""
    with site.client(CAROL) as http:
        while not pages or token:
            page = http.post(f"{V2}/experiments/search", json=body | {"page_token": token}).json()
            assert "experiments" in page, page
            pages.append([e["name"] for e in page["experiments"]])
            token = page.get("next_page_token", "")
            if len(pages) == 1:
                result = token
        assert [name for page in pages for name in page] == mine
        assert [len(page) for page in pages[:2]] == [3, 3]
    with site.client(BOB) as http:
        http.post(f"{V2}/experiments/create", json={"name": uuid.uuid4().hex})
        assert http.post(f"{V2}/experiments/search", json=body | {"page_token": result}).status_code == 400


def test_ids_of_others_cannot_be_slipped_into_ones_own_calls(world: World) -> None:
    with world.site.client(BOB) as http:
        mine = http.post(f"{V2}/experiments/create", json={"name": uuid.uuid4().hex}).json()["experiment_id"]
        run = http.post(f"{V2}/runs/create", json={"experiment_id": mine}).json()["run"]["info"]["run_id"]
        metric = {"key": "k", "value": 1, "timestamp": 1, "model_id": world.model}
        link = {"run_id": run, "models": [{"model_id": world.model, "step": 0}]}
        foreign = [
            ("runs/log-metric", {"run_id": run} | metric),
            ("runs/log-batch", {"run_id": run, "metrics": [metric]}),
            ("runs/outputs", link),
            ("runs/log-inputs", link),
            ("logged-models", {"experiment_id": mine, "name": "n", "source_run_id": world.run}),
            ("traces/link-to-run", {"run_id": run, "trace_ids": [world.trace]}),
        ]
        for path, body in foreign:
            assert http.post(f"{V2}/{path}", json=body).status_code == 404, path
        taken = http.post(f"{V3}/traces", json=trace(world.trace, mine))
        assert (taken.status_code, taken.json()["error_code"]) == (409, "RESOURCE_ALREADY_EXISTS")
    with world.site.client(ALICE) as http:
        again = http.get(f"{V3}/traces/{world.trace}").json()["trace"]["trace_info"]
        assert again["trace_location"]["mlflow_experiment"]["experiment_id"] == world.experiment


def test_names(world: World) -> None:
    with world.site.client(BOB) as http:
        taken = http.post(f"{V2}/experiments/create", json={"name": world.name})
        assert taken.json()["error_code"] == "RESOURCE_ALREADY_EXISTS"
        assert http.get(f"{V2}/experiments/get-by-name", params={"experiment_name": world.name}).status_code == 404
        squat = http.post(f"{V2}/experiments/create", json={"name": "/Users/zoe@x.io/default"})
        assert squat.json()["error_code"] == "PERMISSION_DENIED"
        mine = http.post(f"{V2}/experiments/create", json={"name": uuid.uuid4().hex}).json()["experiment_id"]
        body = {"experiment_id": mine, "new_name": world.name}
        assert http.post(f"{V2}/experiments/update", json=body).json()["error_code"] == "RESOURCE_ALREADY_EXISTS"
        assert http.get(f"{V2}/experiments/get", params={"experiment_id": "0"}).status_code in (200, 404)
    with world.site.client(ADMIN) as http:
        assert (
            http.get(f"{V2}/experiments/get", params={"experiment_id": "0"}).json()["experiment"]["name"] == "Default"
        )


def test_a_reader_who_registers_a_model_is_not_stopped_at_its_last_step(world: World) -> None:
    world.share(BOB, "CAN_READ")
    with world.site.client(BOB) as http:
        note = {"tags": [{"key": "mlflow.modelVersions", "value": "[]"}]}
        answer = http.patch(f"{V2}/logged-models/{world.model}/tags", json=note)
    assert (answer.status_code, answer.json()["error_code"]) == MISSING


def test_a_version_that_may_be_executed_shows_its_logged_model(world: World, monkeypatch: pytest.MonkeyPatch) -> None:

    params, metrics = (Param("c", "1"),), (Metric("acc", 0.5, 1, 0),)
    known = KnownModel(world.model, "m", "7", "", params, metrics, 1, 2)

    async def resolver(actor: Actor, model_id: str) -> KnownModel | None:
        return known if (actor.name, model_id) == (BOB, world.model) else None

    monkeypatch.setattr(world.site.proxy, "resolver", resolver)
    with world.site.client(BOB) as http:
        model = http.get(f"{V2}/logged-models/{world.model}").json()["model"]
        assert (model["info"]["model_id"], model["info"]["status"]) == (world.model, "LOGGED_MODEL_READY")
        assert model["data"]["params"] == [{"key": "c", "value": "1"}]
        assert model["data"]["metrics"][0] == {"key": "acc", "value": 0.5, "timestamp": 1, "step": 0}
        assert http.delete(f"{V2}/logged-models/{world.model}").status_code == 404
        assert http.get(f"{V2}/logged-models/{world.model}/artifacts/directories").status_code == 404


def test_refusals_and_changes_are_in_the_audit_log(world: World) -> None:
    ask(world, BOB, *READS[2])
    world.share(BOB, "CAN_READ")
    ask(world, BOB, "POST", "{v2}/runs/delete", {"run_id": "{run}"})
    ask(world, ALICE, "POST", "{v2}/runs/delete", {"run_id": "{run}"})
    import sqlite3

    with sqlite3.connect(world.site.database) as rows:
        result = rows.execute(
            "SELECT actor, event, operation, outcome FROM audit WHERE targets LIKE ? ORDER BY at, id",
            (f"%{world.run}%",),
        ).fetchall()
    assert result == [
        (ALICE, "run.create", "POST runs/create", "ok"),
        (BOB, "tracking.refused", "GET runs/get", "RESOURCE_DOES_NOT_EXIST"),
        (BOB, "run.delete", "POST runs/delete", "PERMISSION_DENIED"),
        (ALICE, "run.delete", "POST runs/delete", "ok"),
    ]


def test_an_access_list_that_gives_and_takes_leaves_what_it_gives(site: Site) -> None:
    """PUT replaces what was given, PATCH changes the principals that it names: both leave each entry that they name."""
    with site.client("alice@x.io") as alice:
        reply = alice.post("/api/2.0/mlflow/experiments/create", json={"name": f"/Shared/{uuid.uuid4().hex}"})
        path = f"/api/2.0/permissions/experiments/{reply.json()['experiment_id']}"

        def changed_levels(method: str, **levels: str) -> dict[str, str]:
            people = {
                "bob": ("user_name", "bob@x.io"),
                "carol": ("user_name", "carol@x.io"),
                "team": ("group_name", "team"),
            }
            entries = [{"user_name": "alice@x.io", "permission_level": "CAN_MANAGE"}]
            entries += [
                {people[who][0]: people[who][1], "permission_level": f"CAN_{level}"} for who, level in levels.items()
            ]
            answer = alice.request(method, path, json={"access_control_list": entries})
            assert answer.status_code == 200, answer.text
            listed = alice.get(path).json()["access_control_list"]
            direct = {
                entry.get("user_name") or entry.get("group_name"): all_permission["permission_level"]
                for entry in listed
                for all_permission in entry["all_permissions"]
                if not all_permission["inherited"]
            }
            return {who: direct[name].removeprefix("CAN_") for who, (_, name) in people.items() if name in direct}

        assert changed_levels("PUT", bob="READ", carol="EDIT") == {"bob": "READ", "carol": "EDIT"}
        assert changed_levels("PUT", carol="READ", team="MANAGE") == {"carol": "READ", "team": "MANAGE"}
        assert changed_levels("PATCH", bob="EDIT", carol="MANAGE") == {
            "bob": "EDIT",
            "carol": "MANAGE",
            "team": "MANAGE",
        }
        assert changed_levels("PUT", bob="EDIT") == {"bob": "EDIT"}
