"""Lineage, on both databases: who may write which edges, how many, and in which order they are read."""

import asyncio

import pytest
from world import World, name

from modelkeep import limits
from modelkeep.core.operations.identity import access_requests
from modelkeep.core.operations.models import lineage, versions
from modelkeep.core.operations.models.lineage import EmitLineage, EmitUpstream, Entity, FindConsumers, GetLineage
from modelkeep.domain.errors import BadPageToken, LimitExceeded, PermissionDenied
from modelkeep.domain.model import LineageEdge
from modelkeep.store import lineage as rows

pytest_plugins = ("backends", "places")
pytestmark = pytest.mark.anyio

MODEL = "prod.ml.churn"
TRUE = Entity("TABLE", "prod.ml.features", "", "training")


async def set_up(w: World) -> None:
    """A model of alice with version 1, which bob may read and carol may add versions to."""
    await w.model(MODEL, owner="alice")
    everyone = "USE_CATALOG@prod+USE_SCHEMA@prod.ml"
    await w.grant("alice", everyone)
    await w.grant("bob", f"{everyone}+EXECUTE@{MODEL}")
    await w.grant("carol", f"{everyone}+EXECUTE@{MODEL}+CREATE_MODEL_VERSION@{MODEL}")
    await w.as_("alice").do(versions.CreateVersion(name=name(MODEL), source="x", upstream=(TRUE,)))


def jobs(prefix: str, count: int) -> tuple[Entity, ...]:
    return tuple(Entity("JOB", f"{prefix}{i}", "", "job") for i in range(count))


async def walk(w: World, who: str, size: int | None = None) -> list[LineageEdge]:
    """All pages."""
    edges: list[LineageEdge] = []
    token = ""
    for _ in range(1000):
        page = await w.as_(who).do(GetLineage(name(MODEL), 1, size, token))
        edges += page.items
        token = page.next_token
        if not token:
            return edges
    raise AssertionError("the list does not end")


@pytest.mark.parametrize(
    "entity",
    [
        Entity("TABLE", "hr.payroll.salaries"),
        Entity("NOTEBOOK", "7"),
        Entity("JOB", "1", "2"),
        Entity("FUNCTION", "a.b.f"),
        Entity("PIPELINE", "9"),
    ],
)
async def test_what_a_version_came_from_is_said_by_those_who_may_write_it(w: World, entity: Entity) -> None:
    await set_up(w)
    with pytest.raises(PermissionDenied, match="CREATE MODEL VERSION"):
        await w.as_("bob").do(EmitUpstream(name(MODEL), 1, (entity,)))
    assert [e.entity_name for e in await walk(w, "bob")] == [TRUE.name]
    for who in ("carol", "alice"):
        await w.as_(who).do(EmitUpstream(name(MODEL), 1, (msg(entity, who),)))
    assert [(e.entity_name, e.created_by) for e in await walk(w, "bob") if e.direction == "UPSTREAM"] == [
        (TRUE.name, "alice"),
        (f"{entity.name} of alice", "alice"),
        (f"{entity.name} of carol", "carol"),
    ]


def msg(entity: Entity, who: str) -> Entity:
    return Entity(entity.type, f"{entity.name} of {who}", entity.id, entity.context)


async def test_a_flood_hides_nobody_s_edges(w: World) -> None:
    await set_up(w)
    for batch in range(6):
        await w.as_("bob").do(EmitLineage(name(MODEL), 1, jobs(f"flood{batch}-", 50)))
    await w.as_("carol").do(EmitLineage(name(MODEL), 1, jobs("carol", 2)))
    await w.as_("alice").do(EmitLineage(name(MODEL), 1, jobs("alice", 2)))
    await w.as_("carol").do(EmitUpstream(name(MODEL), 1, jobs("up", 3)))
    page = await w.as_("carol").do(GetLineage(name(MODEL), 1, 10))
    assert page.next_token
    names = [e.entity_name for e in page.items]
    assert names[:4] == [TRUE.name, "up0", "up1", "up2"], "what it came from"
    assert set(names[4:6]) == {"alice0", "alice1"}, "the creator's own"
    assert [sorted(n[:5] for n in turn) for turn in (names[6:8], names[8:])] == [["carol", "flood"]] * 2, "then in turn"


async def test_one_principal_records_only_so_many_edges(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lineage, "LINEAGE_EDGES_PER_AUTHOR", 10)
    await set_up(w)
    await w.as_("bob").do(EmitLineage(name(MODEL), 1, jobs("bob", 10)))
    for _ in range(3):
        with pytest.raises(LimitExceeded, match="'bob' has recorded 10 DOWNSTREAM edges of version 1"):
            await w.as_("bob").do(EmitLineage(name(MODEL), 1, jobs("other", 1)))
    await w.as_("bob").do(EmitLineage(name(MODEL), 1, jobs("bob", 10)))  # they are there already
    await w.as_("carol").do(EmitUpstream(name(MODEL), 1, jobs("carol", 10)))
    await w.as_("carol").do(EmitLineage(name(MODEL), 1, jobs("carol", 10)))
    with pytest.raises(LimitExceeded, match="UPSTREAM"):
        await w.as_("carol").do(EmitUpstream(name(MODEL), 1, jobs("carols", 1)))
    with pytest.raises(LimitExceeded, match="'alice' has recorded 10 UPSTREAM"):
        await w.as_("alice").do(EmitUpstream(name(MODEL), 1, jobs("alice", 10)))  # and one from the creation
    assert len(await walk(w, "bob")) == 31


async def test_calls_at_once_do_not_pass_the_limit(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lineage, "LINEAGE_EDGES_PER_AUTHOR", 10)
    await set_up(w)
    await w.actor("bob")
    answers = await asyncio.gather(
        *(w.as_("bob").do(EmitLineage(name(MODEL), 1, jobs(f"{call}-", 3))) for call in range(8)),
        return_exceptions=True,
    )
    done = [answer for answer in answers if answer is None]
    assert len(done) == 3
    assert all(isinstance(answer, LimitExceeded) for answer in answers if answer is not None)
    assert len([e for e in await walk(w, "bob") if e.direction == "DOWNSTREAM"]) == 9


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000, None])
async def test_pages_hold_each_edge_once(w: World, size: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "LINEAGE_ROWS_PER_PAGE", 2)
    await set_up(w)
    everyone = "USE_CATALOG@prod+USE_SCHEMA@prod.ml"
    await w.version(MODEL)
    for copy in ("copy1", "copy2", "hidden1", "hidden2", "hidden3", "copy3"):
        await w.model(f"prod.ml.{copy}", owner="dave")
        await w.grant("dave", f"{everyone}+EXECUTE@{MODEL}")
        if copy.startswith("copy"):
            await w.grant("bob", f"EXECUTE@prod.ml.{copy}")
        await w.as_("dave").do(versions.CopyVersion(name(MODEL), 2, name(f"prod.ml.{copy}")))
    await w.as_("bob").do(EmitLineage(name(MODEL), 2, jobs("job", 4)))
    edges: list[LineageEdge] = []
    token = ""
    while True:
        page = await w.as_("bob").do(GetLineage(name(MODEL), 2, size, token))
        edges += page.items
        token = page.next_token
        if not token:
            break
    assert [e.entity_name for e in edges] == [
        *(f"prod.ml.copy{i}/1" for i in (1, 2, 3)),
        *(f"job{i}" for i in range(4)),
    ]
    assert {e.created_by for e in edges} == {"dave", "bob"}


async def test_consumers_come_by_the_page(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "LINEAGE_ROWS_PER_PAGE", 3)
    await set_up(w)
    await w.model("prod.ml.hidden", owner="alice")
    for index in range(8):
        model = MODEL if index % 3 == 0 else "prod.ml.hidden"
        await w.as_("alice").do(versions.CreateVersion(name=name(model), source="x", upstream=(TRUE,)))
    for size in (1, 2, None):
        seen: list[int] = []
        token = ""
        while True:
            page = await w.as_("bob").do(FindConsumers("table", TRUE.name, size, token))
            seen += [e.version for e in page.items]
            assert all(e.model == MODEL and e.created_by == "alice" for e in page.items)
            token = page.next_token
            if not token:
                break
        assert seen == [1, 2, 3, 4]
    with pytest.raises(BadPageToken):
        first = await w.as_("alice").do(FindConsumers("table", TRUE.name, 1))
        await w.as_("bob").do(FindConsumers("table", TRUE.name, 1, first.next_token))


async def test_one_principal_waits_for_only_so_many_decisions(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access_requests, "PENDING_ACCESS_REQUESTS_PER_REQUESTER", 3)
    await w.model(MODEL, owner="alice")
    await w.grant("bob", "USE_CATALOG@prod+USE_SCHEMA@prod.ml")

    def ask(index: int) -> access_requests.AskAccess:
        return access_requests.AskAccess(
            (access_requests.Ask((access_requests.RequestedPrivileges(name(f"prod.ml.m{index}"), ("EXECUTE",)),)),)
        )

    for index in range(5):
        await w.model(f"prod.ml.m{index}", owner="alice")
    for index in range(3):
        await w.as_("bob").do(ask(index))
    for index in (3, 4):
        with pytest.raises(LimitExceeded, match="not decided yet"):
            await w.as_("bob").do(ask(index))
    await w.as_("bob").do(ask(0))  # it is there already
    await w.grant("carol", "USE_CATALOG@prod+USE_SCHEMA@prod.ml")
    await w.as_("carol").do(ask(3))
    assert limits.PENDING_ACCESS_REQUESTS_PER_REQUESTER == 500
