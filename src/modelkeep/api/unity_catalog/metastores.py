"""The metastore, its quotas, and which workspaces its catalogs are bound to, in native Unity Catalog REST."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec

from modelkeep.api.model_shapes import next_page
from modelkeep.api.unity_catalog import answers
from modelkeep.core.operations.catalog import bindings, catalogs, metastores
from modelkeep.domain.errors import InvalidArgument, NotFound
from modelkeep.domain.kinds import RULES, Kind, parse_kind
from modelkeep.domain.model import CatalogBinding, Page, Securable
from modelkeep.domain.names import METASTORE, FullName, parse_full_name
from modelkeep.domain.paging import bad_page_token, page_size
from modelkeep.http.routing import NoFields, Route

PREFIX = "/api/2.1/unity-catalog"


class ListMetastores(msgspec.Struct, frozen=True):
    max_results: int | None = None
    page_token: str = ""


class MetastoreId(msgspec.Struct, frozen=True):
    id: str


class OfAccount(msgspec.Struct, frozen=True):
    account_id: str


class OneOfAccount(OfAccount, frozen=True):
    metastore_id: str


class UpdateMetastore(msgspec.Struct, frozen=True):
    id: str
    new_name: str | None = None
    owner: str | None = None


WorkspaceId = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class CatalogBindings(msgspec.Struct, frozen=True):
    name: str


class AssignCatalog(CatalogBindings, frozen=True):
    assign_workspaces: tuple[WorkspaceId, ...] = ()
    unassign_workspaces: tuple[WorkspaceId, ...] = ()


class Bindings(msgspec.Struct, frozen=True):
    securable_type: str
    securable_name: str
    max_results: int | None = None
    page_token: str = ""


class UnityCatalogBinding(msgspec.Struct, frozen=True):
    workspace_id: WorkspaceId
    binding_type: Literal["BINDING_TYPE_READ_WRITE", "BINDING_TYPE_READ_ONLY"] = "BINDING_TYPE_READ_WRITE"


class UnityCatalogChangeBindings(msgspec.Struct, frozen=True):
    securable_type: str
    securable_name: str
    add: tuple[UnityCatalogBinding, ...] = ()
    remove: tuple[UnityCatalogBinding, ...] = ()


class UnityCatalogGetQuota(msgspec.Struct, frozen=True):
    parent_securable_type: str
    parent_full_name: str
    quota_name: str


_TYPE = "BINDING_TYPE_"


def _catalog(securable_type: str, name: str) -> FullName:
    if securable_type.upper() != Kind.CATALOG:
        raise InvalidArgument(f"A {securable_type[:100]} is not bound to workspaces here. Only catalogs are.")
    return parse_full_name(name, Kind.CATALOG)


def _get_bindings(f: Bindings) -> bindings.GetBindings:
    return bindings.GetBindings(_catalog(f.securable_type, f.securable_name), f.max_results, f.page_token)


def _change_bindings(f: UnityCatalogChangeBindings) -> bindings.ChangeBindings:
    add = tuple(CatalogBinding(str(b.workspace_id), b.binding_type.removeprefix(_TYPE)) for b in f.add)
    return bindings.ChangeBindings(
        _catalog(f.securable_type, f.securable_name), add, tuple(str(b.workspace_id) for b in f.remove)
    )


def _assign(f: AssignCatalog) -> bindings.ChangeBindings:
    add = tuple(CatalogBinding(str(id), "READ_WRITE") for id in f.assign_workspaces)
    return bindings.ChangeBindings(_catalog("catalog", f.name), add, tuple(str(id) for id in f.unassign_workspaces))


def _ids(page: Page[CatalogBinding], _: Any) -> answers.BoundWorkspaces:
    return {"workspaces": [int(b.workspace_id) for b in page.items]}


def _assigned(catalog_bindings: list[CatalogBinding], _: Any) -> answers.BoundWorkspaces:
    return {"workspaces": [int(b.workspace_id) for b in catalog_bindings]}


def _binding(b: CatalogBinding) -> answers.WorkspaceBinding:
    return {"workspace_id": int(b.workspace_id), "binding_type": _TYPE + b.access}


def _bindings(page: Page[CatalogBinding], _: Any) -> answers.WorkspaceBindings:
    return {"bindings": [_binding(b) for b in page.items], **next_page(page.next_token)}


def _changed(catalog_bindings: list[CatalogBinding], _: Any) -> answers.WorkspaceBindings:
    return {"bindings": [_binding(b) for b in catalog_bindings]}


def _all_of_them(f: ListMetastores) -> metastores.ReadMetastore:
    page_size(f.max_results, 0, 1)
    if f.page_token:
        raise bad_page_token()
    return metastores.ReadMetastore()


def info(m: Securable, _: Any = None) -> answers.MetastoreSummary:
    return {
        "metastore_id": m.id,
        "name": m.name,
        "owner": m.owner,
        "created_at": m.created_at,
        "created_by": m.created_by,
        "updated_at": m.updated_at,
        "updated_by": m.updated_by,
        "cloud": "self-hosted",
        "region": "local",
        "global_metastore_id": f"self-hosted:local:{m.id}",
        "privilege_model_version": "1.0",
    }


def _page(m: Securable, _: Any) -> answers.MetastorePage:
    return {"metastores": [info(m)]}


def _info_of_account(m: Securable, _: Any) -> answers.AccountMetastore:
    return {"metastore_info": info(m)}


def _page_of_account(m: Securable, _: Any) -> answers.AccountMetastores:
    return {"metastores": [info(m)]}


def account_routes(account_id: str, metastore_id: str) -> list[Route]:
    """What AccountClient.metastores asks for. There is one metastore, which is not created or deleted."""

    def ours(f: OfAccount) -> metastores.ReadMetastore:
        if f.account_id != account_id:
            raise NotFound("There is no such account here. GET /.well-known/databricks-config tells the account's id.")
        if isinstance(f, OneOfAccount) and f.metastore_id != metastore_id:
            raise NotFound(f"Metastore '{f.metastore_id[:100]}' does not exist.", kind="METASTORE")
        return metastores.ReadMetastore()

    all_of_them = "/api/2.0/accounts/{account_id}/metastores"
    return [
        Route("GET", all_of_them, OfAccount, ours, _page_of_account),
        Route("GET", f"{all_of_them}/{{metastore_id}}", OneOfAccount, ours, _info_of_account),
    ]


def _quota(quota: metastores.Quota) -> answers.UnityCatalogQuota:
    return {
        "parent_securable_type": RULES[quota.on.kind].wire[0],
        "parent_full_name": quota.on.full_name,
        "quota_name": quota.name,
        "quota_count": quota.count,
        "quota_limit": quota.limit,
    }


def _quota_alone(quota: metastores.Quota, _: Any) -> answers.QuotaOf:
    return {"quota_info": _quota(quota)}


def _quota_of(f: UnityCatalogGetQuota) -> metastores.GetQuota:
    kind = parse_kind(f.parent_securable_type)
    name = METASTORE if kind is Kind.METASTORE else parse_full_name(f.parent_full_name, kind)
    return metastores.GetQuota(name, f.quota_name)


def routes(metastore_id: str) -> list[Route]:
    def ours(id: str) -> None:
        if id != metastore_id:
            raise NotFound(f"Metastore '{id[:100]}' does not exist.", kind="METASTORE")

    def read(f: MetastoreId) -> metastores.ReadMetastore:
        ours(f.id)
        return metastores.ReadMetastore()

    def update(f: UpdateMetastore) -> Sequence[msgspec.Struct]:
        ours(f.id)
        requests: list[msgspec.Struct] = []
        if f.new_name is not None:
            requests.append(metastores.RenameMetastore(f.new_name))
        if f.owner is not None:
            requests.append(metastores.TransferMetastore(f.owner))
        if not requests:
            raise InvalidArgument("The request changes nothing. Send new_name or owner.")
        return requests

    def quota_page(result: Page[metastores.Quota], _: Any) -> answers.QuotaPage:
        return {"quotas": [_quota(q) for q in result.items], **next_page(result.next_token)}

    all_of_them, bound = f"{PREFIX}/metastores", f"{PREFIX}/bindings/{{securable_type}}/{{securable_name}}"
    of_catalog, quotas = f"{PREFIX}/workspace-bindings/catalogs/{{name}}", f"{PREFIX}/resource-quotas"
    return [
        Route("GET", f"{PREFIX}/metastore_summary", NoFields, lambda _: catalogs.GetMetastore(), info),
        Route("GET", all_of_them, ListMetastores, _all_of_them, _page),
        Route("GET", f"{all_of_them}/{{id}}", MetastoreId, read, info),
        Route("PATCH", f"{all_of_them}/{{id}}", UpdateMetastore, update, info),
        Route("GET", of_catalog, CatalogBindings, lambda f: bindings.GetBindings(_catalog("catalog", f.name)), _ids),
        Route("PATCH", of_catalog, AssignCatalog, _assign, _assigned),
        Route("GET", bound, Bindings, _get_bindings, _bindings),
        Route("PATCH", bound, UnityCatalogChangeBindings, _change_bindings, _changed),
        Route(
            "GET",
            f"{quotas}/all-resource-quotas",
            ListMetastores,
            lambda f: metastores.ListQuotas(f.max_results, f.page_token),
            quota_page,
        ),
        Route(
            "GET",
            f"{quotas}/{{parent_securable_type}}/{{parent_full_name}}/{{quota_name}}",
            UnityCatalogGetQuota,
            _quota_of,
            _quota_alone,
        ),
    ]
