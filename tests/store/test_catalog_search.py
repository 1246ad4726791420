"""Searches through the index find what reading everything finds, in its order, for each caller, however they go about it."""

import random
from typing import Any

import pytest
from scanning import scanned
from world import World, name

from modelkeep.core.operations.catalog import catalogs, model_search
from modelkeep.core.operations.catalog.explorer import SearchSecurables
from modelkeep.core.operations.models import models, versions
from modelkeep.domain.kinds import Kind
from modelkeep.store import explorer as store
from modelkeep.store import principals, text_index
from modelkeep.store.db import now_ms

pytest_plugins = ("backends", "places")
pytestmark = pytest.mark.anyio

STEMS = ("prod", "churn", "fraud", "detector", "été", "ab", "x", "ml_team", "a-b", "数据集模型")
VALUES = (
    *STEMS,
    "Replaces the Detector of 50%_cards",
    'quote " and \\ and ~',
    "ÉTÉ Straße",
    "main.churn",
    "İstanbul ΑΣ ΑΣΑ",
)
CALLERS = ("admin", "admin", "reader", "visitor", "stranger", "owner")
QUERIES = (
    *STEMS,
    "det",
    "tector",
    "50%_cards",
    'quote "',
    "prod.churn",
    "churn.fraud.d",
    "s0.m",
    "team",
    "task:fraud",
    "cham",
    "Straße",
    "straße",
    "alice",
    "ann example",
    "detector old",
    "x prod",
    ".",
    "..",
    "a.b",
    "ΑΣ",
    "ας",
    "stanbul",
    "'",
    "%",
    "~",
    "prod.ab.x",
    "no such thing",
)


async def _seed(w: World, chance: random.Random) -> None:
    await w.own("", "admin")
    admin, names = w.as_("admin"), list[str]()
    for stem in STEMS[:4]:
        await w.catalog(stem)
        await w.grant("admin", f"ALL_PRIVILEGES+MANAGE@{stem}", stem)
        for schema in chance.sample(STEMS, 4):
            await w.schema(f"{stem}.{schema}")
            for model in chance.sample(STEMS, 3):
                suffix = chance.choice(("", "_old", "2", "_v"))
                await w.model(f"{stem}.{schema}.{model}{suffix}", owner=chance.choice(("admin", "owner")))
                names.append(f"{stem}.{schema}.{model}{suffix}")
    for text in chance.sample(names, 25):
        await admin.do(catalogs.UpdateComment(name(text), chance.choice(VALUES)))
    for text in chance.sample(names, 15):
        await admin.do(models.ChangeTags(name(text), None, {chance.choice(("Task", "ab", "é")): chance.choice(VALUES)}))
    for text in chance.sample(names, 10):
        await admin.do(versions.CreateVersion(name=name(text)))
        await admin.do(models.SetAlias(name(text), chance.choice(("champion", "été", "ab")), 1))
        await admin.do(models.ChangeTags(name(text), 1, {"k": chance.choice(VALUES)}))
    await _change(w, chance, names)
    for who, notation in (
        ("reader", f"USE_CATALOG@prod+USE_SCHEMA@prod+EXECUTE@{names[0]}+EXECUTE@{names[1]}"),
        ("visitor", "BROWSE@churn+BROWSE@fraud+USE_CATALOG@churn+USE_SCHEMA@churn+EXECUTE@churn"),
        ("stranger", f"EXECUTE@{names[0]}"),
        ("owner", "USE_CATALOG@prod+USE_SCHEMA@prod+USE_CATALOG@churn"),
    ):
        await w.grant(who, notation)


async def _change(w: World, chance: random.Random, names: list[str]) -> None:
    """Whatever else makes or takes a text."""
    admin = w.as_("admin")
    await admin.do(catalogs.RenameCatalog(name("detector"), name("detector_new")))
    moved = [text.replace("detector.", "detector_new.", 1) if text.startswith("detector.") else text for text in names]
    names[:] = moved
    schema = names[-1].rpartition(".")[0]
    await admin.do(catalogs.RenameSchema(name(schema), name(f"{schema}_moved")))
    names[:] = [
        text.replace(f"{schema}.", f"{schema}_moved.", 1) if text.startswith(f"{schema}.") else text for text in names
    ]
    for text in chance.sample(names[2:], 4):
        await w.own(text, "admin")
        await admin.do(models.RenameModel(name(text), name(f"{text}_renamed")))
        names[names.index(text)] = f"{text}_renamed"
    for text in chance.sample(names, 6):
        await admin.do(catalogs.UpdateComment(name(text), ""))
        await admin.do(models.ChangeTags(name(text), None, {"Task": "Fraud"}, remove=("ab",)))
    for text in chance.sample(names[2:], 3):
        await w.own(text, "admin")
        await admin.do(models.DeleteModel(name(text)))
        names.remove(text)
    async with w.db.write() as tx:
        alice = await principals.insert(tx, "USER", "alice@example.com", "test", now_ms())
        await tx.run("UPDATE principals SET display_name = 'Ann Example' WHERE id = :id", id=alice.id)
    for text in chance.sample(names, 5):
        await w.own(text, "alice@example.com")


def _sought(chance: random.Random) -> store.Sought:
    tag = chance.choice((*[None] * 12, ("task", None), ("task", "fraud"), ("k", None), ("k", "x"), ("é", None)))
    query = chance.choice(("", *QUERIES, f"{chance.choice(QUERIES)} {chance.choice(QUERIES)}"))
    return store.Sought(
        tuple(query.lower().split()),
        chance.choice(
            ((Kind.CATALOG, Kind.SCHEMA, Kind.MODEL, Kind.PROMPT), (Kind.MODEL,), (Kind.SCHEMA, Kind.CATALOG))
        ),
        tag,
        chance.choice((*[""] * 12, "admin", "owner", "alice@example.com", "nobody")),
        chance.choice((False, False, True)),
    )


async def _paged(w: World, who: str, sought: store.Sought, limit: int) -> list[tuple[str, bool]]:
    actor, after, listed = await w.actor(who), None, list[tuple[str, bool]]()
    while True:
        async with w.db.read() as tx:
            page, after = await store.find(tx, w.db.dialect, actor, sought, after, limit)
        assert len(page) <= limit
        listed += [(securable.full_name, only) for securable, only in page]
        if after is None:
            return listed


@pytest.mark.parametrize(
    ("candidates", "budget", "few"),
    [(10_000, 10_000, 200), (10_000, 10_000, 0), (0, 20, 0), (12, 9, 0)],
    ids=["index", "narrowest", "walk", "either"],
)
async def test_a_search_finds_what_reading_everything_finds(
    w: World, candidates: int, budget: int, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def indexed(*_: Any) -> bool:
        return True

    chance = random.Random(7 * candidates + budget + few)
    await _seed(w, chance)
    monkeypatch.setattr(store, "SEARCH_ROWS", budget)
    monkeypatch.setattr(text_index, "_FEW", few)
    monkeypatch.setattr(text_index.narrowest, "__defaults__", (candidates,))
    if candidates:  # a PostgreSQL without pg_trgm reads the same texts, one by one
        monkeypatch.setattr(text_index, "indexed", indexed)
    nonempty = 0
    for _ in range(100):
        who, sought = chance.choice(CALLERS), _sought(chance)
        async with w.db.read() as tx:
            expected = await scanned(tx, await w.actor(who), sought)
        assert await _paged(w, who, sought, chance.choice((1, 3, 50))) == expected, (who, sought)
        nonempty += bool(expected)
    assert nonempty > 10


_TEXTS = (
    "SELECT id, 'name', '', name_key FROM securables WHERE kind IN ('CATALOG', 'SCHEMA', 'MODEL')",
    "SELECT id, 'comment', '', LOWER(comment) FROM securables WHERE kind IN ('CATALOG', 'SCHEMA', 'MODEL') AND comment <> ''",
    "SELECT securable_id, 'tag', CAST(version AS TEXT) || '/' || key, LOWER(key || ':' || value) FROM tags",
    "SELECT model_id, 'alias', alias, LOWER(alias) FROM aliases",
    "SELECT id, 'principal', 'name', name_key FROM principals",
    "SELECT id, 'principal', 'display name', LOWER(display_name) FROM principals WHERE display_name <> ''",
)


async def test_the_texts_follow_whatever_is_written(w: World) -> None:
    await _seed(w, random.Random(5))
    await w.as_("admin").do(catalogs.DeleteContainer(name("prod"), force=True))
    async with w.db.write() as tx:
        alice = await principals.by_name(tx, "alice@example.com")
        assert alice is not None
        await tx.run(
            "UPDATE securables SET owner_id = (SELECT id FROM principals WHERE name = 'admin') WHERE owner_id = :id",
            id=alice.id,
        )
        await tx.run("UPDATE tags SET value = 'other' WHERE key = 'Task'")
        await tx.run("DELETE FROM principals WHERE id = :id", id=alice.id)
    expected = {row for sql in _TEXTS for row in await w.rows(sql)}
    assert set(await w.rows("SELECT entity_id, field, part, text FROM search_texts")) == expected
    assert await w.count("search_texts") == len(expected) > 100
    if w.db.dialect == "sqlite":
        for index, field in (("search_names", "= 'name'"), ("search_trigrams", "<> 'name'")):
            await _same_trigrams(w, index, field)


async def _same_trigrams(w: World, index: str, field: str) -> None:
    """The index is the one that is made of all texts at once."""
    async with w.db.write() as tx:
        columns = "text, tokenize='trigram', detail='none', columnsize=0"
        await tx.run(f"CREATE VIRTUAL TABLE rebuilt USING fts5({columns})")
        await tx.run(f"INSERT INTO rebuilt (rowid, text) SELECT id, text FROM search_texts WHERE field {field}")
        counts: list[list[Any]] = []
        for table in ("rebuilt", index):
            await tx.run(f"CREATE VIRTUAL TABLE terms_{table} USING fts5vocab({table}, 'row')")
            counts.append(await tx.all(f"SELECT term, doc FROM terms_{table} ORDER BY term"))
            await tx.run(f"DROP TABLE terms_{table}")
        await tx.run("DROP TABLE rebuilt")
    assert counts[0] == counts[1]
    assert len(counts[0]) > 50


async def test_a_rename_of_a_container_writes_one_text(w: World) -> None:
    for i in range(20):
        await w.model(f"c0.s0.m{i}")
    before = set(await w.rows("SELECT entity_id, field, part, text FROM search_texts"))
    await w.as_("admin").do(catalogs.RenameCatalog(name("c0"), name("c1")))
    after = set(await w.rows("SELECT entity_id, field, part, text FROM search_texts"))
    assert [row[3] for row in after - before] == ["c1"]
    page = await w.as_("admin").do(SearchSecurables("c1.s0.m"))
    assert len(page.items) == 20


async def test_who_reaches_little_makes_nobody_read_much(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The models of somebody whom few grants lead to are read from these; a page ends at its budget."""
    for i in range(40):
        await w.model(f"c0.s0.m{i}", owner="owner")
    await w.user("stranger")
    steps: list[int] = []
    step = store._step  # pyright: ignore[reportPrivateUsage]

    async def counting(*arguments: Any) -> Any:
        rows = await step(*arguments)
        steps.append(len(rows))
        return rows

    monkeypatch.setattr(store, "_step", counting)
    monkeypatch.setattr(store, "SEARCH_ROWS", 10)
    monkeypatch.setattr(text_index.narrowest, "__defaults__", (0,))
    page = await w.as_("stranger").do(SearchSecurables("m", kinds=("MODEL",)))
    assert (page.items, page.next_token, sum(steps)) == ((), "", 0)
    await w.grant("reader", "USE_CATALOG@c0+EXECUTE@c0")
    pages, token = 0, ""
    while token or not pages:
        steps.clear()
        page = await w.as_("reader").do(SearchSecurables("m", kinds=("MODEL",), max_results=5, page_token=token))
        assert page.items == ()
        assert sum(steps) <= 20
        pages, token = pages + 1, page.next_token
    assert pages > 4


SOURCES = ("dbfs:/a", "dbfs:/A", "dbfs:/a/" + "x" * 400 + "1", "dbfs:/a/" + "x" * 400 + "2", "models:/été/1", "it's")


@pytest.mark.parametrize(
    "order", [(), ("name",), ("name DESC",), ("last_updated_timestamp DESC",), ("version_number",)]
)
async def test_a_source_finds_its_own_versions_alone(w: World, order: tuple[str, ...]) -> None:
    for model in ("c0.s0.m0", "c0.s0.m1"):
        await w.model(model)
        for source in SOURCES:
            await w.pending(model, {}, source=source)
    await w.own("", "admin")
    for source in (*SOURCES, "dbfs:/"):
        quoted = source.replace("'", "''")
        filter = f"source_path = '{quoted}'"
        items = (await w.as_("admin").do(model_search.SearchVersions(filter, order_by=order))).items
        assert [version.source for version in items] == [source] * (2 if source in SOURCES else 0)
        for text in (" AND name = 'c0.s0.m1'", " AND name LIKE '%m1'"):
            (first,) = (await w.as_("admin").do(model_search.SearchVersions(filter + text, order_by=order))).items or (
                None,
            )
            assert (first and first.model) == ("c0.s0.m1" if source in SOURCES else None)
