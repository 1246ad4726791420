"""External metadata, as databricks-sdk's `w.external_metadata` calls it."""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from modelkeep.api.model_shapes import next_page
from modelkeep.api.unity_catalog import lineage_answers as answers
from modelkeep.core.operations.catalog import catalogs
from modelkeep.core.operations.lineage import external_metadata as core
from modelkeep.domain.errors import InvalidArgument
from modelkeep.domain.kinds import Kind
from modelkeep.domain.model import Page, Securable
from modelkeep.domain.names import METASTORE, FullName, parse_full_name
from modelkeep.domain.times import rfc3339
from modelkeep.http.routing import Route

PATH = "/api/2.0/lineage-tracking/external-metadata"
SystemType = Literal[
    "AMAZON_REDSHIFT",
    "AZURE_SYNAPSE",
    "CONFLUENT",
    "DATABRICKS",
    "GOOGLE_BIGQUERY",
    "KAFKA",
    "LOOKER",
    "MICROSOFT_FABRIC",
    "MICROSOFT_SQL_SERVER",
    "MONGODB",
    "MYSQL",
    "ORACLE",
    "OTHER",
    "POSTGRESQL",
    "POWER_BI",
    "SALESFORCE",
    "SAP",
    "SERVICENOW",
    "SNOWFLAKE",
    "STREAM_NATIVE",
    "TABLEAU",
    "TERADATA",
    "WORKDAY",
]
"""Of databricks-sdk 0.162"""


class CreateMetadata(msgspec.Struct, frozen=True):
    name: str
    system_type: SystemType
    entity_type: str
    description: str = ""
    url: str = ""
    columns: tuple[str, ...] = ()
    properties: dict[str, str] = {}


class MetadataByName(msgspec.Struct, frozen=True):
    name: str


class PageOfMetadata(msgspec.Struct, frozen=True):
    page_size: int | None = None
    page_token: str = ""


class UpdateMetadata(msgspec.Struct, frozen=True):
    """Of the fields those that `update_mask` names; `*` names all that are sent."""

    name: str
    update_mask: str
    system_type: SystemType | None = None
    entity_type: str | None = None
    description: str | None = None
    url: str | None = None
    columns: tuple[str, ...] | None = None
    properties: dict[str, str] | None = None
    owner: str | None = None


_FIELDS = ("system_type", "entity_type", "description", "url", "columns", "properties", "owner")
_EMPTY: dict[str, Any] = {"description": "", "url": "", "columns": (), "properties": {}}
"""What a field becomes that the mask names and the body lacks"""


def metadata_name(text: str) -> FullName:
    return parse_full_name(text, Kind.EXTERNAL_METADATA)


def _create(f: CreateMetadata) -> core.CreateExternalMetadata:
    fields = core.Description(f.system_type, f.entity_type, f.url, f.columns, f.properties)
    return core.CreateExternalMetadata(METASTORE.child(f.name, Kind.EXTERNAL_METADATA), fields, f.description)


def _update(f: UpdateMetadata) -> Sequence[msgspec.Struct]:
    """The owner last, and its own answer: it may end the caller's right to read what was changed."""
    name, values = metadata_name(f.name), _masked(f)
    owner = values.pop("owner", None)
    comment = values.pop("description", None)
    requests: list[msgspec.Struct] = []
    if values or comment is not None:
        requests.append(core.UpdateExternalMetadata(name=name, comment=comment, **values))
    if owner is not None:
        requests.append(catalogs.TransferOwnership(name, owner))
    if not requests:
        raise InvalidArgument(f"The request changes nothing. `update_mask` may name {', '.join(_FIELDS)}.")
    return requests


def _masked(f: UpdateMetadata) -> dict[str, Any]:
    values = {field: getattr(f, field) for field in _FIELDS}
    if f.update_mask == "*":
        return {field: value for field, value in values.items() if value is not None}
    chosen = [part.strip() for part in f.update_mask.split(",")]
    for field in chosen:
        if field not in _FIELDS:
            raise InvalidArgument(f"`update_mask` names '{field[:100]}'. It may name {', '.join(_FIELDS)}.")
        if values[field] is None and field not in _EMPTY:
            raise InvalidArgument(f"`update_mask` names {field}, and the body has no {field}.")
    return {field: _EMPTY[field] if values[field] is None else values[field] for field in chosen}


def routes(metastore_id: str) -> list[Route]:
    def metadata(x: Securable, _: Any = None) -> answers.ExternalMetadataInfo:
        fields = core.description(x)
        answer: answers.ExternalMetadataInfo = {
            "id": x.id,
            "name": x.name,
            "system_type": fields.system_type,
            "entity_type": fields.entity_type,
            "owner": x.owner,
            "metastore_id": metastore_id,
            "create_time": rfc3339(x.created_at),
            "created_by": x.created_by,
            "update_time": rfc3339(x.updated_at),
            "updated_by": x.updated_by,
        }
        if x.comment:
            answer["description"] = x.comment
        if fields.url:
            answer["url"] = fields.url
        if fields.columns:
            answer["columns"] = list(fields.columns)
        if fields.properties:
            answer["properties"] = fields.properties
        return answer

    def page(result: Page[Securable], _: Any) -> answers.ExternalMetadataPage:
        return {"external_metadata": [metadata(x) for x in result.items], **next_page(result.next_token)}

    by_name = f"{PATH}/{{name}}"
    return [
        Route("POST", PATH, CreateMetadata, _create, metadata),
        Route("GET", PATH, PageOfMetadata, lambda f: core.ListExternalMetadata(f.page_size, f.page_token), page),
        Route("GET", by_name, MetadataByName, lambda f: core.GetExternalMetadata(metadata_name(f.name)), metadata),
        Route("PATCH", by_name, UpdateMetadata, _update, metadata),
        Route("DELETE", by_name, MetadataByName, lambda f: core.DeleteExternalMetadata(metadata_name(f.name))),
    ]
