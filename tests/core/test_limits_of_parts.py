"""Limits that a part takes as a parameter, or gives to its threads, its driver or its clock.

What such a part does at its limit is tested with a lower one, where it is tested. Here stands that it has this limit otherwise."""

import asyncio
import inspect
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from modelkeep import limits
from modelkeep.api import app as api_app
from modelkeep.api.account import workspace_settings
from modelkeep.api.app import App
from modelkeep.api.auth import authorize
from modelkeep.api.files import workspace_files
from modelkeep.api.sql import query as sql_query
from modelkeep.api.sql import sandbox, statement
from modelkeep.api.sql.errors import BadSql
from modelkeep.api.sql.expressions import Context
from modelkeep.api.sql.grammar import read
from modelkeep.api.sql.select_tree import Query
from modelkeep.api.sql.translate import translate
from modelkeep.api.unity_catalog import models as uc_models
from modelkeep.blobs import shared_folder
from modelkeep.blobs.local import LocalBlobs
from modelkeep.blobs.s3 import S3Blobs
from modelkeep.blobs.storage_threads import Circuit, StorageLane
from modelkeep.blobs.sts import Sts
from modelkeep.core import auditor, steps
from modelkeep.core.operations.models.prompt_links import LinkedVersion, LinkPrompts, check_targets
from modelkeep.core.table import BY_NAME
from modelkeep.domain.authorization import Actor
from modelkeep.domain.errors import InvalidArgument, NotFound, Unavailable
from modelkeep.domain.names import FullName
from modelkeep.jobs import lease, tasks
from modelkeep.jobs.worker import Worker
from modelkeep.observe import disk
from modelkeep.oidc import egress
from modelkeep.serve import process
from modelkeep.store import text_index
from modelkeep.store.postgres import PostgresBounds
from modelkeep.store.postgres_pool import Bounds, Pool
from modelkeep.store.sqlite import SqliteDatabase
from modelkeep.tracking import app as tracking_app
from modelkeep.tracking import proxy, workspace_apps
from modelkeep.tracking.proxy import TrackingServices

Fake: Any = SimpleNamespace

PARAMETERS: list[tuple[str, Any, str]] = [
    ("SCAN_S", SqliteDatabase.__init__, "scan_s"),
    ("SCAN_S", PostgresBounds, "scan_s"),
    ("DATABASE_S", SqliteDatabase.__init__, "wait_s"),
    ("DATABASE_S", PostgresBounds, "statement_s"),
    ("POSTGRES_WAIT_S", PostgresBounds, "wait_s"),
    ("POSTGRES_SCANNERS", PostgresBounds, "scanners"),
    ("SEARCH_CANDIDATES", text_index.narrowest, "most"),
    ("JOB_LEASE_MS", Worker.__init__, "lease_ms"),
    ("JOB_LONGEST_S", Worker.__init__, "longest_s"),
    ("JOBS_STOP_S", Worker.stop, "seconds"),
    ("AUDIT_HEAD_S", Worker.__init__, "head_s"),
    ("LANE_WAITING", StorageLane.__init__, "waiting"),
    ("CIRCUIT_FAILURES", Circuit.__init__, "failures"),
    ("CIRCUIT_OPEN_S", Circuit.__init__, "open_s"),
    ("STORE_THREADS", S3Blobs.__init__, "threads"),
]


@pytest.mark.parametrize(
    ("limit", "of", "parameter"), PARAMETERS, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_parameter_is_the_limit_unless_it_is_given(limit: str, of: Any, parameter: str) -> None:
    assert inspect.signature(of).parameters[parameter].default == getattr(limits, limit)


# --- threads and drivers ---------------------------------------------------------------------------------------------


def test_threads_of_dependencies() -> None:
    for pool, threads in (
        (shared_folder._LANE._pool, limits.SHARED_FOLDER_THREADS),  # pyright: ignore[reportPrivateUsage]
        (egress._resolver, limits.DNS_THREADS),  # pyright: ignore[reportPrivateUsage]
        (sandbox._POOL, limits.SQL_STATEMENTS),  # pyright: ignore[reportPrivateUsage]
        (Sts("b", "", "arn:aws:iam::1:role/r", region="eu-west-1")._lane._pool, limits.STS_THREADS),  # pyright: ignore[reportPrivateUsage]
    ):
        assert pool._max_workers == threads  # pyright: ignore[reportPrivateUsage]
    assert sql_query._TURNS._free == limits.SQL_STATEMENTS  # pyright: ignore[reportPrivateUsage]


def test_sockets_to_the_store_and_its_sts() -> None:
    store, issuer = S3Blobs("b", region="eu-west-1"), Sts("b", "", "arn:aws:iam::1:role/r", region="eu-west-1")
    for client in (store._quick, issuer._client):  # pyright: ignore[reportPrivateUsage]
        assert client.meta.config.read_timeout == limits.STORE_SOCKET_S


async def _deletes(blobs: LocalBlobs) -> None:
    await blobs.delete_set("0000-01")
    assert [item async for item in blobs.sets()] == []


def test_jobs_of_the_store_have_their_own_deadline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds: list[float] = []
    plain = StorageLane.run

    async def noted(self: StorageLane, deadline: float, call: Any, *args: object) -> Any:
        seconds.append(deadline)
        return await plain(self, deadline, call, *args)

    monkeypatch.setattr(StorageLane, "run", noted)
    asyncio.run(_deletes(LocalBlobs(tmp_path / "storage")))
    assert set(seconds) == {limits.STORE_JOB_S}


def test_connections_to_postgresql() -> None:
    pool = Pool("postgresql://h/d", "work", 1, Bounds(1, 1), read_only=False, pooler=False)
    assert pool.arguments()["connect_timeout"] == limits.CONNECT_S
    assert Bounds(1, 1).settings()["idle_in_transaction_session_timeout"] == limits.IDLE_IN_TRANSACTION_S * 1000


def test_the_server_takes_short_turns_of_threads() -> None:
    """Set when the server starts, for its whole process."""
    assert process.THREAD_TURN_S == limits.THREAD_TURN_S
    assert "setswitchinterval(THREAD_TURN_S)" in inspect.getsource(process)


# --- jobs ------------------------------------------------------------------------------------------------------------


def test_how_often_a_worker_looks() -> None:
    async def case() -> list[float]:
        worker = Worker(Fake(shared=None, disk=Fake(check=None), audit_ms=0, otlp=None))
        every: list[float] = []

        async def loop(seconds: float, _: Any) -> None:
            every.append(seconds)

        worker._loop = loop  # type: ignore[method-assign]  # pyright: ignore[reportPrivateUsage]
        worker.start()
        await asyncio.sleep(0)
        return every

    every = asyncio.run(case())
    assert limits.AUDIT_HEAD_CHECK_S in every and limits.DISK_CHECK_S in every


def test_a_cancelled_job_that_does_not_end_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    async def wait(running: set[Any], **named: float) -> tuple[set[Any], set[Any]]:
        waited.append(named["timeout"])
        return set(), running

    async def case() -> None:
        monkeypatch.setattr(lease.asyncio, "wait", wait)
        await lease.cancelled([asyncio.get_running_loop().create_future()])

    asyncio.run(case())
    assert waited == [limits.JOBS_CANCEL_S]


def test_a_pause_between_two_steps_of_a_deletion(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    left = [3]

    async def remove(*_: Any) -> bool:
        left[0] -= 1
        return not left[0]

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    class Db:
        dialect = "sqlite"

        def write(self) -> Any:
            return self

        async def __aenter__(self) -> None: ...

        async def __aexit__(self, *_: object) -> None: ...

    monkeypatch.setattr(tasks.deletion, "remove", remove)
    monkeypatch.setattr(tasks, "asyncio", Fake(sleep=sleep))
    asyncio.run(tasks.delete_detached(Fake(db=Db()), "x"))
    assert pauses == [limits.DELETE_PAUSE_MS / 1000] * 2


def test_a_small_disk_keeps_a_share_free() -> None:
    async def case(free: int) -> str:
        guard = disk.DiskGuard(Fake(reason=""), [Path("/")], 10**9)
        guard._usage = usage(free)  # type: ignore[method-assign]  # pyright: ignore[reportPrivateUsage]
        return await guard._look()  # pyright: ignore[reportPrivateUsage]

    def usage(free: int) -> Any:
        async def of(_: Path) -> Any:
            return Fake(total=10**12, free=free)

        return of

    assert not asyncio.run(case(int(10**12 * limits.DISK_MOST_SHARE)))
    assert asyncio.run(case(int(10**12 * limits.DISK_MOST_SHARE) - 1))


# --- operations ------------------------------------------------------------------------------------------------------


def test_one_change_in_steps_waits_for_another(monkeypatch: pytest.MonkeyPatch) -> None:
    assert steps.STEPS_WAIT_S == limits.STEPS_WAIT_S
    monkeypatch.setattr(steps, "STEPS_WAIT_S", 0.01)

    async def case() -> None:
        lock = steps.StepLock()
        async with lock.hold():
            with pytest.raises(Unavailable, match="Other large changes are under way"):
                async with lock.hold():
                    pass
        async with lock.hold():
            pass

    asyncio.run(case())


def test_links_of_prompts_in_one_call() -> None:
    def request_of(count: int) -> LinkPrompts:
        return LinkPrompts((LinkedVersion(FullName(("a", "b", "c")), 1),), "run", tuple(f"r{n}" for n in range(count)))

    ctx = Fake(services=Fake(tracking=None))
    with pytest.raises(NotFound, match="of a workspace"):
        asyncio.run(check_targets(ctx, Fake(), request_of(limits.PROMPT_LINKS_AT_ONCE)))
    with pytest.raises(InvalidArgument, match=f"at most {limits.PROMPT_LINKS_AT_ONCE} are made at once"):
        asyncio.run(check_targets(ctx, Fake(), request_of(limits.PROMPT_LINKS_AT_ONCE + 1)))


def test_reasons_in_the_audit_log() -> None:
    op = BY_NAME["get_me"]
    for length in (limits.AUDIT_REASON_CHARS, limits.AUDIT_REASON_CHARS + 1):
        event = auditor._event(op, op.request(), Actor("1", "a", "USER"), [], auditor._Result("r", "X", "x" * length))  # pyright: ignore[reportPrivateUsage]
        assert event.reason.rstrip(f" .({length}characters)") == "x" * limits.AUDIT_REASON_CHARS
        assert event.reason.endswith("characters)") is (length > limits.AUDIT_REASON_CHARS)


# --- requests --------------------------------------------------------------------------------------------------------


def test_assignments_of_one_request() -> None:
    site = Fake(site=Fake(workspace_id="1"))

    def request_of(count: int) -> Any:
        entry = workspace_settings.NamedAssignment(user_name="u", permissions=("USER",))
        return workspace_settings.AssignNamed(permission_assignments=(entry,) * count)

    assert len(workspace_settings._assign_named(request_of(limits.ASSIGNMENTS_PER_REQUEST), site)) >= 1  # pyright: ignore[reportPrivateUsage]
    for count in (0, limits.ASSIGNMENTS_PER_REQUEST + 1):
        with pytest.raises(InvalidArgument, match=f"1 to {limits.ASSIGNMENTS_PER_REQUEST} entries"):
            workspace_settings._assign_named(request_of(count), site)  # pyright: ignore[reportPrivateUsage]


def test_aliases_of_one_update_of_a_model() -> None:
    model = FullName(("a", "b", "c"))
    aliases = tuple(uc_models.AliasOfVersion(f"a{n}", 1) for n in range(limits.ALIASES_PER_REQUEST + 1))
    assert len(uc_models._aliases(model, aliases[:-1])) == limits.ALIASES_PER_REQUEST  # pyright: ignore[reportPrivateUsage]
    with pytest.raises(InvalidArgument, match=f"at most {limits.ALIASES_PER_REQUEST} are set at once"):
        uc_models._aliases(model, aliases)  # pyright: ignore[reportPrivateUsage]


def test_bytes_of_a_request_for_authorization() -> None:
    fits = b"a=" + b"x" * (limits.AUTHORIZE_QUERY_BYTES - 2)
    assert authorize._fields(fits) == {"a": "x" * (limits.AUTHORIZE_QUERY_BYTES - 2)}  # pyright: ignore[reportPrivateUsage]
    with pytest.raises(InvalidArgument, match=f"more than {limits.AUTHORIZE_QUERY_BYTES} bytes"):
        authorize._fields(fits + b"x")  # pyright: ignore[reportPrivateUsage]


def test_bytes_of_a_workspace_file(monkeypatch: pytest.MonkeyPatch) -> None:
    async def stream() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"12345"

    async def read(limit: int) -> int:
        return len([chunk async for chunk in workspace_files._bounded(stream(), limit)])  # pyright: ignore[reportPrivateUsage]

    assert workspace_files.WORKSPACE_FILE_BYTES == limits.WORKSPACE_FILE_BYTES
    assert asyncio.run(read(15)) == 3
    with pytest.raises(InvalidArgument, match=f"at most {limits.WORKSPACE_FILE_BYTES} bytes"):
        asyncio.run(read(14))


def test_paths_in_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    paths: list[str] = []
    monkeypatch.setattr(api_app, "access", lambda line: paths.append(line.path))
    for length in (limits.MAX_LOGGED_PATH, limits.MAX_LOGGED_PATH + 1):
        request = Fake(id="r", method="GET", path="/" * length, waited=0.0, source="s")
        App._log(Fake(), request, "name", 200, 0.1, Fake(name="a"))  # pyright: ignore[reportPrivateUsage]
    assert [len(path) for path in paths] == [limits.MAX_LOGGED_PATH] * 2


def test_what_a_remembered_meaning_counts_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async def read(*_: Any, **__: Any) -> str:
        return "fields"

    monkeypatch.setattr(api_app, "read_in_turn", read)
    monkeypatch.setattr(api_app, "json_type", lambda _: "")
    app = Fake(_readings={}, _readings_bytes=0)
    route = Fake(path="/x", read=lambda fields: fields, keys_limit=limits.JSON_KEYS)
    for number in range(3):
        request = Fake(method="GET", has_body=False, path="/x", query_string=b"q=%d" % number, caller="c")
        asyncio.run(App._read(app, route, request, {}))  # pyright: ignore[reportPrivateUsage]
    assert len(app._readings) == 3 and app._readings_bytes == 3 * (limits.READING_BYTES + len("/xq=0"))
    app._readings_bytes = limits.READINGS_BYTES + 1
    request.query_string = b"q=9"
    asyncio.run(App._read(app, route, request, {}))  # pyright: ignore[reportPrivateUsage]
    assert len(app._readings) == 1


# --- SQL -------------------------------------------------------------------------------------------------------------


def test_where_a_statement_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    """At once or in the parser's thread: by its length, both when it is read and when it is translated."""
    assert sql_query.SQL_INLINE_CHARACTERS == statement.SQL_INLINE_CHARACTERS == limits.SQL_INLINE_CHARACTERS
    where: list[str] = []

    async def in_parser(*_: Any) -> str:
        where.append("thread")
        return ""

    monkeypatch.setattr(sql_query, "translate", lambda *_: where.append("loop"))
    monkeypatch.setattr(sql_query, "in_parser", in_parser)
    session = Fake(home=FullName(("a", "b")), actor=Fake(name="x"))
    for characters in (limits.SQL_INLINE_CHARACTERS, limits.SQL_INLINE_CHARACTERS + 1):
        asyncio.run(sql_query._plan(session, Fake(characters=characters)))  # pyright: ignore[reportPrivateUsage]
    assert where == ["loop", "thread"]


def test_steps_between_two_looks_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    steps_between: list[int] = []

    class Connection:
        def __getattr__(self, _: str) -> Any:
            return lambda *_, **__: None

        def set_progress_handler(self, _: Any, count: int) -> None:
            steps_between.append(count)

    monkeypatch.setattr(sandbox.sqlite3, "connect", lambda *_, **__: Connection())
    sandbox.Sandbox(0.0)
    assert steps_between == [limits.SQL_STEPS]


def _translated(statement: str) -> int:
    """How many columns its answer has."""
    context = Context(user="a", catalog="", schema="", now=0)
    return len(translate(cast(Query, read(statement)), FullName(("main", "default")), context).columns)


@pytest.mark.parametrize(
    "source", ["system.information_schema.catalogs", "(SELECT 1 AS n)", "information_schema.schemata"]
)
@pytest.mark.parametrize("joined", [", ", " CROSS JOIN "])
def test_tables_and_subqueries_of_a_statement(source: str, joined: str) -> None:
    def names(count: int) -> str:
        return "SELECT 1 FROM " + joined.join(f"{source} AS t{n}" for n in range(count))

    assert _translated(names(limits.SQL_TABLES)) == 1
    with pytest.raises(BadSql, match=f"at most {limits.SQL_TABLES} tables"):
        _translated(names(limits.SQL_TABLES + 1))


@pytest.mark.parametrize("column", ["1", "'x' AS c{}", "current_user()"])
def test_columns_of_an_answer(column: str) -> None:
    def lists(count: int) -> str:
        return "SELECT " + ", ".join(column.format(n) for n in range(count))

    assert _translated(lists(limits.SQL_COLUMNS)) == limits.SQL_COLUMNS
    with pytest.raises(BadSql, match=f"at most {limits.SQL_COLUMNS} columns"):
        _translated(lists(limits.SQL_COLUMNS + 1))


# --- tracking --------------------------------------------------------------------------------------------------------


def test_searches_of_one_principal_in_one_workspace() -> None:
    tracking = tracking_app.TrackingApp(TrackingServices(Fake(), Fake(), Fake(), Fake(), Fake(), "1", Fake()))
    assert tracking._searches._at_once == limits.TRACKING_SEARCHES_OF_PRINCIPAL  # pyright: ignore[reportPrivateUsage]


def test_where_bodies_of_tracking_calls_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    where: list[str] = []

    async def to_thread(call: Any, *args: Any) -> Any:
        where.append("thread")
        return call(*args)

    monkeypatch.setattr(proxy.asyncio, "to_thread", to_thread)
    monkeypatch.setattr(proxy.answers, "decode", lambda answer: answer)
    for size in (limits.TRACKING_INLINE_BYTES, limits.TRACKING_INLINE_BYTES + 1):
        asyncio.run(proxy._decoded(Fake(body=b"x" * size)))  # pyright: ignore[reportPrivateUsage]
    assert where == ["thread"]


def test_idle_tracking_servers_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    stopped: list[str] = []

    def server(name: str, idle_s: float) -> Any:
        async def stop() -> None:
            stopped.append(name)

        return None, Fake(idle_s=idle_s, stop=stop)

    async def existing() -> set[str]:
        return {"busy", "idle"}

    async def case() -> None:
        apps: Any = Fake(
            _default="default",
            _existing=existing,
            _starting=asyncio.Lock(),
            _open={"busy": server("busy", limits.TRACKING_IDLE_S), "idle": server("idle", limits.TRACKING_IDLE_S + 1)},
        )
        await workspace_apps.TrackingApps.sweep(apps)

    asyncio.run(case())
    assert stopped == ["idle"]
    sleeps: list[float] = []

    async def sleep(seconds: float) -> None:
        sleeps.append(seconds)
        if len(sleeps) == 2:
            raise asyncio.CancelledError

    async def swept() -> None: ...

    monkeypatch.setattr(workspace_apps, "asyncio", Fake(sleep=sleep))
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(workspace_apps.TrackingApps._sweep_forever(Fake(sweep=swept)))  # pyright: ignore[reportPrivateUsage]
    assert sleeps == [limits.TRACKING_SWEEP_S] * 2
