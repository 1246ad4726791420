"""Lists of securables: which of them an actor sees, as SQL over the facts that decide, and a page of those."""

from typing import NamedTuple

import msgspec

from modelkeep.domain.authorization import Actor
from modelkeep.domain.kinds import RULES, Kind
from modelkeep.domain.model import Securable
from modelkeep.domain.privileges import Privilege
from modelkeep.store.acts_as import acts_as
from modelkeep.store.db import Tx, Value
from modelkeep.store.securables import BELOW_SCHEMA, CATALOG_ABOVE, COLUMNS, FULL_NAME, WIDTH, of_row

# "See" for a listing: what authz.decide says for a read, as SQL over the same facts. :actor and :workspace are its parameters.
_ME = acts_as(":actor")


def _granted(securables: str, privileges: str) -> str:
    return (
        f"EXISTS (SELECT 1 FROM grants g WHERE g.securable_id IN ({securables}) AND g.principal_id IN {_ME} "
        f"AND g.privilege IN ({privileges}))"
    )


ADMIN = f"EXISTS (SELECT 1 FROM securables ms WHERE ms.kind = 'METASTORE' AND ms.owner_id IN {_ME})"
_USE_CATALOG = f"(c.owner_id IN {_ME} OR {_granted('c.id', repr('USE_CATALOG') + ', ' + repr('ALL_PRIVILEGES') + ', ' + repr('MANAGE'))})"
_USE_SCHEMA = (
    f"(s.owner_id IN {_ME} OR c.owner_id IN {_ME} "
    f"OR {_granted('s.id, c.id', repr('USE_SCHEMA') + ', ' + repr('ALL_PRIVILEGES') + ', ' + repr('MANAGE'))})"
)
_BOUND = (
    "(c.isolated = 0 OR EXISTS (SELECT 1 FROM catalog_bindings cb WHERE cb.catalog_id = c.id "
    "AND cb.workspace_id = :workspace))"
)
SEE_CATALOG = f"({_BOUND} AND ({ADMIN} OR {_USE_CATALOG}))"
SEE_SCHEMA = f"({_BOUND} AND ({ADMIN} OR ({_USE_CATALOG} AND {_USE_SCHEMA})))"
_MAY_BIND = f"({ADMIN} OR c.owner_id IN {_ME})"
"""The actor may change the catalog's bindings, from any workspace (BOUND_FROM_ANYWHERE in core/table.py)."""
BROWSE = f"({_BOUND} AND {_granted('c.id', repr('BROWSE') + ', ' + repr('ALL_PRIVILEGES'))})"


def _read(privilege: str) -> str:
    granted = _granted("x.id, s.id, c.id", f"{privilege!r}, 'ALL_PRIVILEGES'")
    return f"({_BOUND} AND ({ADMIN} OR ((x.owner_id IN {_ME} OR {granted}) AND {_USE_SCHEMA} AND {_USE_CATALOG})))"


READ_MODEL = _read("EXECUTE")
_ON_MODELS = ", ".join(
    repr(str(privilege)) for privilege in sorted(RULES[Kind.MODEL].grantable | {Privilege.ALL_PRIVILEGES})
)
KNOW_MODEL = (
    f"({BROWSE} OR ({_BOUND} AND ({ADMIN} OR ((x.owner_id IN {_ME} OR s.owner_id IN {_ME} OR c.owner_id IN {_ME} "
    f"OR {_granted('x.id, s.id, c.id', _ON_MODELS)}) AND {_USE_SCHEMA} AND {_USE_CATALOG}))))"
)
"""What authz.decide says of SEEN: the actor holds anything on the model, or may browse its catalog."""
SEE_OBJECT = {
    Kind.FUNCTION: READ_MODEL,
    Kind.VOLUME: _read("READ_VOLUME"),
    Kind.TABLE: _read("SELECT"),
    Kind.PROMPT: READ_MODEL,
}

SCAN_BUDGET = 2_000
"""Rows that one page may look at before it is handed out short."""
MAX_DIRECT = 2_000
"""Models within an actor's reach up to which a page is driven from them instead of from all models."""


class SeenSecurable(NamedTuple):
    securable: Securable
    browse_only: bool


class SeenPage(NamedTuple):
    """What the actor sees."""

    securables: list[SeenSecurable]
    following: tuple[str, str] | None
    """(folded name, id) after which the list continues; None at its end"""


class Slice(msgspec.Struct, frozen=True):
    """Which part of a list."""

    after: tuple[str, str]
    """(folded name, id) of the last securable before it"""
    limit: int
    browse: bool = False
    """And what the actor may only browse"""


async def page_of_containers(
    tx: Tx, kind: Kind, parent_id: str, actor: Actor, part: Slice, *, unbound: bool = False
) -> SeenPage:
    """Catalogs (of the metastore) or schemas (of a catalog) that the actor sees (or may browse), by name.
    `unbound`: and catalogs whose bindings the actor may change, bound or not."""
    if kind is Kind.CATALOG:
        source = "securables x JOIN securables c ON c.id = x.id"
        see, full = SEE_CATALOG, "x.name_key"
    else:
        source = f"securables x JOIN securables c ON {CATALOG_ABOVE} JOIN securables s ON s.id = x.id"
        see, full = SEE_SCHEMA, "c.name_key || '.' || x.name_key"
    if unbound:
        see = f"({see} OR {_MAY_BIND})"
    return await _page(
        tx,
        part.limit,
        f"SELECT {COLUMNS}, {full}, {_seen(see, browse=part.browse)} FROM {source} WHERE x.parent_id = :parent AND x.space = :space "
        "AND x.name_key > :name ORDER BY x.name_key",
        parent=parent_id,
        space=RULES[kind].space,
        name=part.after[0],
        actor=actor.id,
        workspace=actor.workspace,
    )


async def page_beside_catalogs(
    tx: Tx, kind: Kind, metastore_id: str, actor: Actor, after: tuple[str, str], limit: int
) -> SeenPage:
    """External locations or storage credentials that the actor owns, holds something on, or administers, by name."""
    granted = f"EXISTS (SELECT 1 FROM grants g WHERE g.securable_id = x.id AND g.principal_id IN {_ME})"
    see = f"({ADMIN} OR x.owner_id IN {_ME} OR {granted})"
    return await _page(
        tx,
        limit,
        f"SELECT {COLUMNS}, x.name_key, {_seen(see, browse=False)} FROM securables x WHERE x.parent_id = :parent "
        "AND x.space = :space AND x.name_key > :name ORDER BY x.name_key",
        parent=metastore_id,
        space=RULES[kind].space,
        name=after[0],
        actor=actor.id,
    )


def _seen(see: str, *, browse: bool) -> str:
    """2 for what is seen, 1 for what may only be browsed, else 0."""
    return f"CASE WHEN {see} THEN 2 {f'WHEN {BROWSE} THEN 1 ' * browse}ELSE 0 END"


async def _page(tx: Tx, limit: int, sql: str, **values: Value) -> SeenPage:
    """Few rows first: they suffice for a caller who sees most of what there is."""
    page, whole = await _look(tx, limit, min(limit + 1, SCAN_BUDGET), sql, **values)
    return page if whole else (await _look(tx, limit, SCAN_BUDGET, sql, **values))[0]


async def _look(tx: Tx, limit: int, budget: int, sql: str, **values: Value) -> tuple[SeenPage, bool]:
    """Of the first `budget` rows of `sql`, each with its full name and `_seen` at its end, those that are seen; and whether
    they are a whole page (full, or the last). One that is not continues behind the last row looked at, seen or not."""
    rows = await tx.scan(f"{sql} LIMIT :budget", budget=budget, **values)
    seen: list[SeenSecurable] = []
    for index, row in enumerate(rows):
        if row[-1]:
            seen.append(SeenSecurable(of_row(row, row[WIDTH]), row[-1] == 1))
        if len(seen) == limit and index + 1 < len(rows):
            return SeenPage(seen, (seen[-1].securable.name_key, seen[-1].securable.id)), True
    if len(rows) < budget:
        return SeenPage(seen, None), True
    return SeenPage(seen, (rows[-1][WIDTH].rpartition(".")[2], rows[-1][0])), False


async def page_of_models(tx: Tx, schema_id: str, actor: Actor, part: Slice) -> SeenPage:
    """Registered models that the actor may read (or browse), of one schema or ('' ) of the metastore, by (name, id)."""
    after, limit, browse = part.after, part.limit, part.browse
    values = {"actor": actor.id, "workspace": actor.workspace, "name": after[0], "id": after[1]}
    select = f"SELECT {COLUMNS}, {FULL_NAME}, {_seen(READ_MODEL, browse=browse)} FROM"
    where = "x.kind = 'MODEL' AND (x.name_key > :name OR (x.name_key = :name AND x.id > :id)) ORDER BY x.name_key, x.id"
    if schema_id:
        where, values["schema"] = f"x.parent_id = :schema AND x.space = 'routine' AND {where}", schema_id
        look = await _look(tx, limit, min(limit + 1, SCAN_BUDGET), f"{select} {BELOW_SCHEMA} WHERE {where}", **values)
        if look[1]:
            return look[0]
    if not browse and (ids := await reached(tx, actor)) is not None:
        # CROSS JOIN keeps SQLite's planner from walking all models to test each one's id.
        direct = f"{select} ({ids}) d CROSS JOIN {BELOW_SCHEMA} WHERE x.id = d.id AND {where}"
        return await _page(tx, limit, direct, **values)
    return await _page(tx, limit, f"{select} {BELOW_SCHEMA} WHERE {where}", **values)


async def page_of_objects(tx: Tx, kind: Kind, container: Securable, actor: Actor, part: Slice) -> SeenPage:
    """Functions, volumes or tables of a schema (or of a catalog) that the actor may read, or browse, by (name, id)."""
    see = _seen(SEE_OBJECT[kind], browse=part.browse)
    above = "x.catalog_id" if container.kind is Kind.CATALOG else "x.parent_id"
    return await _page(
        tx,
        part.limit,
        f"SELECT {COLUMNS}, {FULL_NAME}, {see} FROM {BELOW_SCHEMA} WHERE {above} = :container AND x.space = :space "
        "AND x.kind = :kind AND (x.name_key > :name OR (x.name_key = :name AND x.id > :id)) ORDER BY x.name_key, x.id",
        container=container.id,
        space=RULES[kind].space,
        kind=str(kind),
        actor=actor.id,
        workspace=actor.workspace,
        name=part.after[0],
        id=part.after[1],
    )


async def readable_model(tx: Tx, actor: Actor, name: str) -> Securable | None:
    """The registered model of this folded full name, where the actor may read it."""
    parts = name.split(".")
    if len(parts) != 3:
        return None
    row = await tx.one(
        f"SELECT {COLUMNS}, {FULL_NAME} FROM {BELOW_SCHEMA} WHERE x.name_key = :n2 AND x.kind = 'MODEL' AND s.name_key = :n1 "
        f"AND c.name_key = :n0 AND {READ_MODEL}",
        n0=parts[0],
        n1=parts[1],
        n2=parts[2],
        actor=actor.id,
        workspace=actor.workspace,
    )
    return of_row(row, row[WIDTH]) if row else None


class LeafKinds(NamedTuple):
    """Kinds of securables in schemas, as conditions of SQL on a kind, on a name space and on a privilege that reads them."""

    kinds: str
    spaces: str
    privileges: str


MODELS_ALONE = LeafKinds("= 'MODEL'", "= 'routine'", "IN ('EXECUTE', 'ALL_PRIVILEGES')")
ALL_LEAVES = LeafKinds(
    "IN ('MODEL', 'PROMPT', 'FUNCTION', 'TABLE', 'VOLUME')",
    "IN ('routine', 'table', 'volume')",
    "IN ('EXECUTE', 'SELECT', 'READ_VOLUME', 'ALL_PRIVILEGES')",
)


def _reached(leaves: LeafKinds) -> tuple[str, ...]:
    kinds, reads = leaves.kinds, f"g.privilege {leaves.privileges}"
    return (
        f"SELECT x.id FROM securables x WHERE x.kind {kinds} AND x.owner_id IN {_ME}",
        f"SELECT g.securable_id FROM grants g WHERE g.principal_id IN {_ME} AND g.kind {kinds} AND {reads}",
        f"SELECT b.id FROM grants g CROSS JOIN securables b WHERE g.principal_id IN {_ME} AND g.kind = 'SCHEMA' AND {reads} "
        f"AND b.parent_id = g.securable_id AND b.space {leaves.spaces} AND b.kind {kinds}",
        f"SELECT b.id FROM grants g CROSS JOIN securables b WHERE g.principal_id IN {_ME} AND g.kind = 'CATALOG' AND {reads} "
        f"AND b.catalog_id = g.securable_id AND b.kind {kinds}",
    )


async def reached(tx: Tx, actor: Actor, leaves: LeafKinds = MODELS_ALONE) -> str | None:
    """SQL for the ids of the models (or of all `leaves`) that the actor's own grants and ownerships lead to,
    where they are few; None where they are many (or the actor is a metastore admin), and a walk in order is better."""
    admin = await tx.one(
        f"SELECT 1 FROM securables x WHERE x.kind = 'METASTORE' AND x.owner_id IN {_ME} LIMIT 1", actor=actor.id
    )
    if admin is not None:
        return None
    sources = _reached(leaves)
    count = await tx.one(
        f"SELECT COUNT(*) FROM (SELECT 1 FROM ({' UNION ALL '.join(sources)}) d LIMIT {MAX_DIRECT + 1}) n",
        actor=actor.id,
    )
    return " UNION ".join(sources) if count is not None and count[0] <= MAX_DIRECT else None
