"""What clients themselves say of lineage: the header, dependencies, feature_deps, emit-lineage. Unreadable parts are left out.

Shapes: mlflow/protos/databricks_uc_registry_messages.proto (LineageHeaderInfo, ModelVersionLineageInfo, Dependency).
"""

import base64
from collections.abc import Iterable
from typing import Any, cast

import msgspec

from modelkeep.core.operations.models.lineage import DOWNSTREAM, UPSTREAM, Entity, dependency
from modelkeep.domain.errors import InvalidArgument

_MAX_HEADER = 64 * 1024
_UNREADABLE = (msgspec.DecodeError, RecursionError, ValueError)
_DEPENDENCIES = {
    "DATABRICKS_TABLE": "TABLE",
    "DATABRICKS_UC_FUNCTION": "FUNCTION",
    "DATABRICKS_VECTOR_INDEX": "VECTOR_INDEX",
    "DATABRICKS_MODEL_ENDPOINT": "MODEL_ENDPOINT",
    "DATABRICKS_UC_CONNECTION": "CONNECTION",
    "DATABRICKS_UC_MODEL_SERVICE": "MODEL_SERVICE",
}


def of_header(header: str) -> tuple[Entity, ...]:
    """`X-Databricks-Lineage-Identifier`: base64 of JSON. Raises InvalidArgument where it cannot be read."""
    if not header:
        return ()
    try:
        info = msgspec.json.decode(base64.b64decode(header[:_MAX_HEADER], validate=True))
    except _UNREADABLE as error:
        raise InvalidArgument("The header X-Databricks-Lineage-Identifier is not base64 of JSON.") from error
    tables = [
        _table(source.get("table"), "training")
        for line in _dicts(info, "lineages")
        for source in _dicts(line, "source_securables")
    ]
    return (*_without_nul(tables), *_entities(info))


def of_info(info: dict[str, Any]) -> tuple[str, tuple[Entity, ...]]:
    """The direction and entities of an emit-lineage call. Raises InvalidArgument for an unknown direction."""
    direction = info.get("direction") or DOWNSTREAM
    if direction not in (UPSTREAM, DOWNSTREAM):
        raise InvalidArgument("The lineage direction is UPSTREAM or DOWNSTREAM.")
    tables = [_table(entity.get("table"), "") for entity in _dicts(info, "entities")]
    return direction, (*_without_nul(tables), *_entities(info))


def of_dependencies(dependencies: Iterable[tuple[str, str]]) -> tuple[Entity, ...]:
    """(type, name) pairs."""
    return tuple(dependency(_DEPENDENCIES[kind], name) for kind, name in dependencies if name and kind in _DEPENDENCIES)


def of_features(feature_deps: str) -> tuple[Entity, ...]:
    """The feature tables of a `feature_deps` text: JSON with `input_tables` ([{table_name, table_id}]); '' from OSS clients."""
    if not feature_deps:
        return ()
    try:
        info = msgspec.json.decode(feature_deps)
    except _UNREADABLE:
        return ()
    tables = [
        _table({"name": t.get("table_name"), "table_id": t.get("table_id")}, "feature")
        for t in _dicts(info, "input_tables")
    ]
    return _without_nul(tables)


def _dicts(value: Any, key: str) -> list[dict[str, Any]]:
    items: Any = cast("dict[str, Any]", value).get(key) if isinstance(value, dict) else None
    return [item for item in cast("list[Any]", items) if isinstance(item, dict)] if isinstance(items, list) else []


def _without_nul(entities: Iterable[Entity | None]) -> tuple[Entity, ...]:
    # A NUL can come in escaped inside the header's own JSON, and PostgreSQL stores none.
    return tuple(
        entity for entity in entities if entity is not None and "\0" not in f"{entity.name}{entity.id}{entity.context}"
    )


def _table(table: Any, context: str) -> Entity | None:
    said = cast("dict[str, Any]", table) if isinstance(table, dict) else {}
    name = said.get("name")
    if not isinstance(name, str) or not name:
        return None
    return Entity("TABLE", name.lower(), str(said.get("table_id") or ""), context)


def _entities(info: Any) -> tuple[Entity, ...]:
    """Notebooks and jobs."""
    entities: list[Entity | None] = []
    for entity in _dicts(info, "entities"):
        for kind in ("notebook", "job", "pipeline"):
            said = entity.get(kind)
            about = cast("dict[str, Any]", said) if isinstance(said, dict) else {}
            if about.get("id"):
                entities.append(Entity(kind.upper(), str(about["id"]), str(about.get("job_run_id") or ""), kind))
    return _without_nul(entities)
