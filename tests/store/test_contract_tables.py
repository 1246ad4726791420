"""Managed tables on both databases: one winner a version, nothing of a staging before its creation, no folder purged too early."""

import asyncio
import uuid
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from world import World

from modelkeep import limits
from modelkeep.blobs.table_folders import TableFolders
from modelkeep.core.operations.catalog import catalogs, objects, tables
from modelkeep.core.operations.tables.delta_columns import DeltaField, DeltaSchema
from modelkeep.core.operations.tables.delta_commits import CommitsById, CommitTable, CommitTableById, TableChanges
from modelkeep.core.operations.tables.delta_tables import (
    REQUIRED_PROPERTIES,
    TABLE_ID,
    WRITER_FEATURES,
    CreateStagedTable,
    LoadedTable,
    LoadTable,
    Protocol,
    StagedTable,
    StageTable,
    StagingCredentials,
)
from modelkeep.domain.errors import (
    AlreadyExists,
    Conflict,
    InvalidArgument,
    LimitExceeded,
    NotFound,
    PermissionDenied,
    RegistryError,
    TooManyCommits,
    VersionConflict,
)
from modelkeep.domain.kinds import Kind
from modelkeep.domain.names import FullName
from modelkeep.domain.storage_urls import parse_storage_url
from modelkeep.jobs.table_purge import TablePurge, give_up_stagings, purge
from modelkeep.store import delta_tables, storage_paths
from modelkeep.store.db import now_ms
from modelkeep.store.delta_tables import DeltaCommit

pytest_plugins = ("backends", "places")
pytestmark = pytest.mark.anyio
PROTOCOL = Protocol(3, 7, WRITER_FEATURES[:4], WRITER_FEATURES)


def table_name(text: str) -> FullName:
    return FullName(("prod", "ml", text), Kind.TABLE)


def commit(version: int, file: str = "") -> DeltaCommit:
    return DeltaCommit(version, 1, f"{version:020}.{file or uuid.uuid4()}.json", 100, 1)


async def use_folder(w: World, folder: Path) -> None:
    """Tables lie in this folder, and schema prod.ml is there."""
    await w.schema("prod.ml")
    known = msgspec.structs.replace(w.engine.services.settings, tables_root=parse_storage_url(str(folder)))
    w.engine.services = msgspec.structs.replace(w.engine.services, settings=known)


async def stage(w: World, text: str, who: str = "admin") -> StagedTable:
    return await w.as_(who).do(StageTable(table_name(text)))


def creation(staged: StagedTable, text: str, **changes: Any) -> CreateStagedTable:
    properties = {**REQUIRED_PROPERTIES, TABLE_ID: staged.id}
    fields: dict[str, Any] = {
        "name": table_name(text),
        "location": staged.storage.url,
        "schema": DeltaSchema((DeltaField("id", "long"),)),
        "protocol": PROTOCOL,
        "properties": properties,
        "timestamp": 1,
    }
    return CreateStagedTable(**(fields | changes))


async def managed(w: World, text: str) -> LoadedTable:
    return await w.as_("admin").do(creation(await stage(w, text), text))


async def change(w: World, table: LoadedTable, who: str = "admin", **changes: Any) -> LoadedTable:
    name = FullName(tuple(table.securable.full_name.split(".")), Kind.TABLE)
    return await w.as_(who).do(CommitTable(name=name, table_id=table.securable.id, changes=TableChanges(**changes)))


async def test_of_writers_of_one_version_one_wins_and_the_others_get_the_error_that_makes_delta_retry(
    w: World, tmp_path: Path
) -> None:
    await use_folder(w, tmp_path)
    table = await managed(w, "raced")
    for version in range(1, 6):
        commits = [commit(version) for _ in range(6)]
        answers = await asyncio.gather(
            *(change(w, table, commit=entry, published=version - 1) for entry in commits), return_exceptions=True
        )
        winners = [entry for entry, answer in zip(commits, answers, strict=True) if isinstance(answer, LoadedTable)]
        assert [type(answer) for answer in answers].count(VersionConflict) == 5, answers
        latest: LoadedTable = await w.as_("admin").do(LoadTable(table_name("raced")))
        assert latest.commits == tuple(winners)
        assert latest.versions is not None
        assert (latest.versions.latest, latest.versions.published) == (version, version - 1)


async def test_a_commit_that_is_sent_again_changes_nothing(w: World, tmp_path: Path) -> None:
    await use_folder(w, tmp_path)
    table = await managed(w, "resent")
    first = commit(1)
    accepted = await change(w, table, commit=first, set_properties={"a": "b"})
    assert accepted.definition.properties["a"] == "b"
    again = await change(w, table, commit=first, set_properties={"a": "c"}, comment="never")
    assert (again.definition, again.commits, again.etag) == (accepted.definition, (first,), accepted.etag)
    together = await asyncio.gather(*(change(w, table, commit=first) for _ in range(4)))
    assert {answer.commits for answer in together} == {(first,)}
    await change(w, table, published=1)
    assert (await change(w, table, commit=first)).commits == ()
    with pytest.raises(VersionConflict):
        await change(w, table, commit=commit(1))


async def test_gaps_are_refused_and_at_most_ten_commits_stay_unpublished(w: World, tmp_path: Path) -> None:
    await use_folder(w, tmp_path)
    table = await managed(w, "full")
    for version, error in ((2, InvalidArgument), (9, InvalidArgument)):
        with pytest.raises(error, match="the next is 1"):
            await change(w, table, commit=commit(version))
    for version in range(1, limits.UNPUBLISHED_COMMITS + 1):
        await change(w, table, commit=commit(version))
    with pytest.raises(TooManyCommits):
        await change(w, table, commit=commit(11))
    for published in (11, 10**12):
        with pytest.raises(InvalidArgument, match="cannot be published"):
            await change(w, table, commit=commit(11), published=published)
    latest = await change(w, table, commit=commit(11), published=4)
    assert [entry.version for entry in latest.commits] == list(range(11, 4, -1))
    assert [entry.version for entry in (await change(w, table, published=2)).commits] == list(range(11, 4, -1))
    only: LoadedTable = await w.as_("admin").do(CommitsById(table_id=table.securable.id, start=6, end=7))
    assert [entry.version for entry in only.commits] == [7, 6]


async def test_nothing_of_a_staging_is_seen_before_its_table(w: World, tmp_path: Path) -> None:
    await use_folder(w, tmp_path)
    await w.user("ann")
    await w.grant("ann", "USE_CATALOG@prod+USE_SCHEMA@prod.ml+CREATE_TABLE@prod.ml")
    staged = await stage(w, "hidden")
    with pytest.raises(NotFound):
        await w.as_("admin").do(LoadTable(table_name("hidden")))
    page = await w.as_("admin").do(objects.ListObjects(FullName(("prod", "ml")), Kind.TABLE))
    assert page.items == ()
    for request in (StagingCredentials(staged.id), StagingCredentials("x"), creation(staged, "stolen")):
        with pytest.raises(NotFound):
            await w.as_("ann").do(request)
    with pytest.raises(NotFound):
        await w.as_("admin").do(CommitsById(table_id=staged.id))
    own = await stage(w, "hidden", "ann")  # the name is free until one of them is created
    await w.as_("ann").do(creation(own, "hidden"))
    with pytest.raises(AlreadyExists):
        await w.as_("admin").do(creation(staged, "hidden"))
    assert (await w.as_("admin").do(creation(staged, "other"))).securable.id == staged.id
    with pytest.raises(NotFound, match="staging table of yours"):
        await w.as_("admin").do(creation(staged, "third"))


async def test_one_staging_becomes_one_table(w: World, tmp_path: Path) -> None:
    await use_folder(w, tmp_path)
    staged = await stage(w, "t0")
    requests = (w.as_("admin").do(creation(staged, f"t{i}")) for i in range(5))
    answers: list[Any] = await asyncio.gather(*requests, return_exceptions=True)
    assert sum(isinstance(answer, LoadedTable) for answer in answers) == 1
    assert all(isinstance(answer, LoadedTable | NotFound | InvalidArgument) for answer in answers), answers
    page = await w.as_("admin").do(objects.ListObjects(FullName(("prod", "ml")), Kind.TABLE))
    assert [item.id for item in page.items] == [staged.id]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"protocol": Protocol(1, 2)}, "min-reader-version 3"),
        ({"protocol": Protocol(4, 8, WRITER_FEATURES, WRITER_FEATURES)}, "min-reader-version 3"),
        ({"protocol": Protocol(3, 7, WRITER_FEATURES[:3], WRITER_FEATURES)}, "reader feature 'deletionVectors'"),
        ({"protocol": Protocol(3, 7, (*WRITER_FEATURES, "x"), WRITER_FEATURES)}, "'x' must be a writer feature"),
        ({"properties": {}}, "needs the property"),
        ({"properties": {**REQUIRED_PROPERTIES, TABLE_ID: "other"}}, "must be the staging's table id"),
        ({"schema": DeltaSchema((DeltaField("a b", "long"),))}, "delta.columnMapping.mode"),
        ({"schema": DeltaSchema((DeltaField("a", "long"), DeltaField("A", "long")))}, "differ by more than case"),
        ({"schema": DeltaSchema((DeltaField("a", "bigint"),))}, "no type of a Delta column"),
        ({"partition_columns": ("absent",)}, "names 'absent'"),
        ({"location": "s3://bucket/../x"}, "empty part"),
        ({"location": "file:///lake/*"}, None),
        ({"location": "file:///lake/${user.name}"}, None),
    ],
)
async def test_a_table_that_breaks_a_rule_is_not_created(
    w: World, tmp_path: Path, changes: dict[str, Any], words: str | None
) -> None:
    await use_folder(w, tmp_path)
    staged = await stage(w, "bad")
    with pytest.raises((InvalidArgument, NotFound), match=words):
        await w.as_("admin").do(creation(staged, "bad", **changes))
    await w.as_("admin").do(creation(staged, "bad"))


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"set_properties": {"delta.feature.x": "supported"}}, InvalidArgument),
        ({"set_properties": {"delta.lastUpdateVersion": "9"}}, InvalidArgument),
        ({"set_properties": {TABLE_ID: "other"}}, InvalidArgument),
        ({"removed_properties": (TABLE_ID,)}, InvalidArgument),
        ({"removed_properties": ("delta.checkpointPolicy",)}, InvalidArgument),
        ({"set_properties": {"a": "b"}, "removed_properties": ("a",)}, InvalidArgument),
        ({"protocol": Protocol(1, 2)}, InvalidArgument),
        ({"snapshot": (1, 1)}, InvalidArgument),
        ({"set_properties": {str(i): "" for i in range(limits.TABLE_PROPERTIES)}}, LimitExceeded),
        ({"schema": DeltaSchema((DeltaField("a", {"type": "list"}),))}, InvalidArgument),
    ],
)
async def test_a_change_that_breaks_a_rule_commits_nothing(
    w: World, tmp_path: Path, changes: dict[str, Any], error: type[RegistryError]
) -> None:
    await use_folder(w, tmp_path)
    table = await managed(w, "kept")
    with pytest.raises(error):
        await change(w, table, commit=commit(1), **changes)
    latest: LoadedTable = await w.as_("admin").do(LoadTable(table_name("kept")))
    assert (latest.commits, latest.definition, latest.etag) == ((), table.definition, table.etag)


async def test_another_tables_commit_and_an_old_etag_are_refused(w: World, tmp_path: Path) -> None:
    await use_folder(w, tmp_path)
    table, other = await managed(w, "mine"), await managed(w, "other")
    request = CommitTable(name=table_name("mine"), table_id=other.securable.id, changes=TableChanges(commit=commit(1)))
    with pytest.raises(Conflict, match="another table"):
        await w.as_("admin").do(request)
    for _ in range(3):
        changed = await change(w, table, comment=str(uuid.uuid4()))
        assert changed.etag != table.etag
        stale = msgspec.structs.replace(request, table_id=table.securable.id, etag=table.etag)
        with pytest.raises(Conflict, match="has changed"):
            await w.as_("admin").do(stale)
        table = changed
    by_id = CommitTableById(
        table_id=table.securable.id, location=other.definition.storage_location, changes=TableChanges(commit=commit(1))
    )
    with pytest.raises(InvalidArgument, match="not the location"):
        await w.as_("admin").do(by_id)


async def test_a_commit_needs_modify_whatever_the_folder_allows(w: World, tmp_path: Path) -> None:
    await use_folder(w, tmp_path)
    table = await managed(w, "guarded")
    await w.user("reader")
    await w.grant("reader", "USE_CATALOG@prod+USE_SCHEMA@prod.ml+SELECT@prod.ml.guarded!TABLE")
    assert (await w.as_("reader").do(LoadTable(table_name("guarded")))).securable.id == table.securable.id
    with pytest.raises(PermissionDenied, match="MODIFY"):
        await change(w, table, "reader", commit=commit(1))
    by_id = CommitTableById(
        table_id=table.securable.id, location=table.definition.storage_location, changes=TableChanges(commit=commit(1))
    )
    with pytest.raises(PermissionDenied, match="MODIFY"):
        await w.as_("reader").do(by_id)


async def test_a_drop_and_commits_at_once_leave_no_table(w: World, tmp_path: Path) -> None:
    await use_folder(w, tmp_path)
    for text in ("d1", "d2", "d3"):
        table = await managed(w, text)
        writes = [change(w, table, commit=commit(1)) for _ in range(3)]
        answers = await asyncio.gather(
            *writes, w.as_("admin").do(objects.DeleteObject(table_name(text))), return_exceptions=True
        )
        assert all(isinstance(answer, LoadedTable | NotFound | VersionConflict | None) for answer in answers), answers
        with pytest.raises(NotFound):
            await change(w, table, commit=commit(2))
        assert await w.rows("SELECT 1 FROM delta_commits") == []


async def test_after_a_rename_the_same_table_goes_on(w: World, tmp_path: Path) -> None:
    await use_folder(w, tmp_path)
    table = await managed(w, "before")
    await change(w, table, commit=commit(1))
    await w.as_("admin").do(objects.RenameObject(table_name("before"), table_name("after")))
    with pytest.raises(NotFound):
        await change(w, table, commit=commit(2))
    renamed: LoadedTable = await w.as_("admin").do(LoadTable(table_name("after")))
    assert renamed.definition.storage_location == table.definition.storage_location
    assert (await change(w, renamed, commit=commit(2))).versions is not None
    grant = await w.as_("admin").do(StagingCredentials(table.securable.id))
    assert grant.url == table.definition.storage_location


async def test_columns_keep_deltas_types_and_follow_the_commits(w: World, tmp_path: Path) -> None:
    await use_folder(w, tmp_path)
    table = await managed(w, "typed")
    nested = {"type": "map", "key-type": "string", "value-type": "integer", "value-contains-null": True}
    fields = (
        DeltaField("id", "long", nullable=False, metadata={"comment": "key"}),
        DeltaField("price", "decimal(10,2)"),
        DeltaField("tags", {"type": "array", "element-type": nested, "contains-null": True}),
        DeltaField("sepal length (cm)", "double"),
    )
    mapped = {"delta.columnMapping.mode": "name"}
    changed = await change(
        w,
        table,
        commit=commit(1),
        schema=DeltaSchema(fields),
        set_properties=mapped,
        partition_columns=("PRICE",),
    )
    words = [(column.name, column.type_text, column.type_name) for column in changed.definition.columns]
    assert words == [
        ("id", "bigint", "LONG"),
        ("price", "decimal(10,2)", "DECIMAL"),
        ("tags", "array<map<string,int>>", "ARRAY"),
        ("sepal length (cm)", "double", "DOUBLE"),
    ]
    assert '"elementType"' in changed.definition.columns[2].type_json
    assert [column.partition_index for column in changed.definition.columns] == [None, 0, None, None]
    assert changed.definition.columns[0].comment == "key"
    assert changed.definition.properties["delta.lastUpdateVersion"] == "1"
    fewer = await change(w, table, commit=commit(2), published=1, schema=DeltaSchema(fields[:1]))
    assert [column.name for column in fewer.definition.columns] == ["id"]


async def test_types_nest_up_to_a_limit(w: World, tmp_path: Path) -> None:
    await use_folder(w, tmp_path)
    table = await managed(w, "deep")

    def nested(levels: int) -> Any:
        delta_type: Any = "long"
        for _ in range(levels - 1):
            delta_type = {"type": "array", "element-type": delta_type, "contains-null": True}
        return delta_type

    for levels in (1, 50, limits.COLUMN_NESTING):
        await change(w, table, schema=DeltaSchema((DeltaField("a", nested(levels)),)))
    with pytest.raises(InvalidArgument, match="nested more than"):
        await change(w, table, schema=DeltaSchema((DeltaField("a", nested(limits.COLUMN_NESTING + 1)),)))


async def test_ten_thousand_columns_are_stored_and_one_more_is_refused(w: World, tmp_path: Path) -> None:
    await use_folder(w, tmp_path)
    fields = tuple(DeltaField(f"c{i}", "long") for i in range(limits.TABLE_COLUMNS + 1))
    staged = await stage(w, "wide")
    with pytest.raises(InvalidArgument, match="At most 10000"):
        await w.as_("admin").do(creation(staged, "wide", schema=DeltaSchema(fields)))
    table: LoadedTable = await w.as_("admin").do(creation(staged, "wide", schema=DeltaSchema(fields[:-1])))
    assert len(table.definition.columns) == limits.TABLE_COLUMNS


async def test_stagings_are_bounded_and_given_up_after_a_day(
    w: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await use_folder(w, tmp_path)
    monkeypatch.setattr("modelkeep.core.operations.tables.delta_tables.STAGED_TABLES", 2)
    staged = [await stage(w, "many") for _ in range(2)]
    with pytest.raises(LimitExceeded, match="wait to be created"):
        await stage(w, "many")
    await give_up_stagings(w.db)
    assert (await w.as_("admin").do(StagingCredentials(staged[0].id))).url == staged[0].storage.url
    async with w.db.write() as tx:
        await tx.run("UPDATE table_folders SET since = 0")
    await give_up_stagings(w.db)
    for entry in staged:
        for request in (StagingCredentials(entry.id), creation(entry, "late")):
            with pytest.raises(NotFound):
                await w.as_("admin").do(request)
    assert len(await w.rows("SELECT key FROM jobs WHERE task = 'purge_table'")) == 2
    await stage(w, "many")


@pytest.mark.parametrize("how", ["table", "schema", "catalog"])
async def test_a_dropped_tables_files_go_once_nobody_can_write_them(w: World, tmp_path: Path, how: str) -> None:
    await use_folder(w, tmp_path)
    (outside := tmp_path / "outside").mkdir()
    (outside / "precious").write_text("x")
    table = await managed(w, "gone")
    folder = Path(table.definition.storage_location.removeprefix("file://"))
    (folder / "_delta_log").mkdir(parents=True)
    (folder / "_delta_log" / "0.json").write_text("{}")
    (folder / "link").symlink_to(outside)
    (folder / "_delta_log" / "link").symlink_to(outside / "precious")
    async with w.db.write() as tx:
        await storage_paths.keep_write_expiry(tx, table.securable.id, now_ms() + 3_600_000)
    at = TablePurge(TableFolders(), w.engine.config)
    assert await purge(w.db, at, table.securable.id) is None  # not dropped: the job does nothing
    names = {"table": table_name("gone"), "schema": FullName(("prod", "ml")), "catalog": FullName(("prod",))}
    admin = w.as_("admin")
    if how == "table":
        await admin.do(objects.DeleteObject(names[how]))
    else:
        await admin.do(catalogs.DeleteContainer(names[how], True))
    wait = await purge(w.db, at, table.securable.id)
    assert wait is not None and wait > 3_500_000
    assert (folder / "_delta_log" / "0.json").exists()
    async with w.db.write() as tx:
        await tx.run("UPDATE write_credentials SET expires_at = 1")
        await tx.run("UPDATE table_folders SET since = 1")
    assert await purge(w.db, at, table.securable.id) is None
    assert not folder.exists()
    assert (outside / "precious").read_text() == "x"
    async with w.db.read() as tx:
        assert await delta_tables.folder(tx, table.securable.id) is None


async def test_a_large_folder_is_deleted_in_steps(w: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await use_folder(w, tmp_path)
    monkeypatch.setattr(limits, "PURGE_FILES", 3)
    table = await managed(w, "large")
    folder = Path(table.definition.storage_location.removeprefix("file://"))
    for i in range(7):
        (folder / f"p={i}").mkdir(parents=True)
        (folder / f"p={i}" / "f").write_text("")
    await w.as_("admin").do(objects.DeleteObject(table_name("large")))
    async with w.db.write() as tx:
        await tx.run("UPDATE table_folders SET since = 1")
    at = TablePurge(TableFolders(), w.engine.config)
    assert [await purge(w.db, at, table.securable.id) for _ in range(3)] == [limits.PURGE_PAUSE_MS] * 2 + [None]
    assert not folder.exists()


async def test_an_external_table_changes_by_its_own_log(w: World, tmp_path: Path) -> None:
    await use_folder(w, tmp_path)
    definition = tables.Definition("EXTERNAL", "DELTA", "s3://elsewhere/x")
    await w.as_("admin").do(tables.CreateTable(table_name("outside"), definition))
    table: LoadedTable = await w.as_("admin").do(LoadTable(table_name("outside")))
    with pytest.raises(InvalidArgument, match="external table"):
        await change(w, table, commit=commit(1))
    with pytest.raises(InvalidArgument, match="external table"):
        await change(w, table, published=0)
    fields = DeltaSchema((DeltaField("a", "long"),))
    changed = await change(w, table, schema=fields, snapshot=(7, 9))
    assert changed.definition.properties["delta.lastUpdateVersion"] == "7"
    assert changed.versions is None
    column = tables.Column("b", type_text="int")
    await w.as_("admin").do(tables.ChangeTable(table_name("outside"), columns=(column,)))
    latest: LoadedTable = await w.as_("admin").do(LoadTable(table_name("outside")))
    assert latest.definition.columns == (column,)
    await managed(w, "kept")
    with pytest.raises(InvalidArgument, match="managed table"):
        await w.as_("admin").do(tables.ChangeTable(table_name("kept"), properties={"a": "b"}))


Step = tuple[str, int, int]
STEPS = st.lists(
    st.tuples(st.sampled_from(["commit", "resend", "publish"]), st.integers(-2, 3), st.integers(-2, 2)), max_size=25
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
async def test_any_order_of_commits_agrees_with_the_model(w: World, tmp_path: Path, steps: list[Step]) -> None:
    """The model: a number, the file of the latest commit, and up to which one they are published."""
    await use_folder(w, tmp_path) if not await w.rows("SELECT 1 FROM securables WHERE name = 'ml'") else None
    text = f"t_{uuid.uuid4().hex}"
    table = await managed(w, text)
    latest, published, files = 0, 0, dict[int, DeltaCommit]()
    for what, offset, ahead in steps:
        if what == "publish":
            version = latest + offset
            try:
                await change(w, table, published=max(0, version))
                assert max(0, version) <= latest
                published = max(published, max(0, version))
            except InvalidArgument:
                assert version > latest
            continue
        version = max(1, latest + 1 + offset)
        entry = files.get(version, commit(version)) if what == "resend" else commit(version)
        report = max(0, latest + ahead)
        known = version in files and (version > published or version == latest) and files[version] == entry
        try:
            await change(w, table, commit=entry, published=report)
        except VersionConflict:
            assert version <= latest and not known
        except TooManyCommits:
            assert version == latest + 1 and version - max(published, report) > limits.UNPUBLISHED_COMMITS
        except InvalidArgument:
            assert version > latest + 1 or report > latest
        else:
            assert known or version == latest + 1
            if not known:
                latest, published, files[version] = version, max(published, report), entry
    state: LoadedTable = await w.as_("admin").do(LoadTable(table_name(text)))
    assert state.versions is not None
    assert (state.versions.latest, state.versions.published) == (latest, published)
    assert [entry.version for entry in state.commits] == list(range(latest, published, -1))
