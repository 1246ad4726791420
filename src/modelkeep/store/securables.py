"""Securables as rows: finding a name with all that decides access to it, creating, changing. Lists: `securable_lists`."""

import msgspec

from modelkeep.domain.authorization import Actor, Binding, SecurableWithGrants
from modelkeep.domain.errors import AlreadyExists
from modelkeep.domain.kinds import BESIDE_CATALOGS, RULES, Kind
from modelkeep.domain.model import Securable
from modelkeep.domain.names import FullName, missing
from modelkeep.store.acts_as import acts_as
from modelkeep.store.db import Row, Tx, UniqueViolation, Value, WriteTx, new_id

COLUMNS = (
    "x.id, x.kind, COALESCE(x.parent_id, ''), COALESCE(x.catalog_id, ''), COALESCE(x.schema_id, ''), x.name, x.owner_id, "
    "(SELECT p.name FROM principals p WHERE p.id = x.owner_id), x.comment, x.tags, x.spec, x.last_version, "
    "x.created_at, x.created_by, x.updated_at, x.updated_by, x.isolated"
)
WIDTH = 17
"""How many columns `COLUMNS` has"""

# What lies above `x`. A deleted container has left its name space, while rows below it wait to be removed: they are not seen any more.
# PostgreSQL takes key and column as independent and expects one row of a join. It would sort whole tables, so CASE hides the column.
SCHEMA_ABOVE = "s.id = x.schema_id AND CASE WHEN s.space = 'schema' THEN TRUE ELSE FALSE END"
CATALOG_ABOVE = "c.id = x.catalog_id AND CASE WHEN c.space = 'catalog' THEN TRUE ELSE FALSE END"
BELOW_SCHEMA = f"securables x JOIN securables s ON {SCHEMA_ABOVE} JOIN securables c ON {CATALOG_ABOVE}"
"""The objects of schemas, with their schemas and catalogs"""
FULL_NAME = "c.name_key || '.' || s.name_key || '.' || x.name_key"
"""The full name of `x` in a statement over `BELOW_SCHEMA`"""

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
_BESIDE_CATALOGS = _STEPS[1].replace("'catalog'", ":space")

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
    grants = joined.format("g.securable_id || g.privilege")
    return (
        f"SELECT {links}, {_BINDING if depth else 'NULL'}, "
        f"(SELECT {grants} FROM {acts_as(':actor')} me CROSS JOIN grants g WHERE g.principal_id = me.group_id "
        f"AND g.securable_id IN ({', '.join(f'{t}.id' for t in tables)})), "
        f"(SELECT {joined.format('group_id')} FROM {acts_as(':actor')} mine) "
        f"FROM securables m{''.join(_BELOW[: depth + 1])} WHERE m.kind = 'METASTORE'"
    )


_CHAIN = {dialect: tuple(_chain_sql(depth, dialect) for depth in range(4)) for dialect in ("sqlite", "postgresql")}
_CHAIN_BESIDE_CATALOGS = {dialect: chain[1].replace("'catalog'", ":space") for dialect, chain in _CHAIN.items()}
_KINDS = {str(kind): kind for kind in Kind}
_BINDINGS = {str(binding): binding for binding in Binding}
_NOTHING: frozenset[str] = frozenset()


def of_row(row: Row, full_name: str) -> Securable:
    columns: Row = (row[0], _KINDS[row[1]], *row[2 : WIDTH - 1], full_name, bool(row[WIDTH - 1]))
    return Securable(*columns)


def _words(name: FullName) -> dict[str, str]:
    """A name as parameters."""
    words = {f"n{i}": part for i, part in enumerate(name.parts)}
    return {**words, "space": RULES[name.leaf].space} if RULES[name.leaf].depth == len(words) else words


async def chain(tx: Tx, dialect: str, actor: Actor, name: FullName) -> list[SecurableWithGrants]:
    """The links from the metastore down to `name`, as far as they exist: one statement. Securables above the last part of
    `name` carry their identity (id, kind, parents, name, owner_id, isolated) and nothing else."""
    parts = name.parts
    sql = _CHAIN_BESIDE_CATALOGS[dialect] if name.leaf in BESIDE_CATALOGS and parts else _CHAIN[dialect][len(parts)]
    row = await tx.one(sql, actor=actor.id, workspace=actor.workspace, **_words(name))
    if row is None:
        return []
    privileges_of: dict[str, set[str]] = {}
    for grant in row[-2].split(",") if row[-2] else ():
        privileges_of.setdefault(grant[:_ID], set()).add(grant[_ID:])
    acts_as = frozenset(row[-1].split(",")) if row[-1] else _NOTHING
    links: list[SecurableWithGrants] = []
    for depth in range(len(parts) + 1):
        columns = row[depth * WIDTH : (depth + 1) * WIDTH]
        if columns[0] is None:
            break
        securable = of_row(columns, ".".join(parts[:depth]))
        binding = _BINDINGS.get(row[-3]) if depth == 1 else Binding.READ_WRITE
        owns, privileges = securable.owner_id in acts_as, frozenset(privileges_of.get(securable.id, ()))
        links.append(SecurableWithGrants(securable, owns, privileges, binding))
    return links


async def by_name(tx: Tx, name: FullName) -> Securable | None:
    """The securable alone, without what decides access to it."""
    steps = _BESIDE_CATALOGS if name.leaf in BESIDE_CATALOGS and name.parts else _STEPS[len(name.parts)]
    row = await tx.one(f"SELECT {COLUMNS} FROM ({steps}) x", **_words(name))
    return of_row(row, str(name)) if row else None


async def by_id(tx: Tx, model_id: str) -> Securable | None:
    """A registered model."""
    row = await tx.one(f"SELECT {COLUMNS}, {FULL_NAME} FROM {BELOW_SCHEMA} WHERE x.id = :id", id=model_id)
    return of_row(row, row[WIDTH]) if row else None


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
    return FullName(parts, Kind(row[0])) if len(parts) == 3 or row[0] in BESIDE_CATALOGS else FullName(parts)


class NewSecurable(msgspec.Struct, frozen=True):
    """A securable to be stored."""

    parent: Securable
    name: FullName
    owner_id: str
    created_by: str
    created_at: int
    """epoch ms"""
    comment: str
    spec: dict[str, str]
    display_name: str = ""
    """Its own name before it was folded; '' for the same"""
    id: str = ""
    """One that was reserved before; '' for a new one"""


async def insert(tx: WriteTx, new: NewSecurable) -> str:
    """The new securable's id. Raises AlreadyExists."""
    parent, name = new.parent, new.name
    rules = RULES[name.kind]
    row = {
        "id": new.id or new_id(),
        "kind": rules.kind,
        "space": rules.space,
        "parent": parent.id,
        "name": new.display_name or name.parts[-1],
        "key": name.parts[-1],
        "catalog": parent.id if parent.kind is Kind.CATALOG else parent.catalog_id or None,
        "schema": parent.id if parent.kind is Kind.SCHEMA else None,
        "owner": new.owner_id,
        "by": new.created_by,
        "at": new.created_at,
        "comment": new.comment,
        "spec": msgspec.json.encode(new.spec).decode(),
    }
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


async def update(tx: WriteTx, securable: Securable, by: str, at: int, **changes: Value) -> None:
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


async def _hold(tx: WriteTx, securable: Securable, columns: str, **params: Value) -> None:
    where = "id = :id AND kind <> 'DELETED'"
    if not await tx.run(f"UPDATE securables SET {columns} WHERE {where}", id=securable.id, **params):
        raise missing(securable.full_name, securable.kind)
