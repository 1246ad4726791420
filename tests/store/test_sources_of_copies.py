"""Copies, on both databases: the name of the version that a copy came from is for callers who may know that it exists."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from world import World, name

from modelkeep.core.operations.audit import audit_log
from modelkeep.core.operations.catalog import model_search
from modelkeep.core.operations.models import models, versions
from modelkeep.core.operations.models.lineage import FindConsumers, GetLineage
from modelkeep.domain.authorization import ANY_PRIVILEGE_OR_BROWSE, decide
from modelkeep.domain.model import ModelVersion
from modelkeep.store import securables
from modelkeep.store.lineage import known_sources

pytest_plugins = ("backends", "places")
pytestmark = pytest.mark.anyio

SOURCE, COPY, PLAIN = "hr.payroll.salaries", "prod.ml.salaries", "prod.ml.other"
USE = "USE_CATALOG@prod+USE_SCHEMA@prod.ml"
URI = f"models:/{SOURCE}/1"
READERS = {
    "stranger": "",
    "outside": f"EXECUTE@{SOURCE}",  # without the usage of what it lies in
    "creator": "USE_CATALOG@hr+USE_SCHEMA@hr.payroll+CREATE_MODEL@hr.payroll",
    "browser": "BROWSE@hr",
    "all": "ALL_PRIVILEGES@hr",
    "tagger": f"USE_CATALOG@hr+USE_SCHEMA@hr.payroll+APPLY_TAG@{SOURCE}",
    "manager": "USE_CATALOG@hr+USE_SCHEMA@hr.payroll+MANAGE@hr.payroll",
    "reader": "USE_CATALOG@hr+USE_SCHEMA@hr.payroll+EXECUTE@hr",
}
MAY_KNOW = {"browser", "all", "tagger", "manager", "reader", "admin"}
EVERYBODY = [*READERS, "admin"]


async def copied(w: World) -> ModelVersion:
    """COPY version 1 is a server copy of SOURCE version 1; version 2 and PLAIN version 1 are no copies."""
    for model in (SOURCE, COPY, PLAIN):
        await w.model(model)
    await w.version(SOURCE)
    for reader, content in READERS.items():
        await w.grant(reader, f"{USE}+EXECUTE@prod.ml" + (f"+{content}" if content else ""))
    copy = await w.as_("admin").do(versions.CopyVersion(name(SOURCE), 1, name(COPY)))
    await w.as_("admin").do(models.SetAlias(name(COPY), "champion", 1))
    await w.version(PLAIN)
    return copy


async def every_answer(w: World, who: str) -> list[ModelVersion]:
    """The copy as each operation that reads versions answers it."""
    do = w.as_(who).do
    results: list[ModelVersion] = [
        await do(versions.GetVersion(name(COPY), 1)),
        await do(versions.GetVersionByAlias(name(COPY), "champion")),
        (await do(versions.BrowseVersion(name(COPY), 1))).entity,
        (await do(models.GetModel(name(COPY)))).latest,
        *(await do(versions.ListVersions(name(COPY)))).items,
        *(await do(versions.BrowseVersions(name(COPY)))).entity.items,
        *(v for v in (await do(model_search.SearchVersions())).items if v.model == COPY),
        *(await do(model_search.SearchVersions(f"name = '{COPY}'"))).items,
        *(m.latest for m in (await do(model_search.SearchModels())).items if m.securable.full_name == COPY),
    ]
    assert len(results) == 9
    return results


@pytest.mark.parametrize("who", EVERYBODY)
async def test_a_copy_names_its_source_to_those_who_may_know_of_it(w: World, who: str) -> None:
    await copied(w)
    for answer in await every_answer(w, who):
        if who in MAY_KNOW:
            assert answer.source == URI and SOURCE in answer.copied_from
        else:
            assert (answer.source, answer.copied_from) == ("", "")
            assert "payroll" not in msgspec.json.encode(answer).decode()


@pytest.mark.parametrize("who", EVERYBODY)
async def test_lineage_masks_the_source_and_keeps_the_edge(w: World, who: str) -> None:
    await copied(w)
    edges = (await w.as_(who).do(GetLineage(name(COPY), 1))).items
    assert [(e.entity_type, e.direction, e.context) for e in edges] == [("MODEL_VERSION", "UPSTREAM", "copy")]
    assert edges[0].entity_name == (f"{SOURCE}/1" if who in MAY_KNOW else "")
    assert bool(edges[0].entity_id) == (who in MAY_KNOW)
    consumers = (await w.as_(who).do(FindConsumers("MODEL_VERSION", f"{SOURCE}/1"))).items
    assert [e.model for e in consumers] == [COPY] * (who in MAY_KNOW), "a guessed name leads to no copy"


@pytest.mark.parametrize(
    "condition", ["source_path = '{}'", "source_path LIKE 'models:/hr.%'", "source_path ILIKE '%PAYROLL%'"]
)
async def test_a_search_by_source_tells_nothing_that_answers_hide(w: World, condition: str) -> None:
    await copied(w)
    for who in EVERYBODY:
        page = await w.as_(who).do(model_search.SearchVersions(condition.format(URI)))
        assert [v.model for v in page.items] == [COPY] * (who in MAY_KNOW), who


@pytest.mark.parametrize("who", EVERYBODY)
async def test_the_statement_decides_as_the_rule_does(w: World, who: str) -> None:
    await copied(w)
    actor = await w.actor(who)
    source = await w.as_("admin").do(versions.GetVersion(name(SOURCE), 1))
    async with w.db.read() as tx:
        chain = await securables.chain(tx, w.db.dialect, actor, name(SOURCE))
        known = await known_sources(tx, actor, [source.id])
    assert decide(ANY_PRIVILEGE_OR_BROWSE, chain).allowed is (known is None or source.id in known) is (who in MAY_KNOW)


@pytest.mark.parametrize("owned", [SOURCE, "hr.payroll"])
async def test_owners_may_know(w: World, owned: str) -> None:
    await copied(w)
    await w.grant("stranger", "USE_CATALOG@hr+USE_SCHEMA@hr.payroll")
    assert (await every_answer(w, "stranger"))[0].source == ""
    await w.own(owned, "stranger")
    assert all(answer.source == URI for answer in await every_answer(w, "stranger"))


async def test_a_right_that_ends_hides_the_name_at_once(w: World) -> None:
    await copied(w)
    assert (await every_answer(w, "reader"))[1].source == URI
    await w.as_("admin").do(versions.DeleteVersion(name(SOURCE), 1))
    assert all(answer.copied_from == "" for answer in await every_answer(w, "reader")), "nobody's any more"
    assert all(answer.source == URI for answer in await every_answer(w, "admin"))


async def test_one_statement_for_a_page_and_none_without_copies(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await copied(w)
    for _ in range(4):
        await w.as_("admin").do(versions.CopyVersion(name(SOURCE), 1, name(COPY)))
    await w.as_("admin").do(models.SetAlias(name(PLAIN), "champion", 1))
    requests: list[int] = []

    async def counted(tx: Any, actor: Any, ids: list[str]) -> set[str] | None:
        requests.append(len(ids))
        return await known_sources(tx, actor, ids)

    monkeypatch.setattr("modelkeep.store.lineage.known_sources", counted)
    do: Callable[..., Any] = w.as_("reader").do
    for request, statements in (
        (versions.GetVersionByAlias(name(PLAIN), "champion"), []),
        (versions.GetVersion(name(PLAIN), 1), []),
        (versions.ListVersions(name(PLAIN)), []),
        (versions.ListVersions(name(COPY)), [1]),
        (model_search.SearchVersions(), [1]),
        (versions.GetVersionByAlias(name(COPY), "champion"), [1]),
    ):
        requests.clear()
        await do(request)
        assert requests == statements, request


@pytest.mark.parametrize("who", EVERYBODY)
async def test_the_activity_of_a_copy_hides_it_too(w: World, who: str) -> None:
    await copied(w)
    await w.as_("admin").do(
        versions.CreateVersion(name=name(COPY), source=URI.upper(), source_model=name(SOURCE), source_version="1")
    )
    await w.grant(who, f"MANAGE@{COPY}")
    events = (await w.as_(who).do(audit_log.GetActivity(name(COPY), changes_only=True))).items
    assert {"version.copy", "version.create", "alias.set"} <= {event.event for event in events}
    text = msgspec.json.encode(events).decode().lower()
    assert (SOURCE in text) is (who in MAY_KNOW)
    assert all(COPY in [target.name for target in event.targets] for event in events)
