"""Who owns an experiment comes from our own table, whatever tags say and wherever a creation stops."""

import sqlite3
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from backends import Postgres
from tracking.tracking_site import WORKSPACE_ID, Site, serving
from world import Counting

from modelkeep.tracking.child import ChildAnswer

pytest_plugins = ("backends",)
ALICE, BOB, CAROL = "alice@x.io", "bob@x.io", "carol@x.io"
V2 = "/api/2.0/mlflow"


@pytest.fixture(scope="module")
def shared(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with serving(tmp_path_factory.mktemp("creators"), postgres.new_database()) as running:
        yield running


def create(site: Site, user: str, name: str) -> str:
    with site.client(user) as http:
        return http.post(f"{V2}/experiments/create", json={"name": name}).json()["experiment_id"]


def by_name(site: Site, user: str, name: str) -> int:
    with site.client(user) as http:
        return http.get(f"{V2}/experiments/get-by-name", params={"experiment_name": name}).status_code


def level(site: Site, user: str, experiment: str) -> str:
    with site.client(user) as http:
        params = {"experiment": experiment}
        answer = http.get("/api/modelkeep/v1/experiments/permissions", params=params).json()
    return next((p["level"] for p in answer.get("permissions", []) if p["principal"] == user), "")


def principal_id(rows: sqlite3.Connection, user: str) -> str:
    return rows.execute("SELECT id FROM principals WHERE name = ?", (user,)).fetchone()[0]


def orphan(site: Site, experiment: str, name: str, *, creator: str = "", age_ms: int = 0) -> None:
    """Take all permissions away; with a creator, as a stop between the two commits leaves it."""
    with sqlite3.connect(site.database) as rows:
        rows.execute("DELETE FROM experiment_permissions WHERE experiment_id = ?", (experiment,))
        rows.execute("DELETE FROM experiment_creators WHERE name = ?", (name,))
        if creator:
            with sqlite3.connect(site.proxy.child.log_file.parent / "tracking.db") as child:
                (created,) = child.execute(
                    "SELECT creation_time FROM experiments WHERE experiment_id = ?", (experiment,)
                ).fetchone()
            rows.execute(
                "INSERT INTO experiment_creators (workspace_id, name, principal_id, created_at) VALUES (?, ?, ?, ?)",
                (WORKSPACE_ID, name, principal_id(rows, creator), created - age_ms),
            )


def test_a_tag_gives_nobody_an_experiment(site: Site) -> None:
    name = uuid.uuid4().hex
    experiment = create(site, ALICE, name)
    with site.client(ALICE) as http:
        share = {"experiment": name, "principal": BOB, "level": "CAN_EDIT"}
        assert http.put("/api/modelkeep/v1/experiments/permissions", json=share).status_code == 200
    with sqlite3.connect(site.database) as rows:
        bob = principal_id(rows, BOB)
    with site.client(BOB) as http:
        for path in ("set-experiment-tag", "delete-experiment-tag"):
            tag = {"experiment_id": experiment, "key": "modelkeep.creator", "value": bob}
            answer = http.post(f"{V2}/experiments/{path}", json=tag)
            assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    with sqlite3.connect(site.proxy.child.log_file.parent / "tracking.db") as child:  # as an older version let it in
        child.execute(
            "INSERT INTO experiment_tags (key, value, experiment_id) VALUES ('modelkeep.creator', ?, ?)",
            (bob, experiment),
        )
    with site.client(BOB) as http:
        tags = (
            http.get(f"{V2}/experiments/get", params={"experiment_id": experiment}).json()["experiment"].get("tags", [])
        )
        assert [tag for tag in tags if tag["key"].startswith("modelkeep.")] == []
    orphan(site, experiment, name)
    assert by_name(site, BOB, name) == 404
    with site.client(BOB) as http:
        assert http.post(f"{V2}/experiments/create", json={"name": name}).status_code == 409
    assert by_name(site, BOB, name) == 404
    assert by_name(site, "admin@x.io", name) == 200


def test_a_creation_that_stopped_goes_on_for_its_creator(site: Site) -> None:
    for finish in ("get", "create"):
        name = uuid.uuid4().hex
        experiment = create(site, ALICE, name)
        orphan(site, experiment, name, creator=ALICE)
        assert by_name(site, BOB, name) == 404
        with site.client(BOB) as http:
            assert http.post(f"{V2}/experiments/create", json={"name": name}).status_code == 409
        if finish == "create":
            with site.client(ALICE) as http:
                assert http.post(f"{V2}/experiments/create", json={"name": name}).status_code == 409
        assert by_name(site, ALICE, name) == 200
        assert level(site, ALICE, experiment) == "CAN_MANAGE"
        orphan_again = level(site, BOB, experiment)
        assert orphan_again == ""


@pytest.mark.parametrize("age_ms", [-1, -60_000, 120_001, 10_000_000])
def test_an_experiment_of_another_time_is_not_taken_over(site: Site, age_ms: int) -> None:
    name = uuid.uuid4().hex
    experiment = create(site, ALICE, name)
    orphan(site, experiment, name, creator=BOB, age_ms=age_ms)
    assert by_name(site, BOB, name) == 404
    with site.client(BOB) as http:
        assert http.post(f"{V2}/experiments/create", json={"name": name}).status_code == 409
    assert by_name(site, BOB, name) == 404


def test_what_managers_settled_gives_nothing_back(site: Site) -> None:
    name = uuid.uuid4().hex
    experiment = create(site, ALICE, name)
    orphan(site, experiment, name, creator=ALICE)
    with site.client("admin@x.io") as http:
        share = {"experiment": name, "principal": BOB, "level": "CAN_MANAGE"}
        assert http.put("/api/modelkeep/v1/experiments/permissions", json=share).status_code == 200
        assert http.put("/api/modelkeep/v1/experiments/permissions", json=share | {"level": "NONE"}).status_code == 200
    assert [by_name(site, user, name) for user in (ALICE, BOB)] == [404, 404]


@pytest.mark.parametrize("where", ["site", "shared"])
def test_of_two_creators_at_once_one_owns_it(where: str, request: pytest.FixtureRequest) -> None:
    running: Site = request.getfixturevalue(where)
    users = (ALICE, BOB, CAROL)
    for _ in range(12):
        name = uuid.uuid4().hex

        def make(user: str, name: str = name) -> tuple[int, str]:
            with running.client(user) as http:
                answer = http.post(f"{V2}/experiments/create", json={"name": name})
                return answer.status_code, answer.json().get("experiment_id", "")

        with ThreadPoolExecutor(3) as pool:
            answers = dict(zip(users, pool.map(make, users), strict=True))
        won = [user for user, (status, _) in answers.items() if status == 200]
        assert len(won) == 1 and {s for s, _ in answers.values()} == {200, 409}, answers
        experiment = answers[won[0]][1]
        assert {user: level(running, user, experiment) for user in users} == {
            user: "CAN_MANAGE" if user == won[0] else "" for user in users
        }
        assert [by_name(running, user, name) for user in users] == [200 if user == won[0] else 404 for user in users]


def test_hidden_and_missing_names_take_the_same_path(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    name = uuid.uuid4().hex
    create(site, ALICE, name)
    proxy = site.proxy
    counting = Counting(site.registry.db)
    calls: list[Any] = []
    send, record = proxy.child.request, proxy.auditor.record

    async def request(*args: Any, **named: Any) -> ChildAnswer:
        calls.append(("child", args[0], args[1]))
        return await send(*args, **named)

    async def recorded(*args: Any, **named: Any) -> None:
        calls.append(("audit", args[1].event, args[1].outcome))
        await record(*args, **named)

    monkeypatch.setattr(proxy.child, "request", request)
    monkeypatch.setattr(proxy.auditor, "record", recorded)
    monkeypatch.setattr(proxy, "db", counting)
    monkeypatch.setattr(proxy.access, "_db", counting)
    paths: list[Any] = []
    for ids in (name, uuid.uuid4().hex):
        calls.clear()
        counting.sent.clear()
        assert by_name(site, BOB, ids) == 404
        paths.append((list(calls), [sql for sql, _ in counting.sent]))
    assert paths[0] == paths[1]
    assert ("audit", "tracking.refused", "RESOURCE_DOES_NOT_EXIST") in paths[0][0]


def test_levels_are_one_statement(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = [create(site, CAROL, uuid.uuid4().hex) for _ in range(3)]
    counting = Counting(site.registry.db)
    monkeypatch.setattr(site.proxy.access, "_db", counting)
    with site.client(CAROL) as http:
        for others in (0, 10, 490, 2000):
            counting.sent.clear()
            ids = [*mine, *(str(10**9 + n) for n in range(others))]
            assert http.post(f"{V2}/runs/search", json={"experiment_ids": ids}).status_code == 200
            assert ["experiment_permissions" in sql for sql, _ in counting.sent] == [True]
