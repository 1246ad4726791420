"""Model versions, aliases and tags as rows."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from modelkeep.domain.authorization import Actor
from modelkeep.domain.kinds import Kind
from modelkeep.domain.model import ModelVersion, RegisteredModel, Securable, Status
from modelkeep.domain.names import missing
from modelkeep.store.db import Row, Tx, Value, WriteTx, among
from modelkeep.store.securable_lists import READ_MODEL
from modelkeep.store.securables import CATALOG_ABOVE, SCHEMA_ABOVE

COLUMNS = (
    "v.id, v.model_id, v.version, v.status, v.status_message, v.source, v.run_id, v.experiment_id, v.workspace_id, "
    "v.logged_model_id, v.run_link, v.comment, COALESCE(v.artifact_set_id, ''), v.aliases, v.tags, v.params, v.metrics, v.signature, "
    "v.copied_from, v.created_at, v.created_by, v.updated_at, v.updated_by, v.feature_deps"
)
WIDTH = 24
LISTED_COLUMNS = COLUMNS.replace("v.feature_deps", "''")
"""Of the versions in a list, which leaves the longest text out."""
_BY_NUMBER = f"SELECT {COLUMNS} FROM model_versions v WHERE v.model_id = :model AND v.version = :version"
_BY_ALIAS = (
    f"SELECT {COLUMNS} FROM aliases a JOIN model_versions v ON v.model_id = a.model_id AND v.version = a.version "
    "WHERE a.model_id = :model AND a.alias = :alias"
)

_NEWEST = f"SELECT {COLUMNS} FROM model_versions v WHERE v.model_id = :model ORDER BY v.version DESC LIMIT 1"
_REGISTERED = (
    f"SELECT a.alias, a.version, {COLUMNS} FROM model_versions v LEFT JOIN aliases a ON a.model_id = v.model_id "
    "WHERE v.model_id = :model AND v.version = (SELECT MAX(w.version) FROM model_versions w WHERE w.model_id = :model) "
    "ORDER BY a.alias"
)


def _version(row: Row, model: Securable) -> ModelVersion:
    columns: Row = (*row, model.full_name, model.name)
    return ModelVersion(*columns)


async def by_number(tx: Tx, model: Securable, version: int) -> ModelVersion | None:
    row = await tx.one(_BY_NUMBER, model=model.id, version=version)
    return _version(row, model) if row else None


async def by_alias(tx: Tx, model: Securable, alias: str) -> ModelVersion | None:
    row = await tx.one(_BY_ALIAS, model=model.id, alias=alias)
    return _version(row, model) if row else None


async def newest(tx: Tx, model: Securable) -> ModelVersion | None:
    """The version with the highest number, whatever its status."""
    row = await tx.one(_NEWEST, model=model.id)
    return _version(row, model) if row else None


async def registered(tx: Tx, model: Securable) -> RegisteredModel:
    """The model with its aliases and its newest version."""
    rows = await tx.all(_REGISTERED, model=model.id)
    aliases = {row[0]: row[1] for row in rows if row[0] is not None}
    return RegisteredModel(model, aliases, _version(rows[0][2:], model) if rows else None)


async def all_registered(tx: Tx, models: Sequence[Securable]) -> list[RegisteredModel]:
    """As `registered`, for a page of models at once."""
    if not models:
        return []
    marks, ids = among(model.id for model in models)
    aliases: dict[str, dict[str, int]] = {}
    for model_id, alias, number in await tx.all(
        f"SELECT model_id, alias, version FROM aliases WHERE model_id IN ({marks}) ORDER BY alias", **ids
    ):
        aliases.setdefault(model_id, {})[alias] = number
    newest = await tx.all(
        f"SELECT {LISTED_COLUMNS} FROM model_versions v WHERE v.model_id IN ({marks}) AND v.version = "
        "(SELECT MAX(w.version) FROM model_versions w WHERE w.model_id = v.model_id)",
        **ids,
    )
    latest = {row[1]: row for row in newest}
    return [
        RegisteredModel(m, aliases.get(m.id, {}), _version(latest[m.id], m) if m.id in latest else None) for m in models
    ]


async def next_number(tx: WriteTx, model: Securable, by: str, at: int) -> int:
    """The next version number: counted on the model's row, so that parallel creates queue and numbers are never reused.
    The model is changed by it, as it is in MLflow's own store. Raises NotFound where the model is gone by then.
    """
    row = await tx.one(
        "UPDATE securables SET last_version = last_version + 1, updated_at = :at, updated_by = :by "
        "WHERE id = :id AND kind <> 'DELETED' RETURNING last_version",
        id=model.id,
        at=at,
        by=by,
    )
    if row is None:
        raise missing(model.full_name, model.kind)
    return row[0]


async def insert(tx: WriteTx, version: ModelVersion) -> None:
    fields = {name: getattr(version, name) for name in _INSERTED}
    fields["artifact_set_id"] = fields["artifact_set_id"] or None
    await tx.run(_INSERT, **fields)


_INSERTED = tuple(name for name in ModelVersion.__struct_fields__ if name not in ("model", "spelled"))
_INSERT = (
    f"INSERT INTO model_versions ({', '.join(n.removesuffix('_json') for n in _INSERTED)}) "
    f"VALUES ({', '.join(':' + n for n in _INSERTED)})"
)


async def update(tx: WriteTx, version: ModelVersion, by: str, at: int, **changes: Value) -> None:
    """Set these columns of one version."""
    columns = ", ".join(f"{column} = :{column}" for column in changes)
    await tx.run(
        f"UPDATE model_versions SET {columns}, updated_at = :at, updated_by = :by WHERE id = :id",
        id=version.id,
        at=at,
        by=by,
        **changes,
    )


async def set_status(
    tx: WriteTx, version: ModelVersion, status: Status, message: str, by: str, at: int, **columns_too: Value
) -> bool:
    """PENDING -> `status`; False where another request was quicker (then nothing is changed)."""
    columns = "".join(f", {column} = :{column}" for column in columns_too)
    changed = await tx.run(
        f"UPDATE model_versions SET status = :status, status_message = :message, updated_at = :at, updated_by = :by{columns} "
        "WHERE id = :id AND status = 'PENDING_REGISTRATION'",
        id=version.id,
        status=status,
        message=message,
        at=at,
        by=by,
        **columns_too,
    )
    return changed == 1


async def delete(tx: WriteTx, version: ModelVersion) -> list[str]:
    """The version with its aliases, tags and lineage. The artifact set that the caller is to release, if it still had one."""
    where = {"model": version.model_id, "version": version.version}
    for table, model in (("aliases", "model_id"), ("tags", "securable_id"), ("lineage", "model_id")):
        await tx.run(f"DELETE FROM {table} WHERE {model} = :model AND version = :version", **where)
    rows = await tx.all("DELETE FROM model_versions WHERE id = :id RETURNING artifact_set_id", id=version.id)
    return [row[0] for row in rows if row[0]]


async def by_id(tx: Tx, version_id: str) -> ModelVersion | None:
    row = await tx.one(f"SELECT {COLUMNS}, {FULL_NAME}, x.name FROM {_FROM} WHERE v.id = :id", id=version_id)
    return ModelVersion(*row) if row else None


async def set_of_version(tx: Tx, version_id: str) -> str:
    """Its artifact set; '' where the version is gone."""
    row = await tx.one("SELECT artifact_set_id FROM model_versions WHERE id = :id", id=version_id)
    return row[0] if row else ""


async def status_of(tx: Tx, version_id: str) -> str:
    """'' where the version is gone."""
    row = await tx.one("SELECT status FROM model_versions WHERE id = :id", id=version_id)
    return row[0] if row else ""


async def count(tx: Tx, model_id: str) -> int:
    row = await tx.one("SELECT COUNT(*) FROM model_versions WHERE model_id = :model", model=model_id)
    return row[0] if row else 0


class PendingVersion(NamedTuple):
    id: str
    artifact_set_id: str
    name: str
    """`model/version`"""


async def pending_since(tx: Tx, before: int) -> list[PendingVersion]:
    """Versions that are PENDING since before this time (epoch ms), the oldest first, up to 500."""
    rows = await tx.all(
        f"SELECT v.id, COALESCE(v.artifact_set_id, ''), {FULL_NAME} || '/' || CAST(v.version AS TEXT) FROM {_FROM} "
        "WHERE v.status = 'PENDING_REGISTRATION' AND v.created_at < :before ORDER BY v.created_at LIMIT 500",
        before=before,
    )
    return [PendingVersion(*row) for row in rows]


async def fail(tx: WriteTx, version_id: str, message: str, by: str, at: int) -> bool:
    """PENDING -> FAILED, without its files; False where it is no longer PENDING."""
    return (
        await tx.run(
            "UPDATE model_versions SET status = 'FAILED_REGISTRATION', status_message = :message, artifact_set_id = NULL, "
            "updated_at = :at, updated_by = :by WHERE id = :id AND status = 'PENDING_REGISTRATION'",
            id=version_id,
            message=message,
            at=at,
            by=by,
        )
        == 1
    )


# --- aliases ---------------------------------------------------------------------------------------------------------


async def count_aliases(tx: Tx, model: Securable, besides: str) -> int:
    row = await tx.one(
        "SELECT COUNT(*) FROM aliases WHERE model_id = :model AND alias <> :alias", model=model.id, alias=besides
    )
    return row[0] if row else 0


async def alias_target(tx: Tx, model: Securable, alias: str) -> int | None:
    row = await tx.one(
        "SELECT version FROM aliases WHERE model_id = :model AND alias = :alias", model=model.id, alias=alias
    )
    return row[0] if row else None


async def set_alias(tx: WriteTx, model: Securable, alias: str, version: int) -> None:
    """Point the alias at the version: an atomic move where it points elsewhere."""
    before = await alias_target(tx, model, alias)
    await tx.run(
        "INSERT INTO aliases (model_id, alias, version) VALUES (:model, :alias, :version) "
        "ON CONFLICT (model_id, alias) DO UPDATE SET version = excluded.version",
        model=model.id,
        alias=alias,
        version=version,
    )
    for number in {before, version} - {None}:
        await _refresh_aliases(tx, model, number)


async def delete_alias(tx: WriteTx, model: Securable, alias: str) -> int | None:
    """The version it pointed at; None where there was no such alias."""
    before = await alias_target(tx, model, alias)
    if before is not None:
        await tx.run("DELETE FROM aliases WHERE model_id = :model AND alias = :alias", model=model.id, alias=alias)
        await _refresh_aliases(tx, model, before)
    return before


async def _refresh_aliases(tx: WriteTx, model: Securable, version: int | None) -> None:
    rows = await tx.all(
        "SELECT alias FROM aliases WHERE model_id = :model AND version = :version ORDER BY alias",
        model=model.id,
        version=version,
    )
    table, owner = _VERSIONS[model.kind]
    await tx.run(
        f"UPDATE {table} SET aliases = :aliases WHERE {owner} = :model AND version = :version",
        model=model.id,
        version=version,
        aliases=_json([row[0] for row in rows]),
    )


_VERSIONS = {Kind.MODEL: ("model_versions", "model_id"), Kind.PROMPT: ("prompt_versions", "prompt_id")}
"""Of each kind with versions: their table, and its column of the securable's id"""


def _json(value: Sequence[str] | Mapping[str, str]) -> str:
    return msgspec.json.encode(value).decode()


# --- tags ------------------------------------------------------------------------------------------------------------


async def put_tags(
    tx: WriteTx, securable: Securable, version: ModelVersion | None, tags: dict[str, str], by: str, at: int
) -> None:
    """Make these the tags of the version, or of the securable where `version` is None: rows to search, JSON to answer."""
    await put_tag_rows(tx, securable, version.version if version else 0, tags)
    table, row_id = ("model_versions", version.id) if version else ("securables", securable.id)
    await tx.run(
        f"UPDATE {table} SET tags = :tags, updated_at = :at, updated_by = :by WHERE id = :id",
        tags=_json(tags),
        at=at,
        by=by,
        id=row_id,
    )


async def put_tag_rows(tx: WriteTx, securable: Securable, number: int, tags: dict[str, str]) -> None:
    """The rows to search alone. `number`: of a version; 0 for the securable itself."""
    await tx.run("DELETE FROM tags WHERE securable_id = :id AND version = :version", id=securable.id, version=number)
    if tags:
        await tx.run_many(
            "INSERT INTO tags (securable_id, version, key, value) VALUES (:id, :version, :key, :value)",
            [{"id": securable.id, "version": number, "key": key, "value": value} for key, value in tags.items()],
        )


# --- search ----------------------------------------------------------------------------------------------------------

FULL_NAME = "c.name_key || '.' || s.name_key || '.' || x.name_key"
_FROM = (
    f"model_versions v JOIN securables x ON x.id = v.model_id JOIN securables s ON {SCHEMA_ABOVE} "
    f"JOIN securables c ON {CATALOG_ABOVE}"
)


async def page_of_model(tx: Tx, model: Securable, before: int, limit: int) -> list[ModelVersion]:
    """Up to `limit` versions of one model with a number below `before`, newest first."""
    rows = await tx.scan(
        f"SELECT {LISTED_COLUMNS} FROM model_versions v WHERE v.model_id = :model AND v.version < :before "
        "ORDER BY v.version DESC LIMIT :limit",
        model=model.id,
        before=before,
        limit=limit,
    )
    return [_version(row, model) for row in rows]


async def of_logged_model(tx: Tx, actor: Actor, logged_model_id: str) -> ModelVersion | None:
    """The oldest version with this logged model whose registered model the actor may read."""
    row = await tx.one(
        f"SELECT {COLUMNS}, {FULL_NAME}, x.name FROM {_FROM} WHERE v.logged_model_id = :id AND {READ_MODEL} ORDER BY v.id LIMIT 1",
        id=logged_model_id,
        actor=actor.id,
        workspace=actor.workspace,
    )
    return ModelVersion(*row) if row else None
