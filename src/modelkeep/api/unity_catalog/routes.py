"""Catalogs, schemas and permissions in native Unity Catalog REST."""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from modelkeep.api.model_shapes import next_page
from modelkeep.api.unity_catalog import answers
from modelkeep.api.unity_catalog.objects import securable
from modelkeep.core.operations.catalog import bindings, catalogs
from modelkeep.core.operations.governance import grants
from modelkeep.core.operations.models.models import Browsed
from modelkeep.core.operations.tables.placement import ROOT_FIELD, container_location
from modelkeep.domain.errors import BadPageToken, InvalidArgument
from modelkeep.domain.kinds import RULES, Kind
from modelkeep.domain.model import Grant, Page, Securable
from modelkeep.domain.names import METASTORE, FullName, comment_etag, parse_full_name
from modelkeep.domain.storage_urls import parse_storage_url
from modelkeep.http.routing import Route

PREFIX = "/api/2.1/unity-catalog"


class UnityCatalogCreateCatalog(msgspec.Struct, frozen=True):
    name: str
    comment: str = ""
    properties: dict[str, str] = {}
    full_name: str = ""
    storage_root: str = ""
    connection_name: str = ""
    provider_name: str = ""
    share_name: str = ""
    options: dict[str, str] = {}


class UnityCatalogCreateSchema(msgspec.Struct, frozen=True):
    name: str
    catalog_name: str
    comment: str = ""
    properties: dict[str, str] = {}
    full_name: str = ""
    storage_root: str = ""


class ContainerName(msgspec.Struct, frozen=True):
    full_name: str
    include_browse: bool = False


class UpdateContainer(msgspec.Struct, frozen=True):
    full_name: str
    new_name: str | None = None
    comment: str | None = None
    owner: str | None = None
    properties: dict[str, str] | None = None
    isolation_mode: Literal["OPEN", "ISOLATED"] | None = None
    enable_predictive_optimization: Literal["INHERIT", "DISABLE", "ENABLE"] | None = None
    options: dict[str, str] = {}
    name: str = ""
    catalog_name: str = ""
    etag: str = ""
    """Of the comment that the caller has read. With it, a newer comment is not overwritten."""


class Delete(msgspec.Struct, frozen=True):
    full_name: str
    force: bool = False


class UnityCatalogListCatalogs(msgspec.Struct, frozen=True):
    include_browse: bool = False
    include_unbound: bool = False
    max_results: int | None = None
    page_token: str = ""


class UnityCatalogListSchemas(msgspec.Struct, frozen=True):
    catalog_name: str
    include_browse: bool = False
    max_results: int | None = None
    page_token: str = ""


class Held(msgspec.Struct, frozen=True):
    """Whose grants on what."""

    securable_type: str
    full_name: str
    principal: str = ""
    page_token: str = ""


class GetPermissions(Held, frozen=True):
    max_results: int | None = None


class GetPrivilegeAssignments(Held, frozen=True):
    """databricks-sdk's `w.grants.list` and `list_effective`: the same, and the size of a page has another name."""

    page_size: int | None = None


class PermissionsChange(msgspec.Struct, frozen=True):
    principal: str
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


class ChangePermissions(msgspec.Struct, frozen=True):
    securable_type: str
    full_name: str
    changes: tuple[PermissionsChange, ...] = ()
    omit_permissions_in_response: bool = False


def _spec(properties: dict[str, str], storage_root: str) -> dict[str, str]:
    spec = {"properties": msgspec.json.encode(properties).decode()} if properties else {}
    return {**spec, ROOT_FIELD: storage_root} if storage_root else spec


def _catalog(text: str) -> FullName:
    return parse_full_name(text, Kind.CATALOG)


def _schema(text: str) -> FullName:
    return parse_full_name(text, Kind.SCHEMA)


def _ours(*elsewhere: object) -> None:
    """Refuses what would put a container at another server."""
    if any(elsewhere):
        raise InvalidArgument(
            "Foreign and shared catalogs are not there. Leave connection, provider, share and options out."
        )


def _agreed(name: FullName, /, **said: str) -> FullName:
    """The name that the path (or the other fields) give, where these say no other. Raises InvalidArgument."""
    right = {"name": (name.parts[-1], str(name)), "catalog_name": name.parts[:1], "full_name": (str(name),)}
    for field, value in said.items():
        if value and value.lower() not in right[field]:
            raise InvalidArgument(f"Field '{field}' is {value[:300]!r}, and the request is about '{name}'.")
    return name


def _create_catalog(f: UnityCatalogCreateCatalog) -> catalogs.CreateCatalog:
    _ours(f.connection_name, f.provider_name, f.share_name, f.options)
    name = _agreed(METASTORE.child(f.name), full_name=f.full_name)
    return catalogs.CreateCatalog(name=name, comment=f.comment, spec=_spec(f.properties, f.storage_root))


def _create_schema(f: UnityCatalogCreateSchema) -> catalogs.CreateSchema:
    name = _agreed(_catalog(f.catalog_name).child(f.name), full_name=f.full_name)
    return catalogs.CreateSchema(name=name, comment=f.comment, spec=_spec(f.properties, f.storage_root))


def _get_catalog(f: ContainerName) -> catalogs.GetCatalog:
    return (catalogs.BrowseCatalog if f.include_browse else catalogs.GetCatalog)(_catalog(f.full_name))


def _get_schema(f: ContainerName) -> catalogs.GetSchema:
    return (catalogs.BrowseSchema if f.include_browse else catalogs.GetSchema)(_schema(f.full_name))


def _list_catalogs(f: UnityCatalogListCatalogs) -> catalogs.ListCatalogs:
    kind = catalogs.BrowseCatalogs if f.include_browse else catalogs.ListCatalogs
    return kind(f.max_results, f.page_token, f.include_unbound)


def _list_schemas(f: UnityCatalogListSchemas) -> catalogs.ListSchemas:
    kind = catalogs.BrowseSchemas if f.include_browse else catalogs.ListSchemas
    return kind(_catalog(f.catalog_name), f.max_results, f.page_token)


def _new_name(old: FullName, text: str) -> FullName:
    """A bare name, or a schema's full name in the same catalog. Raises InvalidArgument."""
    new = parse_full_name(text, old.kind) if "." in text else old.parent.child(text)
    if new.parent != old.parent:
        raise InvalidArgument(f"A rename stays in its catalog '{old.parent}'.")
    return new


_CATALOG = (catalogs.GetCatalog, catalogs.RenameCatalog, catalogs.UpdateCatalogComment, catalogs.UpdateCatalogSpec)
_SCHEMA = (catalogs.GetSchema, catalogs.RenameSchema, catalogs.UpdateComment, catalogs.UpdateSpec)


def _update(kind: Kind, f: UpdateContainer) -> Sequence[msgspec.Struct]:
    """One PATCH, several needs: all changes happen, or none."""
    name = _agreed(parse_full_name(f.full_name, kind), name=f.name, catalog_name=f.catalog_name)
    get, rename, comment, spec = _CATALOG if kind is Kind.CATALOG else _SCHEMA
    requests: list[msgspec.Struct] = []
    if f.comment is not None:
        requests.append(comment(name, f.comment, f.etag))
    if f.properties is not None:
        requests.append(spec(name, {"properties": msgspec.json.encode(f.properties).decode()}))
    if _as_it_is(kind, f):
        requests.append(spec(name, {}))
    if f.new_name is not None and f.new_name.lower() != name.parts[-1]:
        new = _new_name(name, f.new_name)
        requests.append(rename(name, new))
        name = new
    if f.isolation_mode is not None and kind is Kind.CATALOG:
        requests.append(bindings.IsolateCatalog(name, f.isolation_mode == "ISOLATED"))
    if f.owner is not None:
        # Last, and its own answer: it may end the caller's right to read what it changed.
        return [*requests, catalogs.TransferOwnership(name, f.owner)]
    if not requests and f.new_name is None:
        raise InvalidArgument("The request changes nothing. Send new_name, comment, owner or properties.")
    if requests and isinstance(requests[-1], bindings.IsolateCatalog):
        return requests  # its own answer, too: the catalog may have been closed to the caller's workspace before
    return [*requests, get(name)]


def _as_it_is(kind: Kind, f: UpdateContainer) -> bool:
    """Does the request also ask for what holds anyway? Raises InvalidArgument where it asks for anything else."""
    _ours(f.options)
    isolated = f.isolation_mode if kind is not Kind.CATALOG else None
    if isolated == "ISOLATED":
        raise InvalidArgument("Only catalogs are isolated. Isolate the schema's catalog, or leave isolation_mode out.")
    if f.enable_predictive_optimization == "ENABLE":
        raise InvalidArgument("There are no table data to optimize: enable_predictive_optimization stays DISABLE.")
    return isolated is not None or f.enable_predictive_optimization is not None


def catalog_info(c: Securable | Browsed[Securable], metastore_id: str) -> answers.CatalogInfo:
    isolated = (c.entity if isinstance(c, Browsed) else c).isolated
    return {
        **_info(c, metastore_id),
        "catalog_type": "MANAGED_CATALOG",
        "isolation_mode": "ISOLATED" if isolated else "OPEN",
        "securable_kind": "CATALOG_STANDARD",
        "accessible_in_current_workspace": True,
    }


def schema_info(s: Securable | Browsed[Securable], metastore_id: str) -> answers.SchemaInfo:
    info = _info(s, metastore_id)
    return {
        **info,
        "catalog_name": info["full_name"].partition(".")[0],
        "catalog_type": "MANAGED_CATALOG",
        "schema_id": info["id"],
    }


def _info(container: Securable | Browsed[Securable], metastore_id: str) -> answers.ContainerInfo:
    x, browse_only = (container.entity, container.only) if isinstance(container, Browsed) else (container, False)
    info: answers.ContainerInfo = {
        "name": x.name,
        "full_name": x.full_name,
        "comment": x.comment,
        "owner": x.owner,
        "id": x.id,
        "metastore_id": metastore_id,
        "created_at": x.created_at,
        "created_by": x.created_by,
        "updated_at": x.updated_at,
        "updated_by": x.updated_by,
        "browse_only": browse_only,
        "securable_type": RULES[x.kind].wire[0],
    }
    if not browse_only:
        info["etag"] = comment_etag(x.comment)
        info["properties"] = msgspec.json.decode(x.spec.get("properties", "{}"))
        if root := x.spec.get(ROOT_FIELD):
            info["storage_root"] = root
            info["storage_location"] = str(container_location(parse_storage_url(root, ROOT_FIELD), x.kind, x.id))
    return info


def assignments(rows: list[Grant], _: Any = None) -> answers.UnityCatalogPermissions:
    by_principal: dict[str, answers.PrivilegeAssignment] = {}
    for grant in rows:
        listed = by_principal.setdefault(grant.principal, {"principal": grant.principal, "privileges": []})
        listed["privileges"].append(grant.privilege)
        if grant.inert:
            listed.setdefault("inert_privileges", []).append(grant.privilege)
    return {"privilege_assignments": list(by_principal.values())}


def effective_assignments(rows: list[Grant], _: Any = None) -> answers.EffectivePermissions:
    by_principal: dict[str, list[answers.EffectivePrivilege]] = {}
    for grant in rows:
        privilege: answers.EffectivePrivilege = {"privilege": grant.privilege}
        if grant.inert:
            privilege["inert"] = True
        if grant.from_kind:
            privilege["inherited_from_type"] = grant.from_kind
            privilege["inherited_from_name"] = grant.from_name
        by_principal.setdefault(grant.principal, []).append(privilege)
    return {
        "privilege_assignments": [{"principal": p, "privileges": privileges} for p, privileges in by_principal.items()]
    }


def effective_list(rows: list[Grant], _: Any = None) -> answers.EffectiveAssignments:
    return {"effective_privilege_assignments": effective_assignments(rows)["privilege_assignments"]}


def routes(metastore_id: str) -> list[Route]:
    def on(f: GetPermissions | GetPrivilegeAssignments | ChangePermissions) -> FullName:
        return securable(f.securable_type, f.full_name, metastore_id)

    def page(f: GetPermissions | GetPrivilegeAssignments) -> None:
        word, size = (
            ("page_size", f.page_size) if isinstance(f, GetPrivilegeAssignments) else ("max_results", f.max_results)
        )
        if size is not None and not (size == 0 or size >= 150):
            raise InvalidArgument(f"{word} of permissions is 0 or at least 150.")  # databricks-sdk, GrantsAPI
        if f.page_token:
            raise BadPageToken("Permissions come on one page, so no page token was given. Leave page_token out.")

    def get_grants(f: GetPermissions | GetPrivilegeAssignments) -> grants.GetGrants:
        page(f)
        return grants.GetGrants(on(f), f.principal)

    def get_effective(f: GetPermissions | GetPrivilegeAssignments) -> grants.GetEffectiveGrants:
        page(f)
        return grants.GetEffectiveGrants(on(f), f.principal)

    def change(f: ChangePermissions) -> grants.ChangeGrants:
        if not any(change.add or change.remove for change in f.changes):
            raise InvalidArgument("The request changes nothing. Send changes with add or remove.")
        return grants.ChangeGrants(on(f), tuple(grants.GrantChange(c.principal, c.add, c.remove) for c in f.changes))

    def changed(rows: list[Grant], f: ChangePermissions) -> answers.UnityCatalogPermissions:
        return {} if f.omit_permissions_in_response else assignments(rows)

    def catalog(c: Securable | Browsed[Securable], _: Any) -> answers.CatalogInfo:
        return catalog_info(c, metastore_id)

    def schema(s: Securable | Browsed[Securable], _: Any) -> answers.SchemaInfo:
        return schema_info(s, metastore_id)

    def catalog_page(result: Page[Securable | Browsed[Securable]], _: Any) -> answers.CatalogPage:
        return {
            "catalogs": [catalog_info(c, metastore_id) for c in result.items],
            **next_page(result.next_token),
        }

    def schema_page(result: Page[Securable | Browsed[Securable]], _: Any) -> answers.SchemaPage:
        return {
            "schemas": [schema_info(s, metastore_id) for s in result.items],
            **next_page(result.next_token),
        }

    c, s = f"{PREFIX}/catalogs", f"{PREFIX}/schemas"
    return [
        Route("POST", c, UnityCatalogCreateCatalog, _create_catalog, catalog),
        Route("GET", c, UnityCatalogListCatalogs, _list_catalogs, catalog_page),
        Route("GET", f"{c}/{{full_name}}", ContainerName, _get_catalog, catalog),
        Route("PATCH", f"{c}/{{full_name}}", UpdateContainer, lambda f: _update(Kind.CATALOG, f), catalog),
        Route(
            "DELETE", f"{c}/{{full_name}}", Delete, lambda f: catalogs.DeleteContainer(_catalog(f.full_name), f.force)
        ),
        Route("POST", s, UnityCatalogCreateSchema, _create_schema, schema),
        Route("GET", s, UnityCatalogListSchemas, _list_schemas, schema_page),
        Route("GET", f"{s}/{{full_name}}", ContainerName, _get_schema, schema),
        Route("PATCH", f"{s}/{{full_name}}", UpdateContainer, lambda f: _update(Kind.SCHEMA, f), schema),
        Route(
            "DELETE", f"{s}/{{full_name}}", Delete, lambda f: catalogs.DeleteContainer(_schema(f.full_name), f.force)
        ),
        Route("GET", f"{PREFIX}/permissions/{{securable_type}}/{{full_name}}", GetPermissions, get_grants, assignments),
        Route("PATCH", f"{PREFIX}/permissions/{{securable_type}}/{{full_name}}", ChangePermissions, change, changed),
        Route(
            "GET",
            f"{PREFIX}/effective-permissions/{{securable_type}}/{{full_name}}",
            GetPermissions,
            get_effective,
            effective_assignments,
        ),
        Route(
            "GET",
            f"{PREFIX}/privilege-assignments/{{securable_type}}/{{full_name}}",
            GetPrivilegeAssignments,
            get_grants,
            assignments,
        ),
        Route(
            "GET",
            f"{PREFIX}/effective-privilege-assignments/{{securable_type}}/{{full_name}}",
            GetPrivilegeAssignments,
            get_effective,
            effective_list,
        ),
    ]
