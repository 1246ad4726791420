"""Lists against the decision itself: over random trees, groups, owners and grants, a list is what `decide` lets through, all of it."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest
from backends import Postgres
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from world import World, drop, grant, make, name, new_place, world

from modelkeep.core.operations.catalog import catalogs, model_search, objects
from modelkeep.core.operations.governance import explain, grants
from modelkeep.core.operations.models import models
from modelkeep.core.table import READ, SEE_CATALOG, SEE_SCHEMA
from modelkeep.domain.authorization import Binding, Requirement, as_if_bound, blocked_at, decide, effective
from modelkeep.domain.errors import PermissionDenied
from modelkeep.domain.kinds import RULES, Kind
from modelkeep.domain.model import Page
from modelkeep.domain.privileges import IMPLIED_BY_ALL, Privilege
from modelkeep.store import principals, securable_lists, securables, workspaces
from modelkeep.store import versions as version_rows

pytest_plugins = ("backends", "places")

USERS = ("u0", "u1", "u2")
GROUPS = ("g0", "g1", "g2")
PRINCIPALS = (*USERS, *GROUPS, "account users")
CATALOGS = ("a", "b")
SCHEMAS = ("a.s", "a.t", "b.s")
MODELS = tuple(f"{schema}.m{i}" for schema in SCHEMAS for i in range(3))
OBJECTS = {
    schema: {kind: f"{schema}.o!{kind}" for kind in (Kind.VOLUME, Kind.TABLE, Kind.FUNCTION)} for schema in SCHEMAS
}
BROWSE = Requirement(any_of=(Privilege.BROWSE,), owner=False)
MAY_BIND = Requirement(admin=True)


class Plan(msgspec.Struct, frozen=True):
    """A random registry."""

    models: frozenset[str]
    owners: dict[str, str]
    members: tuple[tuple[str, str], ...]
    """(group, member); a group only holds groups with a higher number"""
    grants: tuple[tuple[str, str, str], ...]
    """(principal, privilege, securable)"""
    bound: dict[str, str]
    """Of isolated catalogs, what the workspace may do there; '' nothing"""
    open: bool
    """Everybody may use every container: access then hangs on the rest."""
    objects: str
    """who owns the volumes, tables and functions"""
    page: int
    budget: int
    direct: int


def _grants() -> st.SearchStrategy[tuple[str, str, str]]:
    def on(securable: str) -> st.SearchStrategy[tuple[str, str, str]]:
        kind = Kind.METASTORE if not securable else (Kind.CATALOG, Kind.SCHEMA, Kind.MODEL)[securable.count(".")]
        privileges = st.sampled_from(sorted(RULES[kind].grantable))
        return st.tuples(st.sampled_from(PRINCIPALS), privileges, st.just(securable))

    usages = (("USE_CATALOG", "a"), ("USE_CATALOG", "b"), ("USE_SCHEMA", "a.s"), ("USE_SCHEMA", "a"))
    usage = st.sampled_from([(who, privilege, on) for who in PRINCIPALS for privilege, on in usages])
    reading = st.sampled_from([(p, "EXECUTE", s) for p in PRINCIPALS for s in (*MODELS, "a.s", "b")])
    return st.one_of(usage, reading, st.sampled_from(("", *CATALOGS, *SCHEMAS, *MODELS)).flatmap(on))


_MEMBERS = [(g, u) for g in GROUPS for u in USERS] + [(a, b) for i, a in enumerate(GROUPS) for b in GROUPS[i + 1 :]]
PLANS = st.builds(
    Plan,
    models=st.frozensets(st.sampled_from(MODELS), min_size=3),
    owners=st.dictionaries(
        st.sampled_from(("", *CATALOGS, *SCHEMAS, *MODELS)), st.sampled_from(PRINCIPALS), max_size=6
    ),
    members=st.lists(st.sampled_from(_MEMBERS), unique=True, max_size=6).map(tuple),
    grants=st.lists(_grants(), unique=True, max_size=25).map(tuple),
    bound=st.dictionaries(st.sampled_from(CATALOGS), st.sampled_from(["", *Binding]), max_size=1),
    open=st.booleans(),
    objects=st.sampled_from(("admin", "u0", "g0")),
    page=st.integers(1, 4),
    budget=st.sampled_from([5, 6, 8, 2000]),  # never less than one page asks for at first
    direct=st.sampled_from([0, 2, 2000]),
)


async def _build(w: World, plan: Plan) -> None:
    async with w.db.write() as tx:
        for group in GROUPS:
            await principals.insert(tx, "GROUP", group, "test", 0)
        for user in USERS:
            await principals.insert(tx, "USER", user, "test", 0)
        for group, member in plan.members:
            await principals.add_member(tx, *[p for n in (group, member) if (p := await principals.by_name(tx, n))])
        for text in (*CATALOGS, *SCHEMAS, *sorted(plan.models)):
            result = await make(tx, text, plan.owners.get(text, "admin"))
            if result.kind is Kind.MODEL:
                number = await version_rows.next_number(tx, result, "test", 0)
                await version_rows.insert(tx, _version(result.id, number))
        for schema, kinds in OBJECTS.items():
            parent, holder = await securables.by_name(tx, name(schema)), await principals.by_name(tx, plan.objects)
            assert parent and holder
            for text in kinds.values():
                await securables.insert(tx, securables.NewSecurable(parent, name(text), holder.id, "test", 0, "", {}))
        if "" in plan.owners:
            metastore = await securables.by_name(tx, name(""))
            holder = await principals.by_name(tx, plan.owners[""])
            assert metastore and holder
            await securables.update(tx, metastore, "test", 0, owner_id=holder.id)
        for text, access in plan.bound.items():
            catalog = await securables.by_name(tx, name(text))
            assert catalog
            await workspaces.isolate(tx, catalog.id, True)
            if access:
                await workspaces.bind(tx, catalog.id, w.workspace, Binding(access))
        everybody = [("account users", privilege, on) for privilege in ("USE_CATALOG", "USE_SCHEMA") for on in CATALOGS]
        for who, privilege, on in (*plan.grants, *(everybody if plan.open else ())):
            if on in ("", *CATALOGS, *SCHEMAS) or on in plan.models:
                await grant(tx, who, privilege, on)


def _version(model_id: str, number: int) -> Any:
    from modelkeep.domain.model import ModelVersion
    from modelkeep.store.db import new_id

    result = dict.fromkeys(ModelVersion.__struct_fields__, "") | {
        "id": new_id(),
        "model_id": model_id,
        "version": number,
        "status": "READY",
        "aliases_json": "[]",
        "tags_json": "{}",
        "params_json": "[]",
        "metrics_json": "[]",
        "run_id": "r",
        "created_at": 0,
        "updated_at": 0,
    }
    return msgspec.convert(result, ModelVersion)


async def _pages(w: World, actor: Any, request: msgspec.Struct) -> list[Any]:
    """Every item of every page; ends, and never gives one twice."""
    results: list[Any] = []
    for _ in range(100):
        page: Page[Any] = await w.engine.execute(actor, request)
        results += page.items
        if not page.next_token:
            return results
        request = msgspec.structs.replace(request, page_token=page.next_token)
    raise AssertionError("the list does not end")


async def _expected(w: World, actor: Any, names: Any, *needs: Requirement) -> list[str]:
    async with w.db.read() as tx:
        chains = {text: await securables.chain(tx, w.db.dialect, actor, name(text)) for text in names}
    return sorted(text for text, chain in chains.items() if any(_decided(need, chain).allowed for need in needs))


def _decided(need: Requirement, chain: Any) -> Any:
    """BROWSE asks for no usage: it is decided on the catalog alone. Bindings are changed from anywhere."""
    if need is MAY_BIND:
        chain = as_if_bound(chain)
    return decide(need, chain[:2] if need is BROWSE else chain)


async def _check(w: World, plan: Plan) -> None:
    await _build(w, plan)
    everything = sorted(plan.models)
    for user in USERS:
        async with w.db.read() as tx:
            holder = await principals.by_name(tx, user)
            assert holder
            actor = await principals.actor_of_id(tx, holder.id, 0, "", w.workspace)
        assert actor
        page = plan.page
        readable = await _expected(w, actor, everything, READ)
        browsable = await _expected(w, actor, everything, READ, BROWSE)
        listed = await _pages(w, actor, models.ListModels(None, page))
        assert sorted(m.full_name for m in listed) == readable
        for text in everything[:2]:
            await _check_decisions(w, actor, text, readable=text in readable)
        pages = await _pages(w, actor, models.BrowseModels(None, page))
        assert sorted(b.entity.full_name for b in pages) == browsable
        assert sorted(b.entity.full_name for b in pages if not b.only) == readable
        result = await _pages(w, actor, model_search.SearchVersions("", page))
        assert sorted(v.model for v in result) == readable
        for order in ((), ("name DESC",), ("last_updated_timestamp DESC", "name")):
            sample = await _pages(w, actor, model_search.SearchModels("name != 'x'", page, order_by=order))
            assert sorted(m.securable.full_name for m in sample) == readable
        result = await _pages(
            w, actor, model_search.SearchVersions("", page, order_by=("creation_timestamp", "name DESC"))
        )
        assert sorted(v.model for v in result) == readable
        result = await _pages(w, actor, model_search.SearchVersions("run_id = 'r'", page))
        assert sorted(v.model for v in result) == readable
        seen = await _pages(w, actor, catalogs.ListCatalogs(page))
        assert sorted(c.full_name for c in seen) == await _expected(w, actor, ("a", "b", "main"), SEE_CATALOG)
        seen = await _pages(w, actor, catalogs.ListCatalogs(page, unbound=True))
        assert sorted(c.full_name for c in seen) == await _expected(w, actor, ("a", "b", "main"), SEE_CATALOG, MAY_BIND)
        for catalog in await _expected(w, actor, CATALOGS, SEE_CATALOG):
            inside = [s for s in SCHEMAS if s.startswith(f"{catalog}.")]
            seen = await _pages(w, actor, catalogs.ListSchemas(name(catalog), page))
            assert sorted(s.full_name for s in seen) == await _expected(w, actor, inside, SEE_SCHEMA)
        for schema in await _expected(w, actor, SCHEMAS, SEE_SCHEMA):
            listed = await _pages(w, actor, models.ListModels(name(schema), page))
            assert sorted(m.full_name for m in listed) == [m for m in readable if m.startswith(f"{schema}.")]
            for kind, text in OBJECTS[schema].items():
                there = await _expected(w, actor, (text,), objects.READ)
                listed = await _pages(w, actor, objects.ListObjects(name(schema), kind, page))
                assert [o.full_name for o in listed] == [text.partition("!")[0] for text in there]


async def _check_decisions(w: World, actor: Any, text: str, *, readable: bool) -> None:
    """What is told of one model agrees with the decision: why (not), what may be done, which privileges hold."""
    async with w.db.read() as tx:
        chain = await securables.chain(tx, w.db.dialect, actor, name(text))
        own = {actor.name, *await principals.groups_of(tx, actor.id)}
    why = await w.engine.execute(actor, explain.Explain(name(text), "get_model"))
    assert why.allowed == readable == all(step.met for step in why.steps)
    assert all(step.met == bool(step.given_by) for step in why.steps)
    holders = {way.principal for step in why.steps for way in step.given_by}
    assert holders - {f"workspace {actor.workspace}", "workspace default"} <= own
    privileges = effective(chain) - ({Privilege.MANAGE} if any(link.owned for link in chain[1:-1]) else set())
    try:
        may = await w.engine.execute(actor, explain.WhatMayI(name(text)))
        assert (may["get_model"] is True) == readable
        effective_grants = await w.engine.execute(actor, grants.GetEffectiveGrants(name(text)))
    except PermissionDenied:
        assert not readable and (blocked_at(chain[:-1]) or not privileges)
        return
    answer = {Privilege(g.privilege) for g in effective_grants if g.principal in own}
    answer |= (IMPLIED_BY_ALL & RULES[Kind.MODEL].grantable) if Privilege.ALL_PRIVILEGES in answer else set()
    assert answer - (effective(chain) - privileges) == privileges


def _run(plan: Plan, folder: Path, server: Postgres | None, patch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        place = await new_place(folder, server)
        async with world(place) as w:
            await _check(w, plan)
        drop(place, server)

    with patch.context() as patched:
        patched.setattr(securable_lists, "SCAN_BUDGET", plan.budget)
        patched.setattr(model_search, "SEARCH_ROWS", plan.budget)
        patched.setattr(securable_lists, "MAX_DIRECT", plan.direct)
        asyncio.run(main())


_CHECKS = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@settings(max_examples=60, suppress_health_check=_CHECKS)
@given(plan=PLANS)
def test_lists_are_what_the_decision_lets_through(plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _run(plan, tmp_path, None, monkeypatch)


@settings(max_examples=8, suppress_health_check=_CHECKS, phases=[Phase.generate])
@given(plan=PLANS)
def test_lists_are_the_same_on_postgresql(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres: Postgres
) -> None:
    _run(plan, tmp_path, postgres, monkeypatch)
