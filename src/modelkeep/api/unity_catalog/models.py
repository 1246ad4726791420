"""Registered models and aliases in native Unity Catalog REST (databricks-sdk, MLflow's native flag, `uc:` clients)."""

from collections.abc import Sequence
from typing import Any

import msgspec

from modelkeep.api.model_shapes import (
    Id,
    Place,
    Tag,
    location,
    model_in,
    model_name,
    named,
    new_model_name,
    next_page,
    platform_tags,
)
from modelkeep.api.unity_catalog.answers import ModelAlias, RegisteredModelInfo, RegisteredModelPage
from modelkeep.api.unity_catalog.versions import one_version
from modelkeep.core.operations.catalog import catalogs
from modelkeep.core.operations.models import models, versions
from modelkeep.core.operations.models.models import Browsed
from modelkeep.domain.errors import InvalidArgument
from modelkeep.domain.model import Page, RegisteredModel, Securable
from modelkeep.domain.names import METASTORE, FullName, comment_etag, parse_version
from modelkeep.http.routing import Route
from modelkeep.limits import ALIASES_PER_REQUEST

PREFIX = "/api/2.1/unity-catalog"
MODELS = f"{PREFIX}/models"


class AliasOfVersion(msgspec.Struct, frozen=True):
    alias_name: str
    version_num: str | int


class UnityCatalogCreateModel(msgspec.Struct, frozen=True):
    name: str
    catalog_name: str = ""
    schema_name: str = ""
    full_name: str = ""
    comment: str = ""
    tags: tuple[Tag, ...] = ()
    deployment_job_id: Id = ""
    storage_location: str = ""
    aliases: tuple[AliasOfVersion, ...] = ()


class UnityCatalogListModels(msgspec.Struct, frozen=True):
    catalog_name: str = ""
    schema_name: str = ""
    include_browse: bool = False
    max_results: int | None = None
    page_token: str = ""


class UnityCatalogGetModel(msgspec.Struct, frozen=True):
    full_name: str
    include_aliases: bool = False
    include_browse: bool = False


class UnityCatalogUpdateModel(msgspec.Struct, frozen=True):
    """Absent means unchanged, "" means cleared."""

    full_name: str
    aliases: tuple[AliasOfVersion, ...] = ()
    """Each is set; the model's other aliases stay (terraform-provider-databricks, `databricks_registered_model`)."""
    comment: str | None = None
    new_name: str | None = None
    owner: str | None = None
    deployment_job_id: Id | None = None
    etag: str = ""
    """Of the comment that the caller has read. With it, a newer comment is not overwritten."""
    catalog_name: str = ""
    schema_name: str = ""
    name: str = ""


class UnityCatalogDeleteModel(msgspec.Struct, frozen=True):
    full_name: str
    force: bool = True
    """Clients of Databricks never send it, and there a model goes with its versions."""


class UnityCatalogSetAlias(msgspec.Struct, frozen=True):
    full_name: str
    alias: str
    version_num: str | int


class UnityCatalogAlias(msgspec.Struct, frozen=True):
    full_name: str
    alias: str
    include_aliases: bool = False


def agreed(name: FullName, catalog: str, schema: str, model: str) -> FullName:
    """The name that the path gives, where the body says no other. Raises InvalidArgument."""
    fields = zip(("catalog_name", "schema_name", "name"), name.parts, (catalog, schema, model), strict=True)
    for field, part, said in fields:
        if said and said.lower() != part:
            raise InvalidArgument(
                f"Field '{field}' is {said[:100]!r}, and the request is about '{name}'. To rename it, send new_name."
            )
    return name


def _create_model(f: UnityCatalogCreateModel) -> models.CreateModel:
    name = model_in(f.catalog_name, f.schema_name, f.name)
    if f.full_name and model_name(f.full_name) != name:
        raise InvalidArgument(f"Field 'full_name' is {f.full_name[:300]!r}, and the other fields name '{name}'.")
    if f.storage_location:
        raise InvalidArgument("The server chooses where a model's files are. Leave storage_location out.")
    if f.aliases:
        raise InvalidArgument("A new model has no versions yet. Leave aliases out, and set them once it has some.")
    return models.CreateModel(name, f.comment, platform_tags(f.tags), f.deployment_job_id)


def _list_models(f: UnityCatalogListModels) -> models.ListModels:
    if bool(f.catalog_name) != bool(f.schema_name):
        raise InvalidArgument("Give both catalog_name and schema_name, or neither.")
    schema = METASTORE.child(f.catalog_name).child(f.schema_name) if f.catalog_name else None
    kind = models.BrowseModels if f.include_browse else models.ListModels
    return kind(schema, f.max_results, f.page_token)


def _get_model(f: UnityCatalogGetModel) -> models.GetModel:
    return (models.BrowseModel if f.include_browse else models.GetModel)(model_name(f.full_name))


def _update_model(f: UnityCatalogUpdateModel) -> Sequence[msgspec.Struct]:
    """One PATCH may ask for several things, each with a need of its own: all happen, or none."""
    name = agreed(model_name(f.full_name), f.catalog_name, f.schema_name, f.name)
    changes: list[msgspec.Struct] = []
    if f.comment is not None:
        changes.append(catalogs.UpdateComment(name, f.comment, f.etag))
    if f.deployment_job_id is not None:
        changes.append(catalogs.UpdateSpec(name, {"deployment_job_id": f.deployment_job_id}))
    if f.new_name is not None:
        new = new_model_name(name, f.new_name)
        changes.append(models.RenameModel(name, new))
        name = new
    changes += _aliases(name, f.aliases)
    if f.owner is not None:
        # Last, and answered from itself: it may end the caller's own right to read the model.
        return [*changes, catalogs.TransferOwnership(name, f.owner)]
    if not changes:
        raise InvalidArgument("The request changes nothing. Send comment, new_name, owner or deployment_job_id.")
    return [*changes, models.GetModel(name)]


def _aliases(name: FullName, aliases: tuple[AliasOfVersion, ...]) -> list[msgspec.Struct]:
    """Raises InvalidArgument."""
    if len(aliases) > ALIASES_PER_REQUEST:
        raise InvalidArgument(f"aliases has {len(aliases)} entries; at most {ALIASES_PER_REQUEST} are set at once.")
    if len({alias.alias_name for alias in aliases}) != len(aliases):
        raise InvalidArgument("An alias is in this request twice. Set it once.")
    return [models.SetAlias(name, alias.alias_name, parse_version(alias.version_num)) for alias in aliases]


def _delete_model(f: UnityCatalogDeleteModel) -> models.DeleteModel:
    return models.DeleteModel(model_name(f.full_name), f.force)


def _set_alias(f: UnityCatalogSetAlias) -> models.SetAlias:
    return models.SetAlias(model_name(f.full_name), f.alias, parse_version(f.version_num))


def _delete_alias(f: UnityCatalogAlias) -> models.DeleteAlias:
    return models.DeleteAlias(model_name(f.full_name), f.alias)


def _by_alias(f: UnityCatalogAlias) -> versions.GetVersionByAlias:
    return versions.GetVersionByAlias(model_name(f.full_name), f.alias)


def brief(model: Securable, metastore_id: str, *, browse_only: bool = False) -> RegisteredModelInfo:
    """A RegisteredModelInfo as lists hold it, and all of it that BROWSE alone shows."""
    catalog, schema, name = model.full_name.split(".")
    return {
        "name": name,
        "catalog_name": catalog,
        "schema_name": schema,
        "full_name": model.full_name,
        "comment": model.comment,
        "owner": model.owner,
        "id": model.id,
        "metastore_id": metastore_id,
        "created_at": model.created_at,
        "created_by": model.created_by,
        "updated_at": model.updated_at,
        "updated_by": model.updated_by,
        "securable_type": "FUNCTION",
        "securable_kind": "FUNCTION_REGISTERED_MODEL",
        "browse_only": browse_only,
    }


def info(model: Securable, metastore_id: str) -> RegisteredModelInfo:
    """A RegisteredModelInfo without its aliases."""
    job = model.spec.get("deployment_job_id", "")
    return {
        **brief(model, metastore_id),
        "storage_location": location(model.full_name),
        "tags": [{"key": key, "value": value} for key, value in model.tags.items()],
        "etag": comment_etag(model.comment),
        "deployment_job_id": job,
        "deployment_job_state": "CONNECTED" if job else "NOT_SET_UP",
    }


def alias_info(model: str, alias: str, version: int) -> ModelAlias:
    catalog, schema, name = model.split(".")
    return {
        "alias_name": alias,
        "version_num": version,
        "catalog_name": catalog,
        "schema_name": schema,
        "model_name": name,
    }


def routes(metastore_id: str, place: Place = named) -> list[Route]:
    """`place` writes a version's storage_location for the clients."""

    def whole(result: RegisteredModel | Securable, _: Any) -> RegisteredModelInfo:
        if isinstance(result, Securable):
            return info(result, metastore_id)
        aliases = [alias_info(result.securable.full_name, *alias) for alias in result.aliases.items()]
        return {**info(result.securable, metastore_id), "aliases": aliases}

    def whole_or_brief(
        result: RegisteredModel | Browsed[RegisteredModel], f: UnityCatalogGetModel
    ) -> RegisteredModelInfo:
        model = result.entity if isinstance(result, Browsed) else result
        if isinstance(result, Browsed) and result.only:
            return brief(model.securable, metastore_id, browse_only=True)
        return whole(model if f.include_aliases else model.securable, f)

    def page(result: Page[Securable | Browsed[Securable]], _: Any) -> RegisteredModelPage:
        items = [
            brief(m.entity, metastore_id, browse_only=m.only) if isinstance(m, Browsed) else brief(m, metastore_id)
            for m in result.items
        ]
        return {"registered_models": items, **next_page(result.next_token)}

    def alias(_: Any, f: UnityCatalogSetAlias) -> ModelAlias:
        return alias_info(str(model_name(f.full_name)), f.alias, parse_version(f.version_num))

    by_name, by_alias = f"{MODELS}/{{full_name}}", f"{MODELS}/{{full_name}}/aliases/{{alias}}"
    return [
        Route("POST", MODELS, UnityCatalogCreateModel, _create_model, whole),
        Route("GET", MODELS, UnityCatalogListModels, _list_models, page),
        Route("GET", by_name, UnityCatalogGetModel, _get_model, whole_or_brief),
        Route("PATCH", by_name, UnityCatalogUpdateModel, _update_model, whole),
        Route("DELETE", by_name, UnityCatalogDeleteModel, _delete_model),
        Route("PUT", by_alias, UnityCatalogSetAlias, _set_alias, alias),
        Route("DELETE", by_alias, UnityCatalogAlias, _delete_alias),
        Route("GET", by_alias, UnityCatalogAlias, _by_alias, one_version(metastore_id, place)),
    ]
