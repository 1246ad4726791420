"""Securables as rows: finding a name with all that decides access to it, making, changing, listing, deleting."""

from collections.abc import Sequence
from typing import Any

import msgspec

from modelkeep.domain.authorization import Actor, Binding, SecurableWithGrants
from modelkeep.domain.errors import AlreadyExists
from modelkeep.domain.kinds import RULES, Kind
from modelkeep.domain.model import Securable
from modelkeep.domain.names import FullName, missing
from modelkeep.domain.privileges import Privilege
from modelkeep.store.acts_as import acts_as
from modelkeep.store.db import Tx, UniqueViolation, WriteTx, new_id

COLUMNS = (
    "x.id, x.kind, COALESCE(x.parent_id, ''), COALESCE(x.catalog_id, ''), COALESCE(x.schema_id, ''), x.name, x.owner_id, "
    "(SELECT p.name FROM principals p WHERE p.id = x.owner_id), x.comment, x.tags, x.spec, x.last_version, "
    "x.created_at, x.created_by, x.updated_at, x.updated_by, x.isolated"
)
_WIDTH = 17

# What lies above `x`. A deleted container has left its name space, while rows below it wait to be removed: they are not seen any more.
# PostgreSQL takes key and column as independent and expects one row of a join. It would sort whole tables, so CASE hides the column.
SCHEMA_ABOVE = "s.id = x.schema_id AND CASE WHEN s.space = 'schema' THEN TRUE ELSE FALSE END"
CATALOG_ABOVE = "c.id = x.catalog_id AND CASE WHEN c.space = 'catalog' THEN TRUE ELSE FALSE END"

# The statement that finds one securable by its name, with all that lies above it.
_STEPS = (
    "SELECT m.* FROM securables m WHERE m.kind = 'METASTORE'",
    "SELECT c.* FROM securables m JOIN securables c ON c.parent_id = m.id AND c.space = 'catalog' AND c.name_key = :n0 "
    "WHERE m.kind = 'METASTORE'",
    "SELECT s.* FROM securables m JOIN securables c ON c.parent_id = m.id AND c.space = 'catalog' AND c.name_key = :n0 "
    "JOIN securables s ON s.parent_id = c.id AND s.space = 'schema' AND s.name_key = :n1 WHERE m.kind = 'METASTORE'",
    "SELECT o.* FROM securables m JOIN securables c ON c.parent_id = m.id AND c.space = 'catalog' AND c.name_key = :n0 "
    "JOIN securables s ON s.parent_id = c.id AND s.space = 'schema' AND s.name_key = :n1 "
    "JOIN securables o ON o.parent_id = s.id AND o.space = :space AND o.name_key = :n2 WHERE m.kind = 'METASTORE'",
)

# All that a decision needs, in one row: each securable of the chain (of the containers only what identifies them), every
# grant on any of them to the actor or his groups, those groups, and how the catalog is bound to his workspace. One row took half the time.
_IDENTITY = (
    "x.id, x.kind, COALESCE(x.parent_id, ''), COALESCE(x.catalog_id, ''), COALESCE(x.schema_id, ''), x.name, x.owner_id, "
    "'', '', '{}', '{}', 0, 0, '', 0, '', x.isolated"
)
_BELOW = (
    "",
    " LEFT JOIN securables c ON c.parent_id = m.id AND c.space = 'catalog' AND c.name_key = :n0",
    " LEFT JOIN securables s ON s.parent_id = c.id AND s.space = 'schema' AND s.name_key = :n1",
    " LEFT JOIN securables o ON o.parent_id = s.id AND o.space = :space AND o.name_key = :n2",
)
_BINDING = (
    "CASE WHEN c.isolated = 0 THEN 'READ_WRITE' ELSE (SELECT b.access FROM catalog_bindings b "
    "WHERE b.catalog_id = c.id AND b.workspace_id = :workspace) END"
)
_ID = 36  # characters


def _chain_sql(depth: int, dialect: str) -> str:
    tables = "mcso"[: depth + 1]
    links = ", ".join((COLUMNS if t == tables[-1] else _IDENTITY).replace("x.", f"{t}.") for t in tables)
    joined = "group_concat({})" if dialect == "sqlite" else "string_agg({}, ',')"
    held = joined.format("g.securable_id || g.privilege")
    return (
        f"SELECT {links}, {_BINDING if depth else 'NULL'}, "
        f"(SELECT {held} FROM {acts_as(':actor')} me CROSS JOIN grants g WHERE g.principal_id = me.group_id "
        f"AND g.securable_id IN ({', '.join(f'{t}.id' for t in tables)})), "
        f"(SELECT {joined.format('group_id')} FROM {acts_as(':actor')} mine) "
        f"FROM securables m{''.join(_BELOW[: depth + 1])} WHERE m.kind = 'METASTORE'"
    )


_CHAIN = {dialect: tuple(_chain_sql(depth, dialect) for depth in range(4)) for dialect in ("sqlite", "postgresql")}
_KINDS = {str(kind): kind for kind in Kind}
_BINDINGS = {str(binding): binding for binding in Binding}
_NOTHING: frozenset[str] = frozenset()


def of_row(row: Sequence[Any], full_name: str) -> Securable:
    columns: list[Any] = [row[0], _KINDS[row[1]], *row[2 : _WIDTH - 1], full_name, bool(row[_WIDTH - 1])]
    return Securable(*columns)


def _words(name: FullName) -> dict[str, str]:
    """A name as parameters."""
    words = {f"n{i}": part for i, part in enumerate(name.parts)}
    return {**words, "space": RULES[name.leaf].space} if len(words) == 3 else words


async def chain(tx: Tx, dialect: str, actor: Actor, name: FullName) -> list[SecurableWithGrants]:
    """The links from the metastore down to `name`, as far as they exist: one statement. Securables above the last part of
    `name` carry their identity (id, kind, parents, name, owner_id, isolated) and nothing else."""
    parts = name.parts
    row = await tx.one(_CHAIN[dialect][len(parts)], actor=actor.id, workspace=actor.workspace, **_words(name))
    if row is None:
        return []
    held: dict[str, set[str]] = {}
    for grant in row[-2].split(",") if row[-2] else ():
        held.setdefault(grant[:_ID], set()).add(grant[_ID:])
    acts_as = frozenset(row[-1].split(",")) if row[-1] else _NOTHING
    links: list[SecurableWithGrants] = []
    for depth in range(len(parts) + 1):
        columns = row[depth * _WIDTH : (depth + 1) * _WIDTH]
        if columns[0] is None:
            break
        securable = of_row(columns, ".".join(parts[:depth]))
        binding = _BINDINGS.get(row[-3]) if depth == 1 else Binding.READ_WRITE
        owns, privileges = securable.owner_id in acts_as, frozenset(held.get(securable.id, ()))
        links.append(SecurableWithGrants(securable, owns, privileges, binding))
    return links


async def by_name(tx: Tx, name: FullName) -> Securable | None:
    """The securable alone, without what decides access to it."""
    row = await tx.one(f"SELECT {COLUMNS} FROM ({_STEPS[len(name.parts)]}) x", **_words(name))
    return of_row(row, str(name)) if row else None


async def by_id(tx: Tx, model_id: str) -> Securable | None:
    """A registered model."""
    row = await tx.one(f"SELECT {COLUMNS}, {_MODEL_NAME} FROM {_MODELS} WHERE x.id = :id", id=model_id)
    return of_row(row, row[_WIDTH]) if row else None


async def spec_of(tx: Tx, securable_id: str) -> dict[str, str]:
    """The kind's own fields of a securable known by its id; {} where it is gone."""
    row = await tx.one("SELECT spec FROM securables WHERE id = :id", id=securable_id)
    return msgspec.json.decode(row[0], type=dict[str, str]) if row else {}


def attached(x: str) -> str:
    """SQL for: neither this securable nor one above it is deleted. For statements that need nothing of what lies above."""
    return (
        f"{x}.kind <> 'DELETED' AND NOT EXISTS (SELECT 1 FROM securables d WHERE d.id IN ({x}.schema_id, {x}.catalog_id) "
        "AND d.kind = 'DELETED')"
    )


async def name_of(tx: Tx, securable_id: str) -> FullName | None:
    """The full name, of this moment, of a securable known by its id."""
    row = await tx.one(
        f"SELECT x.kind, x.name_key, s.name_key, c.name_key FROM securables x LEFT JOIN securables s ON {SCHEMA_ABOVE} "
        f"LEFT JOIN securables c ON {CATALOG_ABOVE} WHERE {attached('x')} AND x.id = :id",
        id=securable_id,
    )
    if row is None:
        return None
    if row[0] == Kind.METASTORE:
        return FullName(())
    parts = tuple(part for part in (row[3], row[2], row[1]) if part is not None)
    return FullName(parts, Kind(row[0])) if len(parts) == 3 else FullName(parts)


async def insert(
    tx: WriteTx, parent: Securable, name: FullName, owner_id: str, by: str, at: int, comment: str, spec: dict[str, str],
    spelled: str = "",
) -> str:  # fmt: skip
    """The new securable's id. `spelled`: its own name before it was folded. Raises AlreadyExists."""
    rules = RULES[name.kind]
    row = {
        "id": new_id(), "kind": rules.kind, "space": rules.space, "parent": parent.id, "name": spelled or name.parts[-1],
        "key": name.parts[-1],
        "catalog": parent.id if parent.kind is Kind.CATALOG else parent.catalog_id or None,
        "schema": parent.id if parent.kind is Kind.SCHEMA else None,
        "owner": owner_id, "by": by, "at": at, "comment": comment, "spec": msgspec.json.encode(spec).decode(),
    }  # fmt: skip
    try:
        await tx.run(
            "INSERT INTO securables (id, kind, space, parent_id, catalog_id, schema_id, name, name_key, owner_id, comment, spec, "
            "created_at, created_by, updated_at, updated_by) VALUES (:id, :kind, :space, :parent, :catalog, :schema, :name, "
            ":key, :owner, :comment, :spec, :at, :by, :at, :by)",
            **row,
        )
    except UniqueViolation as error:
        raise AlreadyExists(f"{rules.label} '{name}' already exists.", kind=rules.kind) from error
    return str(row["id"])


async def update(tx: WriteTx, securable: Securable, by: str, at: int, **changes: Any) -> None:
    """Set these columns (comment, owner_id, spec, tags); names change through `rename`. Raises NotFound."""
    columns = "".join(f"{column} = :{column}, " for column in changes)
    await _hold(tx, securable, f"{columns}updated_at = :at, updated_by = :by", at=at, by=by, **changes)


async def rename(tx: WriteTx, securable: Securable, new: FullName, by: str, at: int, spelled: str = "") -> None:
    """Only the row's own name changes: grants, aliases, tags and files hang on ids. Raises AlreadyExists, NotFound."""
    try:
        columns = "name = :name, name_key = :key, updated_at = :at, updated_by = :by"
        await _hold(tx, securable, columns, name=spelled or new.parts[-1], key=new.parts[-1], at=at, by=by)
    except UniqueViolation as error:
        raise AlreadyExists(f"{RULES[securable.kind].label} '{new}' already exists.", kind=securable.kind) from error


async def lock(tx: WriteTx, securable: Securable) -> None:
    """Hold the row until commit: changes that read, decide and write queue on it (SQLite has one writer anyway).

    Lock the model before any artifact set. Raises NotFound where the securable is gone by then.
    """
    await _hold(tx, securable, "updated_at = updated_at")


async def touch(tx: WriteTx, securable: Securable, by: str, at: int) -> None:
    """As `lock`; and something of it changes."""
    await _hold(tx, securable, "updated_at = :at, updated_by = :by", at=at, by=by)


async def _hold(tx: WriteTx, securable: Securable, columns: str, **params: Any) -> None:
    where = "id = :id AND kind <> 'DELETED'"
    if not await tx.run(f"UPDATE securables SET {columns} WHERE {where}", id=securable.id, **params):
        raise missing(securable.full_name, securable.kind)


# --- lists -----------------------------------------------------------------------------------------------------------
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
"""Whoever may change a catalog's bindings, from wherever (BOUND_FROM_ANYWHERE in core/table.py)"""
BROWSE = f"({_BOUND} AND {_granted('c.id', repr('BROWSE') + ', ' + repr('ALL_PRIVILEGES'))})"


def _read(privilege: str) -> str:
    held = _granted("x.id, s.id, c.id", f"{privilege!r}, 'ALL_PRIVILEGES'")
    return f"({_BOUND} AND ({ADMIN} OR ((x.owner_id IN {_ME} OR {held}) AND {_USE_SCHEMA} AND {_USE_CATALOG})))"


READ_MODEL = _read("EXECUTE")
_ON_MODELS = ", ".join(
    repr(str(privilege)) for privilege in sorted(RULES[Kind.MODEL].grantable | {Privilege.ALL_PRIVILEGES})
)
KNOW_MODEL = (
    f"({BROWSE} OR ({_BOUND} AND ({ADMIN} OR ((x.owner_id IN {_ME} OR s.owner_id IN {_ME} OR c.owner_id IN {_ME} "
    f"OR {_granted('x.id, s.id, c.id', _ON_MODELS)}) AND {_USE_SCHEMA} AND {_USE_CATALOG}))))"
)
"""What authz.decide says of SEEN: the actor holds anything on the model, or may browse its catalog."""
_SEE = {
    Kind.FUNCTION: READ_MODEL,
    Kind.VOLUME: _read("READ_VOLUME"),
    Kind.TABLE: _read("SELECT"),
    Kind.PROMPT: READ_MODEL,
}

Seen = tuple[list[tuple[Securable, bool]], tuple[str, str] | None]
"""What the actor sees, each with whether through BROWSE alone; and where to go on, (folded name, id)"""
SCAN_BUDGET = 2_000
"""Rows that one page may look at before it is handed out short."""
MAX_DIRECT = 2_000
"""Models within an actor's reach up to which a page is driven from them instead of from all models."""


async def page_of_containers(
    tx: Tx, kind: Kind, parent_id: str, actor: Actor, after: tuple[str, str], limit: int, *, browse: bool = False,
    unbound: bool = False,
) -> Seen:  # fmt: skip
    """Catalogs (of the metastore) or schemas (of a catalog) that the actor sees (or may browse), by name.
    `unbound`: and catalogs whose bindings he may change, bound or not."""
    if kind is Kind.CATALOG:
        source = "securables x JOIN securables c ON c.id = x.id"
        see, full = SEE_CATALOG, "x.name_key"
    else:
        source = f"securables x JOIN securables c ON {CATALOG_ABOVE} JOIN securables s ON s.id = x.id"
        see, full = SEE_SCHEMA, "c.name_key || '.' || x.name_key"
    if unbound:
        see = f"({see} OR {_MAY_BIND})"
    return await _page(
        tx, limit,
        f"SELECT {COLUMNS}, {full}, {_seen(see, browse=browse)} FROM {source} WHERE x.parent_id = :parent AND x.space = :space "
        "AND x.name_key > :name ORDER BY x.name_key",
        parent=parent_id, space=RULES[kind].space, name=after[0], actor=actor.id, workspace=actor.workspace,
    )  # fmt: skip


def _seen(see: str, *, browse: bool) -> str:
    """2 for what is seen, 1 for what may only be browsed, else 0."""
    return f"CASE WHEN {see} THEN 2 {f'WHEN {BROWSE} THEN 1 ' * browse}ELSE 0 END"


async def _page(tx: Tx, limit: int, sql: str, **values: Any) -> Seen:
    """Few rows first: they suffice for a caller who sees most of what there is."""
    page, whole = await _look(tx, limit, min(limit + 1, SCAN_BUDGET), sql, **values)
    return page if whole else (await _look(tx, limit, SCAN_BUDGET, sql, **values))[0]


async def _look(tx: Tx, limit: int, budget: int, sql: str, **values: Any) -> tuple[Seen, bool]:
    """Of the first `budget` rows of `sql`, each with its full name and `_seen` at its end, those that are seen; and whether
    they are a whole page (full, or the last). One that is not continues behind the last row looked at, seen or not."""
    rows = await tx.scan(f"{sql} LIMIT :budget", budget=budget, **values)
    seen: list[tuple[Securable, bool]] = []
    for index, row in enumerate(rows):
        if row[-1]:
            seen.append((of_row(row, row[_WIDTH]), row[-1] == 1))
        if len(seen) == limit and index + 1 < len(rows):
            return (seen, (seen[-1][0].name_key, seen[-1][0].id)), True
    if len(rows) < budget:
        return (seen, None), True
    return (seen, (rows[-1][_WIDTH].rpartition(".")[2], rows[-1][0])), False


_MODELS = f"securables x JOIN securables s ON {SCHEMA_ABOVE} JOIN securables c ON {CATALOG_ABOVE}"
_MODEL_NAME = "c.name_key || '.' || s.name_key || '.' || x.name_key"


async def page_of_models(
    tx: Tx, schema_id: str, actor: Actor, after: tuple[str, str], limit: int, *, browse: bool = False
) -> Seen:
    """Registered models that the actor may read (or browse), of one schema or ('' ) of the metastore, by (name, id)."""
    values = {"actor": actor.id, "workspace": actor.workspace, "name": after[0], "id": after[1]}
    select = f"SELECT {COLUMNS}, {_MODEL_NAME}, {_seen(READ_MODEL, browse=browse)} FROM"
    where = "x.kind = 'MODEL' AND (x.name_key > :name OR (x.name_key = :name AND x.id > :id)) ORDER BY x.name_key, x.id"
    if schema_id:
        where, values["schema"] = f"x.parent_id = :schema AND x.space = 'routine' AND {where}", schema_id
        look = await _look(tx, limit, min(limit + 1, SCAN_BUDGET), f"{select} {_MODELS} WHERE {where}", **values)
        if look[1]:
            return look[0]
    if not browse and (ids := await reached(tx, actor)) is not None:
        # CROSS JOIN keeps SQLite's planner from walking all models to test each one's id.
        direct = f"{select} ({ids}) d CROSS JOIN {_MODELS} WHERE x.id = d.id AND {where}"
        return await _page(tx, limit, direct, **values)
    return await _page(tx, limit, f"{select} {_MODELS} WHERE {where}", **values)


async def page_of_objects(
    tx: Tx, kind: Kind, container: Securable, actor: Actor, after: tuple[str, str], limit: int, *, browse: bool = False
) -> Seen:
    """Functions, volumes or tables of a schema (or of a catalog) that the actor may read, or browse, by (name, id)."""
    see = _seen(_SEE[kind], browse=browse)
    above = "x.catalog_id" if container.kind is Kind.CATALOG else "x.parent_id"
    return await _page(
        tx, limit,
        f"SELECT {COLUMNS}, {_MODEL_NAME}, {see} FROM {_MODELS} WHERE {above} = :container AND x.space = :space "
        "AND x.kind = :kind AND (x.name_key > :name OR (x.name_key = :name AND x.id > :id)) ORDER BY x.name_key, x.id",
        container=container.id, space=RULES[kind].space, kind=str(kind), actor=actor.id, workspace=actor.workspace,
        name=after[0], id=after[1],
    )  # fmt: skip


async def readable_model(tx: Tx, actor: Actor, name: str) -> Securable | None:
    """The registered model of this folded full name, where the actor may read it."""
    parts = name.split(".")
    if len(parts) != 3:
        return None
    row = await tx.one(
        f"SELECT {COLUMNS}, {_MODEL_NAME} FROM {_MODELS} WHERE x.name_key = :n2 AND x.kind = 'MODEL' AND s.name_key = :n1 "
        f"AND c.name_key = :n0 AND {READ_MODEL}",
        n0=parts[0], n1=parts[1], n2=parts[2], actor=actor.id, workspace=actor.workspace,
    )  # fmt: skip
    return of_row(row, row[_WIDTH]) if row else None


_READS = "g.privilege IN ('EXECUTE', 'ALL_PRIVILEGES')"
MODELS_ALONE = "= 'MODEL'"
MODELS_AND_PROMPTS = "IN ('MODEL', 'PROMPT')"


def _reached(kinds: str) -> tuple[str, ...]:
    return (
        f"SELECT x.id FROM securables x WHERE x.kind {kinds} AND x.owner_id IN {_ME}",
        f"SELECT g.securable_id FROM grants g WHERE g.principal_id IN {_ME} AND g.kind {kinds} AND {_READS}",
        f"SELECT b.id FROM grants g CROSS JOIN securables b WHERE g.principal_id IN {_ME} AND g.kind = 'SCHEMA' AND {_READS} "
        f"AND b.parent_id = g.securable_id AND b.space = 'routine' AND b.kind {kinds}",
        f"SELECT b.id FROM grants g CROSS JOIN securables b WHERE g.principal_id IN {_ME} AND g.kind = 'CATALOG' AND {_READS} "
        f"AND b.catalog_id = g.securable_id AND b.kind {kinds}",
    )


async def reached(tx: Tx, actor: Actor, kinds: str = MODELS_ALONE) -> str | None:
    """SQL for the ids of the models (or models and prompts, by `kinds`) that the actor's own grants and ownerships lead to,
    where they are few; None where they are many (or the actor is a metastore admin), and a walk in order is better."""
    admin = await tx.one(
        f"SELECT 1 FROM securables x WHERE x.kind = 'METASTORE' AND x.owner_id IN {_ME} LIMIT 1", actor=actor.id
    )
    if admin is not None:
        return None
    sources = _reached(kinds)
    count = await tx.one(
        f"SELECT COUNT(*) FROM (SELECT 1 FROM ({' UNION ALL '.join(sources)}) d LIMIT {MAX_DIRECT + 1}) n",
        actor=actor.id,
    )
    return " UNION ".join(sources) if count is not None and count[0] <= MAX_DIRECT else None
