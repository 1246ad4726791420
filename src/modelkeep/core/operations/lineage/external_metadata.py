"""External metadata: what another system has (a dashboard, a topic, a table elsewhere), so that lineage, grants and owners have it to name.

Shapes and privileges: `w.external_metadata` of databricks-sdk.
"""

from typing import Any

import msgspec

from modelkeep.core.context import ReadCtx, WriteCtx
from modelkeep.core.operations.models import models
from modelkeep.core.operations.tables.external_locations import ListBesideCatalogs, insert_in_metastore, page_of_kind
from modelkeep.domain.errors import InvalidArgument
from modelkeep.domain.kinds import Kind
from modelkeep.domain.model import Page, Securable
from modelkeep.domain.names import FullName, check_comment
from modelkeep.domain.privileges import Privilege
from modelkeep.limits import EXTERNAL_METADATA_COLUMNS, LINEAGE_PROPERTIES
from modelkeep.store import deletion, grants, principals, securables


class Description(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the other system calls it, as `spec.definition` keeps it in JSON."""

    system_type: str
    entity_type: str
    url: str = ""
    columns: tuple[str, ...] = ()
    properties: dict[str, str] = {}


class CreateExternalMetadata(msgspec.Struct, frozen=True):
    name: FullName
    description: Description
    comment: str = ""


class GetExternalMetadata(msgspec.Struct, frozen=True):
    name: FullName


class ListExternalMetadata(ListBesideCatalogs, frozen=True):
    pass


class UpdateExternalMetadata(msgspec.Struct, frozen=True, kw_only=True):
    """None leaves a field as it is."""

    name: FullName
    system_type: str | None = None
    entity_type: str | None = None
    url: str | None = None
    columns: tuple[str, ...] | None = None
    properties: dict[str, str] | None = None
    comment: str | None = None


class DeleteExternalMetadata(msgspec.Struct, frozen=True):
    name: FullName


def description(metadata: Securable) -> Description:
    return msgspec.json.decode(metadata.spec["definition"], type=Description)


async def create_external_metadata(ctx: WriteCtx, req: CreateExternalMetadata, metastore: Securable) -> Securable:
    """All account users may know of it at first (databricks-sdk's docstring)."""
    spec = {"definition": msgspec.json.encode(_checked(req.description)).decode()}
    await insert_in_metastore(ctx, req.name, metastore, req.comment, spec)
    metadata = await models.fetch(ctx, req.name)
    everyone = await principals.account_users(ctx.tx)
    pairs = grants.GrantPairs([(everyone, Privilege.BROWSE)], [])
    await grants.change(ctx.tx, metadata, pairs, ctx.actor.name, ctx.now)
    return metadata


async def get_external_metadata(ctx: ReadCtx, req: GetExternalMetadata, metadata: Securable) -> Securable:
    return metadata


async def list_external_metadata(ctx: ReadCtx, req: ListExternalMetadata, metastore: Securable) -> Page[Securable]:
    return await page_of_kind(ctx, req, Kind.EXTERNAL_METADATA, metastore)


async def update_external_metadata(ctx: WriteCtx, req: UpdateExternalMetadata, metadata: Securable) -> Securable:
    before = description(metadata)
    changes: dict[str, Any] = {
        field: value
        for field in ("system_type", "entity_type", "url", "columns", "properties")
        if (value := getattr(req, field)) is not None
    }
    after = _checked(msgspec.structs.replace(before, **changes))
    comment = metadata.comment if req.comment is None else check_comment(req.comment)
    for field in changes:
        ctx.changed(field, getattr(before, field), getattr(after, field))
    ctx.changed("comment", metadata.comment, comment)
    spec = {**metadata.spec, "definition": msgspec.json.encode(after).decode()}
    await securables.update(
        ctx.tx, metadata, ctx.actor.name, ctx.now, comment=comment, spec=msgspec.json.encode(spec).decode()
    )
    return await models.fetch(ctx, req.name)


async def delete_external_metadata(ctx: WriteCtx, req: DeleteExternalMetadata, metadata: Securable) -> None:
    """Lineage that names it stays, with the name that it had."""
    await deletion.detach(ctx.tx, metadata)
    await models.remove_detached(ctx, metadata)


def _checked(fields: Description) -> Description:
    if not 0 < len(fields.entity_type) <= 255:
        raise InvalidArgument(
            "entity_type has 1 to 255 characters. Say what it is there, such as a dashboard or a topic."
        )
    if len(fields.url) > 2_000:
        raise InvalidArgument("url has at most 2000 characters.")
    if len(fields.columns) > EXTERNAL_METADATA_COLUMNS or any(len(column) > 255 for column in fields.columns):
        raise InvalidArgument(f"At most {EXTERNAL_METADATA_COLUMNS} columns are kept, of at most 255 characters each.")
    if len(fields.properties) > LINEAGE_PROPERTIES or any(
        len(text) > 1_000 for item in fields.properties.items() for text in item
    ):
        raise InvalidArgument(f"At most {LINEAGE_PROPERTIES} properties are kept, of at most 1000 characters each.")
    return fields
