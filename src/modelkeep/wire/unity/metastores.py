"""The metastore, its one workspace, and its quotas in native Unity Catalog REST."""

from collections.abc import Sequence
from typing import Any

import msgspec

from modelkeep.core.errors import InvalidArgument, NotFound
from modelkeep.core.kinds import RULES, Kind, parse_kind
from modelkeep.core.model import Page, Securable
from modelkeep.core.names import METASTORE, parse_full_name
from modelkeep.core.ops import catalogs, metastores
from modelkeep.core.paging import page_size, read_token
from modelkeep.wire.route import NoFields, Route
from modelkeep.wire.unity import answers

PREFIX = "/api/2.1/unity-catalog"


class List(msgspec.Struct, frozen=True):
    max_results: int | None = None
    page_token: str = ""


class One(msgspec.Struct, frozen=True):
    id: str


class UpdateMetastore(msgspec.Struct, frozen=True):
    id: str
    new_name: str | None = None
    owner: str | None = None


class CatalogBindings(msgspec.Struct, frozen=True):
    name: str


class Bindings(msgspec.Struct, frozen=True):
    securable_type: str
    securable_name: str
    max_results: int | None = None
    page_token: str = ""


class Quota(msgspec.Struct, frozen=True):
    parent_securable_type: str
    parent_full_name: str
    quota_name: str


def _bindings(
    securable_type: str, name: str, kind: type[catalogs.GetBindings] = catalogs.GetBindings
) -> msgspec.Struct:
    if securable_type.upper() != Kind.CATALOG:
        raise InvalidArgument(f"A {securable_type[:100]} is not bound to workspaces here. Only catalogs could be.")
    return kind(parse_full_name(name, Kind.CATALOG))


def _bindings_page(f: Bindings) -> msgspec.Struct:
    page_size(f.max_results, 0, 1)
    read_token("bindings", f.page_token, (str,))
    return _bindings(f.securable_type, f.securable_name)


def _workspaces(found: tuple[str, ...], _: Any) -> answers.BoundWorkspaces:
    return {"workspaces": [int(one) for one in found]}


def _bound(found: tuple[str, ...], _: Any) -> answers.WorkspaceBindings:
    return {"bindings": [{"workspace_id": int(one), "binding_type": "BINDING_TYPE_READ_WRITE"} for one in found]}


def _all_of_them(f: List) -> metastores.ReadMetastore:
    page_size(f.max_results, 0, 1)
    read_token("metastores", f.page_token, (str,))
    return metastores.ReadMetastore()


def info(m: Securable, _: Any = None) -> answers.MetastoreSummary:
    return {
        "metastore_id": m.id, "name": m.name, "owner": m.owner, "created_at": m.created_at, "created_by": m.created_by,
        "updated_at": m.updated_at, "updated_by": m.updated_by, "cloud": "self-hosted", "region": "local",
        "global_metastore_id": f"self-hosted:local:{m.id}", "privilege_model_version": "1.0",
    }  # fmt: skip


def _page(m: Securable, _: Any) -> answers.MetastorePage:
    return {"metastores": [info(m)], "next_page_token": None}


def _quota(quota: metastores.Quota) -> answers.Quota:
    return {
        "parent_securable_type": RULES[quota.on.kind].wire[0], "parent_full_name": quota.on.full_name,
        "quota_name": quota.name, "quota_count": quota.count, "quota_limit": quota.limit,
    }  # fmt: skip


def _quota_alone(quota: metastores.Quota, _: Any) -> answers.QuotaOf:
    return {"quota_info": _quota(quota)}


def _quota_of(f: Quota) -> metastores.GetQuota:
    kind = parse_kind(f.parent_securable_type)
    name = METASTORE if kind is Kind.METASTORE else parse_full_name(f.parent_full_name, kind)
    return metastores.GetQuota(name, f.quota_name)


def routes(metastore_id: str) -> list[Route]:
    def ours(id: str) -> None:
        if id != metastore_id:
            raise NotFound(f"Metastore '{id[:100]}' does not exist.", kind="METASTORE")

    def read(f: One) -> metastores.ReadMetastore:
        ours(f.id)
        return metastores.ReadMetastore()

    def update(f: UpdateMetastore) -> Sequence[msgspec.Struct]:
        ours(f.id)
        asked: list[msgspec.Struct] = []
        if f.new_name is not None:
            asked.append(metastores.RenameMetastore(f.new_name))
        if f.owner is not None:
            asked.append(catalogs.TransferOwnership(METASTORE, f.owner))
        if not asked:
            raise InvalidArgument("The request changes nothing. Send new_name or owner.")
        return asked

    def quota_page(result: Page[metastores.Quota], _: Any) -> answers.QuotaPage:
        return {"quotas": [_quota(q) for q in result.items], "next_page_token": result.next_token or None}

    all_of_them, bindings = f"{PREFIX}/metastores", f"{PREFIX}/bindings/{{securable_type}}/{{securable_name}}"
    of_catalog, quotas = f"{PREFIX}/workspace-bindings/catalogs/{{name}}", f"{PREFIX}/resource-quotas"
    return [
        Route("GET", f"{PREFIX}/metastore_summary", NoFields, lambda _: catalogs.GetMetastore(), info),
        Route("GET", all_of_them, List, _all_of_them, _page),
        Route("GET", f"{all_of_them}/{{id}}", One, read, info),
        Route("PATCH", f"{all_of_them}/{{id}}", UpdateMetastore, update, info),
        Route("GET", of_catalog, CatalogBindings, lambda f: _bindings("catalog", f.name), _workspaces),
        Route("PATCH", of_catalog, CatalogBindings, lambda f: _bindings("catalog", f.name, catalogs.ChangeBindings)),
        Route("GET", bindings, Bindings, _bindings_page, _bound),
        Route("PATCH", bindings, Bindings,
              lambda f: _bindings(f.securable_type, f.securable_name, catalogs.ChangeBindings)),
        Route("GET", f"{quotas}/all-resource-quotas", List, lambda f: metastores.ListQuotas(f.max_results, f.page_token), quota_page),
        Route("GET", f"{quotas}/{{parent_securable_type}}/{{parent_full_name}}/{{quota_name}}", Quota, _quota_of,
              _quota_alone),
    ]  # fmt: skip
