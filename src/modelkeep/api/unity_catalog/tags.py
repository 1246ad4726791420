"""Tags in native Unity Catalog REST: MLflow's securable-tags and subentity-tags, the SDK's entity tag assignments."""

from typing import Any

import msgspec

from modelkeep.api.model_shapes import check_mask, next_page
from modelkeep.api.unity_catalog.answers import TagAssignment, TagAssignmentPage
from modelkeep.core.operations.models import models, prompts
from modelkeep.domain.errors import InvalidArgument
from modelkeep.domain.kinds import Kind, parse_kind
from modelkeep.domain.model import Page
from modelkeep.domain.names import FullName, check_platform_tag, parse_full_name, parse_version
from modelkeep.domain.prompt_templates import check_version_tag
from modelkeep.http.routing import Route

PREFIX = "/api/2.1/unity-catalog"


class UnityCatalogTag(msgspec.Struct, frozen=True):
    key: str
    value: str = ""


class Changes(msgspec.Struct, frozen=True):
    add_tags: tuple[UnityCatalogTag, ...] = ()
    remove: tuple[str, ...] = ()


class SecurableTags(msgspec.Struct, frozen=True):
    securable_type: str
    securable_full_name: str
    changes: Changes


class SubentityTags(msgspec.Struct, frozen=True):
    """Of a model version: the subentity is its number."""

    securable_type: str
    securable_full_name: str
    subentity_name: str | int
    changes: Changes


class TagAssignments(msgspec.Struct, frozen=True):
    entity_type: str
    entity_name: str
    max_results: int | None = None
    page_token: str = ""


class UnityCatalogAssignment(msgspec.Struct, frozen=True):
    entity_type: str
    entity_name: str
    tag_key: str
    tag_value: str = ""


class UpdateAssignment(msgspec.Struct, frozen=True):
    entity_type: str
    entity_name: str
    tag_key: str
    tag_value: str = ""
    update_mask: str = "tag_value"


def _on(kind: Kind, full_name: str) -> FullName:
    if kind is Kind.METASTORE:
        raise InvalidArgument(
            "A metastore has no tags. Tag a catalog, schema, model, prompt, function, volume or table."
        )
    return parse_full_name(full_name, kind)


def _entity(f: UnityCatalogAssignment | TagAssignments | UpdateAssignment) -> tuple[Kind, FullName]:
    """Entity types are written in the plural (`catalogs`, `schemas`, `functions`); the singular means the same."""
    kind = parse_kind(f.entity_type[:-1] if f.entity_type[-1:] in ("s", "S") else f.entity_type)
    return kind, _on(kind, f.entity_name)


def _changed(name: FullName, version: int | None, changes: Changes) -> models.ChangeTags:
    added = {tag.key: tag.value for tag in changes.add_tags}
    if len(added) != len(changes.add_tags) or added.keys() & set(changes.remove):
        raise InvalidArgument("A tag key is in this request twice. Add it or remove it, once.")
    for key, value in added.items():
        check_platform_tag(key, value)
    if not added and not changes.remove:
        raise InvalidArgument("The request changes nothing. Send changes with add_tags or remove.")
    return models.ChangeTags(name, version, added, changes.remove)


def _securable_tags(f: SecurableTags) -> models.ChangeTags:
    return _changed(_on(parse_kind(f.securable_type), f.securable_full_name), None, f.changes)


def _subentity_tags(f: SubentityTags) -> msgspec.Struct:
    kind = parse_kind(f.securable_type)
    if kind is Kind.PROMPT:
        name, version = parse_full_name(f.securable_full_name, kind), parse_version(f.subentity_name, "Prompt")
        changes = _changed(name, version, f.changes)
        for key, value in changes.set.items():
            check_version_tag(key, value)
        return prompts.ChangePromptVersionTags(name, version, changes.set, changes.remove)
    if kind is not Kind.MODEL:
        raise InvalidArgument(f"A {f.securable_type[:100]} has no versions to tag. Only models (FUNCTION) have.")
    return _changed(parse_full_name(f.securable_full_name, Kind.MODEL), parse_version(f.subentity_name), f.changes)


def _assign(f: UnityCatalogAssignment) -> models.AssignTag:
    check_platform_tag(f.tag_key, f.tag_value)
    return models.AssignTag(_entity(f)[1], f.tag_key, f.tag_value)


def _remove(f: UnityCatalogAssignment) -> models.ChangeTags:
    return models.ChangeTags(_entity(f)[1], remove=(f.tag_key,))


def _update(f: UpdateAssignment) -> models.ReassignTag:
    check_mask(
        f.update_mask,
        "tag_value",
        ("entity_type", "entity_name", "tag_key", "source_type", "update_time", "updated_by"),
    )
    check_platform_tag(f.tag_key, f.tag_value)
    return models.ReassignTag(_entity(f)[1], f.tag_key, f.tag_value)


_LISTS = {Kind.CATALOG: models.ListCatalogTags, Kind.SCHEMA: models.ListSchemaTags}


def _list(f: TagAssignments) -> models.ListTags:
    kind, name = _entity(f)
    return _LISTS.get(kind, models.ListObjectTags)(name, f.max_results, f.page_token)


def _get(f: UnityCatalogAssignment) -> msgspec.Struct:
    kind, name = _entity(f)
    return _LISTS.get(kind, models.ListObjectTags)(name, models.MAX_PAGE)


def _assignment(f: UnityCatalogAssignment | TagAssignments | UpdateAssignment, key: str, value: str) -> TagAssignment:
    return {"entity_type": f.entity_type, "entity_name": str(_entity(f)[1]), "tag_key": key, "tag_value": value}


def _from_request(_: Any, f: UnityCatalogAssignment | UpdateAssignment) -> TagAssignment:
    return _assignment(f, f.tag_key, f.tag_value)


def _tag_of_page(result: Page[tuple[str, str]], f: UnityCatalogAssignment) -> TagAssignment:
    tags = dict(result.items)
    if f.tag_key not in tags:
        raise models.no_tag(_entity(f)[1], f.tag_key)
    return _assignment(f, f.tag_key, tags[f.tag_key])


def _page(result: Page[tuple[str, str]], f: TagAssignments) -> TagAssignmentPage:
    return {
        "tag_assignments": [_assignment(f, *tag) for tag in result.items],
        **next_page(result.next_token),
    }


def routes() -> list[Route]:
    assignments = f"{PREFIX}/entity-tag-assignments"
    of_entity = f"{assignments}/{{entity_type}}/{{entity_name}}/tags"
    by_key = f"{of_entity}/{{tag_key}}"
    of_securable = "{securable_type}/{securable_full_name}"
    return [
        Route("PATCH", f"{PREFIX}/securable-tags/{of_securable}", SecurableTags, _securable_tags),
        Route("PATCH", f"{PREFIX}/subentity-tags/{of_securable}/{{subentity_name}}", SubentityTags, _subentity_tags),
        Route("POST", assignments, UnityCatalogAssignment, _assign, _from_request),
        Route("GET", of_entity, TagAssignments, _list, _page),
        Route("GET", by_key, UnityCatalogAssignment, _get, _tag_of_page),
        Route("PATCH", by_key, UpdateAssignment, _update, _from_request),
        Route("DELETE", by_key, UnityCatalogAssignment, _remove),
    ]
