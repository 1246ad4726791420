"""Volumes in native Unity Catalog REST."""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from modelkeep.api.model_shapes import next_page
from modelkeep.api.unity_catalog import answers, objects
from modelkeep.core.operations.catalog import volumes
from modelkeep.core.operations.models.models import Browsed
from modelkeep.domain.kinds import Kind
from modelkeep.domain.model import Page, Securable
from modelkeep.domain.names import METASTORE, parse_full_name
from modelkeep.http.routing import Route

VOLUMES = "/api/2.1/unity-catalog/volumes"


class UnityCatalogCreateVolume(msgspec.Struct, frozen=True):
    catalog_name: str
    schema_name: str
    name: str
    volume_type: Literal["MANAGED", "EXTERNAL"]
    comment: str = ""
    storage_location: str = ""
    full_name: str = ""


class UpdateVolume(msgspec.Struct, frozen=True):
    """`name` is the full name, in path and body."""

    name: str
    comment: str | None = None
    new_name: str | None = None
    owner: str | None = None
    catalog_name: str = ""
    schema_name: str = ""


def _create(f: UnityCatalogCreateVolume) -> volumes.CreateVolume:
    name = METASTORE.child(f.catalog_name).child(f.schema_name).child(f.name, Kind.VOLUME)
    objects.agreed(name, full_name=f.full_name)
    return volumes.CreateVolume(name, f.volume_type, f.comment, f.storage_location)


def _update(f: UpdateVolume) -> Sequence[msgspec.Struct]:
    name = parse_full_name(f.name, Kind.VOLUME)
    objects.agreed(name, catalog_name=f.catalog_name, schema_name=f.schema_name)
    return objects.changes(name, f.comment, f.new_name, f.owner, "comment, new_name or owner")


def routes(metastore_id: str) -> list[Route]:
    def brief(v: Securable) -> answers.VolumeInfo:
        info = objects.brief(v, metastore_id, browse_only=True)
        return {**info, "volume_id": v.id, "volume_type": v.spec["volume_type"]}

    def info(v: Securable) -> answers.VolumeInfo:
        place = v.spec.get("storage_location") or f"dbfs:/Volumes/{v.full_name.replace('.', '/')}"
        return {**brief(v), "browse_only": False, "storage_location": place}

    def whole_or_brief(result: Securable | Browsed[Securable], _: Any) -> answers.VolumeInfo:
        return objects.visible_info(result, info, brief)

    def page(result: Page[Securable | Browsed[Securable]], _: Any) -> answers.VolumePage:
        items = [objects.visible_info(item, info, brief) for item in result.items]
        return {"volumes": items, **next_page(result.next_token)}

    changes = objects.ObjectChanges(UnityCatalogCreateVolume, _create, UpdateVolume, _update)
    return objects.object_routes(Kind.VOLUME, VOLUMES, changes, whole_or_brief, page)
