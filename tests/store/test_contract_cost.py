"""What the hot requests cost: how many statements, and that none of them reads a large table from end to end."""

import re
from typing import Any

import msgspec
import pytest
from world import Counting, World, engine_on, name

from modelkeep.api.authentication import Authenticator
from modelkeep.api.failed_logins import FailedLoginLimiter
from modelkeep.api.request_workspace import site
from modelkeep.core.operations.audit import audit_log
from modelkeep.core.operations.catalog import catalogs, explorer, model_search
from modelkeep.core.operations.files import credentials, files
from modelkeep.core.operations.governance import grants
from modelkeep.core.operations.identity import principals as principals_
from modelkeep.core.operations.models import models, versions
from modelkeep.core.token_last_used import TokenLastUsedRecorder
from modelkeep.domain.authorization import Actor
from modelkeep.domain.paths import ArtifactPath
from modelkeep.http.messages import Request
from modelkeep.store import jobs, principals
from modelkeep.store.db import WriteTx, new_id, now_ms

pytest_plugins = ("backends", "places")
pytestmark = pytest.mark.anyio

M = "c0.s0.m0"
USE = "USE_CATALOG@c0+USE_SCHEMA@c0.s0"
LARGE = (
    "principals",
    "memberships",
    "membership_closure",
    "tokens",
    "securables",
    "grants",
    "artifact_sets",
    "artifact_files",
    "model_versions",
    "aliases",
    "tags",
    "lineage",
    "audit",
    "audit_targets",
    "audit_pending",
    "audit_seals",
    "workspace_assignments",
)


def _request(token: str) -> Request:
    headers = [(b"authorization", f"Bearer {token}".encode())]
    request = Request({"method": "GET", "path": "/", "headers": headers}, None, "r")  # type: ignore[arg-type]
    request.site = site("1", "http://x")
    return request


async def _by_alias(w: World, counting: Counting) -> list[str]:
    """The statements of one get-by-alias, sign-in included."""
    who = await w.actor("reader")
    engine = engine_on(w, counting)  # type: ignore[arg-type]
    counting.sent.clear()
    door = Authenticator(counting, TokenLastUsedRecorder(), FailedLoginLimiter(100), w.registry.auditor)  # type: ignore[arg-type]
    actor = await door.authenticate(_request(w.tokens["reader"]))
    assert actor.id == who.id
    version = await engine.execute(actor, versions.GetVersionByAlias(name(M), "champion"))
    assert version.version == 1
    return [sql for sql, _ in counting.sent]


async def test_get_by_alias_is_three_statements(w: World) -> None:
    await w.model(M, reader=f"EXECUTE+{USE}")
    await w.version(M)
    await w.as_("admin").do(models.SetAlias(name(M), "champion", 1))
    signed_in, decided, read = await _by_alias(w, Counting(w.db))
    assert "FROM tokens" in signed_in and "grants" in decided and "FROM aliases" in read


@pytest.mark.parametrize("depth", [0, 1, 5, 40])
async def test_authorization_is_two_statements_at_any_depth_of_nested_groups(w: World, depth: int) -> None:
    """Signing in and deciding; what the request itself reads comes after."""
    await w.model(M)
    await w.version(M)
    await w.as_("admin").do(models.SetAlias(name(M), "champion", 1))
    member = "reader"
    for level in range(depth):
        async with w.db.write() as tx:
            group = await principals.insert(tx, "GROUP", f"level {level}", "test", now_ms())
            inner = await principals.by_name(tx, member) or await principals.insert(
                tx, "USER", member, "test", now_ms()
            )
            await principals.add_member(tx, group, inner)
        member = group.name
    await w.grant(member, f"EXECUTE@{M}+{USE}")
    sent = await _by_alias(w, Counting(w.db))
    assert len(sent) == 3 and "FROM aliases" in sent[-1]


@pytest.mark.parametrize(
    ("request_", "statements"),
    [
        (versions.GetVersion(name(M), 1), 2),
        (models.GetModel(name(M)), 2),
        (versions.ListVersions(name(M)), 2),
        (models.ListModels(name("c0.s0")), 2),
        (models.ListModels(), 3),
        (catalogs.GetSchema(name("c0.s0")), 1),
        (catalogs.ListCatalogs(), 2),
        (model_search.SearchVersions(f"name = '{M}'"), 2),
        (credentials.ReadCredentials(name(M), 1), 2),
        (grants.GetEffectiveGrants(name(M)), 6),  # half of them record it
    ],
)
async def test_statements_of_a_read(lite: World, request_: msgspec.Struct, statements: int) -> None:
    await lite.model(M, reader=f"EXECUTE+{USE}")
    await lite.version(M)
    counting = Counting(lite.db)
    await engine_on(lite, counting).execute(await lite.actor("reader"), request_)  # type: ignore[arg-type]
    sent = [sql for sql, _ in counting.sent]
    assert len(sent) <= statements, sent


# --- plans -----------------------------------------------------------------------------------------------------------


_STAMPS = "created_at, created_by, updated_at, updated_by"
_SECURABLE = f"securables (id, kind, space, parent_id, catalog_id, schema_id, name, name_key, owner_id, {_STAMPS})"
_ROWS = (
    (
        "principals (id, number, kind, name, name_key, created_at, created_by)",
        2000,
        "'user' || $i, i, 'USER', 'user' || $i, 'user' || $i, 0, ''",
    ),
    ("membership_closure (member_id, group_id)", 2000, "'user' || $i, 'user' || $i"),
    (
        "principals (id, number, kind, name, name_key, created_at, created_by)",
        20,
        "'group' || $i, 5000 + i, 'GROUP', 'group' || $i, 'group' || $i, 0, ''",
    ),
    ("membership_closure (member_id, group_id)", 20, "'group' || $i, 'group' || $i"),
    ("memberships (group_id, member_id)", 2000, "'group' || $20, 'user' || $i"),
    (
        "workspace_assignments (workspace_id, principal_id, level, created_at, created_by)",
        2000,
        "'1', 'user' || $i, 'USER', 0, ''",
    ),
    (
        "tokens (id, hash, principal_id, created_at, created_by)",
        2000,
        "'token' || $i, 'hash' || $i, 'user' || $i, 0, ''",
    ),
    (
        _SECURABLE,
        20,
        "'cat' || $i, 'CATALOG', 'catalog', $metastore, NULL, NULL, 'cat' || $i, 'cat' || $i, 'user' || $i, 0, '', 0, ''",
    ),
    (
        _SECURABLE,
        200,
        "'sch' || $i, 'SCHEMA', 'schema', 'cat' || $20, 'cat' || $20, NULL, 'sch' || $i, 'sch' || $i, 'user' || $i, 0, '', 0, ''",
    ),
    (
        _SECURABLE,
        5000,
        "'model' || $i, 'MODEL', 'routine', 'sch' || $200, 'cat' || $20, 'sch' || $200, 'x' || $i, 'x' || $i, "
        "'user' || $2000, 0, '', 0, ''",
    ),
    (
        "grants (securable_id, principal_id, privilege, kind, created_at, created_by)",
        2000,
        "'model' || $i, 'user' || $i, 'EXECUTE', 'MODEL', 0, ''",
    ),
    (
        f"model_versions (id, model_id, version, status, run_id, {_STAMPS})",
        5000,
        "'version' || $i, 'model' || $i, 1, 'READY', 'run' || $i, 0, '', 0, ''",
    ),
    ("aliases (model_id, alias, version)", 5000, "'model' || $i, 'champion', 1"),
    ("tags (securable_id, version, key, value)", 5000, "'model' || $i, 1, 'k', 'v'"),
    ("artifact_sets (id, kind, state, created_at)", 5000, "'set' || $i, 'version', 'live', 0"),
    ("artifact_files (set_id, path, size, segments, modified_at)", 5000, "'set' || $i, 'MLmodel', 1, '[]', 0"),
    (
        "lineage (id, model_id, version, direction, entity_type, entity_name, created_at, created_by)",
        5000,
        "'edge' || $i, 'model' || $i, 1, 'UPSTREAM', 'TABLE', 't' || $i, 0, ''",
    ),
    (
        "audit (id, at, event, operation, actor_id, actor, token_id, source, request_id, targets, request, outcome)",
        5000,
        "'event' || $i, i, 'x', '', '', '', '', '', '', '[]', '{}', 'ok'",
    ),
    ("audit_targets (audit_id, securable_id, at)", 5000, "'event' || $i, 'model' || $i, i"),
    ("audit_pending (audit_id, at)", 5000, "'event' || $i, i"),
    ("audit_seals (seq, audit_id, hash)", 5000, "i, 'event' || $i, 'hash'"),
)


async def _analyze(w: World, tx: WriteTx) -> None:
    """As PostgreSQL does by itself from time to time, and SQLite never."""
    if w.db.dialect == "postgresql":
        await tx.run("ANALYZE")


async def _seed(w: World) -> None:
    """Enough rows that a plan which walks a whole table is the worse one, and the statistics that say so where there are any."""
    await w.model(M, reader=f"EXECUTE+{USE}")
    await w.version(M)
    await w.as_("admin").do(models.SetAlias(name(M), "champion", 1))
    await w.as_("admin").do(models.ChangeTags(name(M), None, {"team": "a"}))
    metastore = (await w.find("")).id
    async with w.db.write() as tx:
        for into, count, values in _ROWS:
            for item in (2000, 200, 20):
                values = values.replace(f"${item}", f"CAST(1 + i % {item} AS TEXT)")
            values = values.replace("$i", "CAST(i AS TEXT)").replace("$metastore", f"'{metastore}'")
            await tx.run(
                f"INSERT INTO {into} WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) "
                f"SELECT {values} FROM n"
            )
        await _analyze(w, tx)


_AUDIT: tuple[dict[str, Any], ...] = (
    {},
    {"actor": "reader"},
    {"event": "model.get"},
    {"event": "model.*"},
    {"name": M},
    {"name": "c0.*"},
    {"outcome": "refused"},
    {"outcome": "NOT_FOUND"},
    {"source": "::1"},
    {"request_id": "r"},
    {"since": 10, "until": 20},
    {"oldest_first": True},
)
"""What is asked of the log"""


async def _hot(w: World) -> list[tuple[str, dict[str, Any]]]:
    """Every statement of the requests that a busy registry sees, with its parameters."""
    counting = Counting(w.db)
    engine = engine_on(w, counting)  # type: ignore[arg-type]
    engine.auditor = w.registry.auditor
    reader: Actor = await w.actor("reader")
    admin: Actor = await w.actor("admin")
    await _by_alias(w, counting)
    for actor, request in (
        (reader, versions.GetVersion(name(M), 1)),
        (reader, models.GetModel(name(M))),
        (reader, versions.ListVersions(name(M))),
        (reader, models.ListModels(max_results=50)),
        (admin, models.ListModels(max_results=50)),
        (admin, models.ListModels(name("c0.s0"), max_results=50)),
        (reader, models.ListModels(name("c0.s0"), max_results=50)),
        (reader, model_search.SearchVersions(f"name = '{M}'")),
        (reader, model_search.SearchVersions("run_id = 'run7'")),
        (reader, model_search.SearchVersions("run_id = 'run7'", 50, order_by=("name",))),
        (reader, model_search.SearchVersions("source_path = 'no such source'")),
        (admin, model_search.SearchVersions("source_path = 'no such source'", 50, order_by=("name DESC",))),
        (reader, model_search.SearchModels("tags.team = 'a'", 50, order_by=("last_updated_timestamp DESC",))),
        (reader, model_search.SearchVersions("", 50, order_by=("last_updated_timestamp DESC", "name"))),
        (admin, model_search.SearchVersions(f"name = '{M}'", 50, order_by=("last_updated_timestamp DESC",))),
        (reader, versions.FindLoggedModel("m-none")),
        (reader, credentials.ReadCredentials(name(M), 1)),
        (reader, catalogs.ListSchemas(name("c0"))),
        (admin, grants.GetEffectiveGrants(name(M))),
        *((admin, audit_log.FindAudit(max_results=20, **item)) for item in _AUDIT),
        (admin, audit_log.ExportAudit(max_results=20)),
        (admin, audit_log.GetActivity(name(M))),
        (admin, audit_log.SummarizeActivity(name(M))),
        (admin, versions.CreateVersion(name=name(M))),
        (admin, versions.DeleteVersion(name(M), 2)),
        (admin, models.SetAlias(name(M), "other", 1)),
        (admin, versions.CopyVersion(name(M), 1, name(M))),
        (admin, models.DeleteModel(name(M))),
        (admin, principals_.AddMember("group1", "group2")),
        (admin, principals_.AddMember("group1", "user7")),
        (admin, principals_.RemoveMember("group1", "group2")),
        (admin, principals_.RemoveMember("group1", "user7")),
        (admin, principals_.SetActive("user7", False)),
        (admin, principals_.DeletePrincipal("group2")),
        *((who, item) for item in _BY_TEXT for who in (reader, admin) if w.db.dialect == "sqlite"),
    ):
        await engine.execute(actor, request)
    async with counting.read() as tx:
        await jobs.due(tx)
    async with counting.write() as tx:
        job = None
        for lane in jobs.LANES:
            job = await jobs.take(tx, w.db.dialect, lane, new_id(), 1000) or job
        assert job is not None
        await jobs.extend(tx, job, 1000)
        await jobs.done(tx, job)
    return counting.sent


_BY_TEXT = (
    model_search.SearchModels("name LIKE '%odel4999'", 50),
    model_search.SearchVersions("tags.team LIKE '%odel4%'", 50),
    explorer.SearchSecurables("model4999"),
    explorer.SearchSecurables("x49 champ", tag="team:a"),
    explorer.SearchSecurables(owner="user7"),
    explorer.SearchSecurables("no such thing"),
)
"""What an index of texts serves (of PostgreSQL's: tests/store/test_trigrams.py)"""

_WALKS_ON_PURPOSE = (
    "x.kind = 'MODEL' AND (x.name_key >",  # an admin's page: walks the index in order and stops at its LIMIT
    "WITH RECURSIVE affected",  # PostgreSQL reads 2,000 memberships rather than their index, for it cannot tell how few it needs
)


async def test_no_hot_statement_walks_a_large_table(w: World) -> None:
    await w.own("", "admin")
    await _seed(w)
    checked, walks = 0, list[str]()
    sent = await _hot(w)
    for sql, params in {sql: (sql, params) for sql, params in sent}.values():
        if sql.lstrip().upper().startswith("INSERT INTO AUDIT") or any(part in sql for part in _WALKS_ON_PURPOSE):
            continue
        checked += 1
        walks += [f"{line}\n    of: {sql}" for line in await _plan(w, sql, params) if _walks(w.db.dialect, line)]
    assert checked > 30
    assert not walks, "\n".join(walks)


async def test_a_page_reads_an_index_and_not_all_models(w: World) -> None:
    """In each order that has an index, however many models and versions lie behind the page.

    PostgreSQL sorts 5,000 versions rather than walk an index, and 180,000 not any more: so only models are read from it here."""
    await w.own("", "admin")
    await _seed(w)
    counting = Counting(w.db)
    engine, admin = engine_on(w, counting), await w.actor("admin")  # type: ignore[arg-type]
    counting.sent.clear()
    await engine.execute(admin, models.ListModels(max_results=20))
    for order in ("name", "last_updated_timestamp DESC", "creation_timestamp"):
        await engine.execute(admin, model_search.SearchModels("", 20, order_by=(order,)))
        if w.db.dialect == "sqlite":
            await engine.execute(admin, model_search.SearchVersions("", 20, order_by=(order,)))
    pages = [
        (sql, params) for sql, params in counting.sent if "x.kind = 'MODEL'" in sql or "FROM model_versions v" in sql
    ]
    assert len(pages) >= 4
    for sql, params in pages:
        walks = [line for line in await _plan(w, sql, params) if _walks(w.db.dialect, line)]
        assert not walks, (walks, sql)


@pytest.mark.parametrize(
    "request_",
    [
        model_search.SearchVersions("source_path = 's'"),
        model_search.SearchVersions("tags.k = 'v'"),
        model_search.SearchModels("tags.k = 'v'"),
        model_search.SearchVersions("source_path = 's'", order_by=("name",)),
        model_search.SearchModels("tags.k = 'v'", order_by=("name DESC",)),
    ],
)
async def test_long_texts_are_found_by_their_beginnings(lite: World, request_: msgspec.Struct) -> None:
    """Not by all rows that have the same key, nor by all versions."""
    await lite.model(M, reader=f"EXECUTE+{USE}")
    await lite.as_("admin").do(models.ChangeTags(name(M), None, {"k": "v"}))
    counting = Counting(lite.db)
    await engine_on(lite, counting).execute(await lite.actor("reader"), request_)  # type: ignore[arg-type]
    by_text = [(sql, params) for sql, params in counting.sent if "substr(" in sql]
    assert by_text
    for sql, params in by_text:
        plan = [
            line for line in await _plan(lite, sql, params) if "tags_key" in line or "model_versions_source" in line
        ]
        assert plan and all("<expr>=?" in line for line in plan), (plan, sql)


async def test_a_file_is_written_into_a_large_set_without_reading_the_set(w: World) -> None:
    await w.model(M)
    version = await w.pending(M, {})
    async with w.db.write() as tx:
        await tx.run(
            "INSERT INTO artifact_files (set_id, path, size, segments, modified_at) WITH RECURSIVE n (i) AS "
            "(SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) SELECT :set, 'd/' || CAST(i AS TEXT), 0, '[]', 0 FROM n",
            set=version.artifact_set_id,
        )
        await _analyze(w, tx)
    counting = Counting(w.db)
    engine = engine_on(w, counting)  # type: ignore[arg-type]
    engine.auditor = w.registry.auditor
    admin, path = await w.actor("admin"), ArtifactPath.file("a/b/c")
    counting.sent.clear()
    await engine.execute(admin, files.WriteSmallFile(path=path, name=name(M), version=1, data=b"x"))
    of_files = [(sql, params) for sql, params in counting.sent if "FROM artifact_files" in sql]
    assert of_files
    for sql, params in of_files:
        used = [line for line in await _plan(w, sql, params) if "set_id" in line]
        assert used and all("path" in line.partition("set_id")[2] for line in used), used


async def _plan(w: World, sql: str, params: dict[str, Any]) -> list[str]:
    async with w.db.write() as tx:
        if w.db.dialect == "sqlite":
            return [row[3] for row in await tx.all(f"EXPLAIN QUERY PLAN {sql}", **params)]
        return [row[0] for row in await tx.all(f"EXPLAIN {sql}", **params)]


def _walks(dialect: str, line: str) -> bool:
    """A scan of a whole large table; SQLite names subqueries d, e and n, and the queue is short."""
    if dialect == "sqlite":
        result = re.match(r"SCAN (\w+)(?: |$)", line)
        return (
            result is not None
            and "INDEX" not in line
            and result[1]
            not in (
                "CONSTANT",
                "d",
                "e",
                "n",
                "h",
                "o",
                "k",
                "g",
                "r",
                "me",
                "mine",
                "affected",
                "a",
                "u",
                "up",
                "json_each",
                "search_names",
                "search_trigrams",
                "jobs",
            )
        )
    result = re.search(r"Seq Scan on (\w+)", line)
    return result is not None and result[1] in LARGE
