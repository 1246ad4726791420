"""Who may do what, and why; protected aliases; the inbox of requests for access (/api/modelkeep/v1)."""

from collections.abc import Sequence
from typing import Any

import msgspec

from modelkeep.api.v1 import answers
from modelkeep.core.operations.governance import explain
from modelkeep.core.operations.identity import access_requests as access
from modelkeep.core.operations.models import models
from modelkeep.core.operations.models import protected_aliases as protection
from modelkeep.core.table import BY_NAME
from modelkeep.domain.errors import InvalidArgument
from modelkeep.domain.kinds import RULES, Kind, parse_kind
from modelkeep.domain.model import Page
from modelkeep.domain.names import METASTORE, FullName, parse_full_name, parse_version
from modelkeep.http.routing import Route

V1 = "/api/modelkeep/v1"
MAX_MOVES = 100


class V1Explain(msgspec.Struct, frozen=True):
    securable_type: str
    full_name: str
    operation: str
    principal: str = ""
    field: str = ""
    about: str = ""


class V1Securable(msgspec.Struct, frozen=True):
    securable_type: str
    full_name: str


class ProtectedAlias(V1Securable, frozen=True):
    alias: str


class Protect(ProtectedAlias, frozen=True, kw_only=True):
    principals: tuple[str, ...]


class V1Alias(msgspec.Struct, frozen=True):
    alias_name: str
    version_num: str | int


class MoveAliases(msgspec.Struct, frozen=True):
    full_name: str
    set: tuple[V1Alias, ...] = ()
    remove: tuple[str, ...] = ()


class Requests(msgspec.Struct, frozen=True):
    state: str = "PENDING"
    max_results: int | None = None
    page_token: str = ""


_LOOKS = ("See it", "See and load it")
"""The reads that a page explains; the others need as much, or less."""


class RequestId(msgspec.Struct, frozen=True):
    request_id: str


class Decide(RequestId, frozen=True):
    reason: str = ""


def securable(kind: str, text: str) -> FullName:
    """A name as the path gives it; the metastore's may be anything, since there is one."""
    parsed = parse_kind(kind)
    return METASTORE if parsed is Kind.METASTORE else parse_full_name(text, parsed)


def _explain(f: V1Explain) -> explain.Explain:
    return explain.Explain(securable(f.securable_type, f.full_name), f.operation, f.principal, f.field, f.about)


def _protect(f: Protect) -> protection.ProtectAlias:
    return protection.ProtectAlias(securable(f.securable_type, f.full_name), f.alias, f.principals)


def _unprotect(f: ProtectedAlias) -> protection.UnprotectAlias:
    return protection.UnprotectAlias(securable(f.securable_type, f.full_name), f.alias)


def _protected(f: V1Securable) -> protection.ListProtectedAliases:
    return protection.ListProtectedAliases(securable(f.securable_type, f.full_name))


def _move(f: MoveAliases) -> Sequence[msgspec.Struct]:
    """Removals first, so that the limit of aliases is about what is there in the end. All happen, or none."""
    name = parse_full_name(f.full_name, Kind.MODEL)
    names = [*f.remove, *(alias.alias_name for alias in f.set)]
    if len(set(names)) != len(names):
        raise InvalidArgument("An alias is in this request twice. Set it or remove it, once.")
    if not 1 <= len(names) <= MAX_MOVES:
        raise InvalidArgument(f"Set or remove 1 to {MAX_MOVES} aliases, got {len(names)}.")
    requests: list[msgspec.Struct] = [models.DeleteAlias(name, alias) for alias in f.remove]
    return [*requests, *(models.SetAlias(name, a.alias_name, parse_version(a.version_num)) for a in f.set)]


def _moved(_: Any, f: MoveAliases) -> answers.MovedAliases:
    return {
        "set": [{"alias_name": a.alias_name, "version_num": parse_version(a.version_num)} for a in f.set],
        "removed": list(f.remove),
    }


def _explanation(explanation: explain.Explanation, _: Any) -> explain.Explanation:
    return explanation


def _may(operations: dict[str, bool | str], _: Any) -> answers.May:
    labels: dict[str, str] = {}
    for name, operation in BY_NAME.items():
        if name in operations and (operation.effect == "write" or operation.label in _LOOKS):
            labels.setdefault(operation.label, name)
    return {"operations": operations, "labels": {name: label for label, name in labels.items()}}


def _aliases(aliases: list[protection.Protected], _: Any) -> answers.ProtectedAliases:
    return {"protected_aliases": aliases}


def _one_alias(alias: protection.Protected, _: Any) -> protection.Protected:
    return alias


def _approve(f: Decide) -> access.DecideAccess:
    return access.DecideAccess(f.request_id, True, f.reason)


def _reject(f: Decide) -> access.DecideAccess:
    return access.DecideAccess(f.request_id, False, f.reason)


def _request(item: access.VisibleAccessRequest, _: Any = None) -> answers.V1AccessRequest:
    r = item.request
    return {
        "request_id": r.id,
        "securable_type": RULES[item.securable.kind].wire[0],
        "full_name": item.securable.full_name,
        "principal": r.principal,
        "requester": r.requester,
        "privileges": list(r.privileges),
        "comment": r.comment,
        "state": r.state,
        "reason": r.reason,
        "created_at": r.created_at,
        "decided_at": r.decided_at,
        "decided_by": r.decided_by,
        "mine": item.mine,
        "to_decide": item.to_decide,
    }


def _requests(page: Page[access.VisibleAccessRequest], _: Any) -> answers.AccessRequests:
    return {"access_requests": [_request(item) for item in page.items], "next_page_token": page.next_token}


def routes() -> list[Route]:
    protected = f"{V1}/protected-aliases/{{securable_type}}/{{full_name}}"
    inbox = f"{V1}/access-requests"
    by_id = f"{inbox}/{{request_id}}"
    return [
        Route("GET", f"{V1}/explain", V1Explain, _explain, _explanation),
        Route(
            "GET",
            f"{V1}/can/{{securable_type}}/{{full_name}}",
            V1Securable,
            lambda f: explain.WhatMayI(securable(f.securable_type, f.full_name)),
            _may,
        ),
        Route("PATCH", f"{V1}/models/{{full_name}}/aliases", MoveAliases, _move, _moved),
        Route("GET", protected, V1Securable, _protected, _aliases),
        Route("PUT", f"{protected}/{{alias}}", Protect, _protect, _one_alias),
        Route("DELETE", f"{protected}/{{alias}}", ProtectedAlias, _unprotect),
        Route(
            "GET", inbox, Requests, lambda f: access.ListAccessRequests(f.state, f.max_results, f.page_token), _requests
        ),
        Route("POST", f"{by_id}/approve", Decide, _approve, _request),
        Route("POST", f"{by_id}/reject", Decide, _reject, _request),
        Route("DELETE", by_id, RequestId, lambda f: access.WithdrawAccess(f.request_id), _request),
    ]
