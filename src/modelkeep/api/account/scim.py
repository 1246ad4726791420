"""SCIM 2.0 for users, groups and service principals, under the workspace's address and the account's.

Clients: identity providers, databricks/sdk/service/iam.py (which pages by startIndex until a page is empty).
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import msgspec

from modelkeep.api.account import answers, discovery
from modelkeep.api.account.errors import scim
from modelkeep.core.engine import Engine
from modelkeep.core.operations.identity import identities
from modelkeep.domain.authorization import Actor
from modelkeep.domain.errors import NoSuchEndpoint, NotFound
from modelkeep.domain.model import Identity
from modelkeep.domain.scim.patch import changes_of
from modelkeep.domain.scim.resources import public_resource, read_wanted
from modelkeep.domain.scim.schema import ALWAYS_RETURNED, TYPES, ResourceType, misfit
from modelkeep.domain.time_slices import off_loop
from modelkeep.http.binding import fields_of, read_fields
from modelkeep.http.bodies import read_in_turn
from modelkeep.http.messages import JSON, Request, Response
from modelkeep.http.origin import json_type
from modelkeep.http.routing import Answer, Handler, NoFields, Route
from modelkeep.http.unique_json import json_object
from modelkeep.limits import LONG_JSON_BYTES, SCIM_INLINE_RELATED

WORKSPACE = "/api/2.0/preview/scim/v2"
ACCOUNT = "/api/2.0/accounts/{account_id}/scim/v2"
LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
_FAR = 2**53
T = TypeVar("T")


class ScimAttributes(msgspec.Struct, frozen=True, rename="camel"):
    """Which attributes the answer holds."""

    attributes: str = ""
    excluded_attributes: str = ""


class ScimList(ScimAttributes, frozen=True, rename="camel"):
    filter: str = ""
    start_index: int = 1
    count: int = identities.MAX_PAGE
    sort_by: str = ""
    sort_order: str = ""


_BODIES: dict[str, tuple[type[msgspec.Struct], Any]] = {
    "USER": (answers.UserBody, answers.User),
    "GROUP": (answers.GroupBody, answers.Group),
    "SERVICE_PRINCIPAL": (answers.ServicePrincipalBody, answers.ServicePrincipal),
}
"""For the API's description: (what a body holds, what is answered). Bodies are read by SCIM's own rules."""


def routes(engine: Engine, account_id: str) -> list[Route]:
    table = [Route("GET", f"{WORKSPACE}/Me", ScimAttributes, lambda _: identities.GetMyIdentity(), _me)]
    for base in (WORKSPACE, ACCOUNT):
        for of in TYPES.values():
            table += _Resources(engine, of, base, account_id).routes()
        for path, handler in discovery.handlers(answer).items():
            table.append(
                Route(
                    "GET", f"{base}/{path}", handler=_at(account_id, handler), render=scim, answers=(Answer(type=dict),)
                )
            )
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):  # `POST /.search`, too
            nothing = _at(account_id, _nothing)
            table.append(Route(method, f"{base}/{{rest*}}", handler=nothing, render=scim, answers=(Answer(404),)))
    return table


def _me(me: Identity, choice: ScimAttributes) -> answers.User:
    attributes = public_resource(me)
    if "applicationId" in attributes:  # databricks-sdk reads everybody here as a user
        attributes["userName"] = attributes["applicationId"]
    return cast("answers.User", _chosen(attributes, choice, TYPES[me.principal.kind].urn))


def _chosen(resource: dict[str, Any], choice: ScimAttributes, urn: str) -> dict[str, Any]:
    """The attributes that the caller asks for."""
    if choice.attributes:
        return _only(resource, _names(choice.attributes, urn))
    return _without(resource, _names(choice.excluded_attributes, urn)) if choice.excluded_attributes else resource


def _names(text: str, urn: str) -> set[str]:
    """Attribute paths, folded, without the schema's urn. What a resource does not have is not shown anyway."""
    prefix = f"{urn}:".casefold()
    return {name.strip().casefold().removeprefix(prefix) for name in text.split(",")[:200] if name.strip()}


def _at(account_id: str, handler: Handler) -> Handler:
    """The handler, where the path names this very account (or the workspace)."""

    @functools.wraps(handler)
    async def checked(request: Request, actor: Actor, path: dict[str, str]) -> Response:
        if path.get("account_id", account_id) != account_id:
            raise NotFound("There is no such account here. GET /.well-known/databricks-config tells the account's id.")
        return await handler(request, actor, path)

    return checked


async def _nothing(request: Request, actor: Actor, path: dict[str, str]) -> Response:
    raise NoSuchEndpoint(f"No API found for '{request.method} {request.path[:300]}'.")


def answer(request: Request, value: Any, status: int = 200, location: str = "") -> Response:
    """SCIM's media type for those who know it; databricks-sdk asks for JSON."""
    kind = b"application/scim+json" if b"scim+json" in request.headers.get(b"accept", b"") else JSON
    headers = [(b"content-type", kind), *([(b"location", location.encode())] if location else [])]
    return Response(status, msgspec.json.encode(value), headers)


class _Resources:
    """The routes of one resource type under one base path."""

    def __init__(self, engine: Engine, of: ResourceType, base: str, account_id: str) -> None:
        self._engine = engine
        self._of = of
        self._path = f"{base}/{of.endpoint}"
        self._account_id = account_id
        self._base = base.replace("{account_id}", account_id)

    def routes(self) -> list[Route]:
        by_id, (body, resource) = f"{self._path}/{{id}}", _BODIES[self._of.kind]
        done = Answer(type=resource)
        table: tuple[tuple[str, str, type[msgspec.Struct], Handler, Answer], ...] = (
            ("GET", self._path, ScimList, self._list, Answer(type=answers.Resources)),
            ("POST", self._path, body, self._create, Answer(201, resource)),
            ("GET", by_id, ScimAttributes, self._get, done),
            ("PUT", by_id, body, self._replace, done),
            ("PATCH", by_id, answers.Operations, self._patch, done),
            ("DELETE", by_id, NoFields, self._delete, Answer(204, content="")),
        )
        return [
            Route(method, path, fields, handler=_at(self._account_id, handler), render=scim, answers=(success,))
            for method, path, fields, handler, success in table
        ]

    async def _list(self, request: Request, actor: Actor, path: dict[str, str]) -> Response:
        query: ScimList = await fields_of(request, ScimList)
        order = query.sort_order.casefold()
        if order not in ("", "ascending", "descending"):
            raise misfit("invalidValue", "sortOrder is ascending or descending.")
        wants = identities.ListIdentities(
            self._of.kind, query.filter, min(query.start_index, _FAR), query.count, query.sort_by, order == "descending"
        )
        listing: identities.IdentityPage = await self._engine.execute(actor, wants, request_id=request.id)
        return await _build_response(listing.items, self._page, request, listing, query)

    def _page(self, request: Request, listing: identities.IdentityPage, query: ScimList) -> Response:
        items = [self._present(request, identity, query) for identity in listing.items]
        page: dict[str, Any] = {
            "schemas": [LIST],
            "totalResults": listing.total,
            "startIndex": listing.start,
            "itemsPerPage": len(items),
        }
        return answer(request, page | ({"Resources": items} if items or not listing.total else {}))

    async def _get(self, request: Request, actor: Actor, path: dict[str, str]) -> Response:
        wants = identities.GetIdentity(self._of.kind, path["id"])
        query: ScimAttributes = await fields_of(request, ScimAttributes)
        return await self._answer_identity(
            request, await self._engine.execute(actor, wants, request_id=request.id), query=query
        )

    async def _create(self, request: Request, actor: Actor, path: dict[str, str]) -> Response:
        wants = identities.CreateIdentity(self._of.kind, await _read(request, lambda body: read_wanted(self._of, body)))
        return await self._answer_identity(
            request, await self._engine.execute(actor, wants, request_id=request.id), 201
        )

    async def _replace(self, request: Request, actor: Actor, path: dict[str, str]) -> Response:
        def read(body: dict[str, Any]) -> Any:
            if body.get("id") not in (None, path["id"]):
                raise misfit("mutability", "The body's id is another one than the path's.")
            return read_wanted(self._of, body)

        wants = identities.ReplaceIdentity(self._of.kind, path["id"], await _read(request, read))
        return await self._answer_identity(request, await self._engine.execute(actor, wants, request_id=request.id))

    async def _patch(self, request: Request, actor: Actor, path: dict[str, str]) -> Response:
        def read(body: dict[str, Any]) -> Any:
            folded = {key.casefold(): value for key, value in body.items()}
            return changes_of(self._of, folded.get("operations"))

        wants = identities.PatchIdentity(self._of.kind, path["id"], await _read(request, read))
        return await self._answer_identity(request, await self._engine.execute(actor, wants, request_id=request.id))

    async def _delete(self, request: Request, actor: Actor, path: dict[str, str]) -> Response:
        await self._engine.execute(actor, identities.DeleteIdentity(self._of.kind, path["id"]), request_id=request.id)
        return Response(204)

    async def _answer_identity(
        self, request: Request, identity: Identity, status: int = 200, *, query: ScimAttributes | None = None
    ) -> Response:
        """`query`: the fields of a GET, which come from its body, too. For other methods the query string is read here."""
        wants: ScimAttributes = query or read_fields(Route("", "", ScimAttributes), {}, request.query_string, b"", "")
        return await _build_response((identity,), self._resource, request, identity, wants, status)

    def _resource(self, request: Request, identity: Identity, wants: ScimAttributes, status: int) -> Response:
        return answer(request, self._present(request, identity, wants), status, self._location(request, identity))

    def _location(self, request: Request, identity: Identity) -> str:
        return f"{request.site.address}{self._base}/{self._of.endpoint}/{identity.number}"

    def _present(self, request: Request, identity: Identity, query: ScimAttributes) -> dict[str, Any]:
        resource = public_resource(identity)
        resource["meta"]["location"] = self._location(request, identity)
        for other in (*resource.get("members", ()), *resource.get("groups", ())):
            other["$ref"] = f"{request.site.address}{self._base}/{other['$ref']}"
        return _chosen(resource, query, self._of.urn)


async def _build_response(items: Sequence[Identity], make: Callable[..., Response], *args: Any) -> Response:
    """`make(*args)`, which answers with these principals: in a thread where they have many members or groups."""
    if sum(1 + len(identity.members) + len(identity.groups) for identity in items) > SCIM_INLINE_RELATED:
        return await off_loop(make, *args)
    return make(*args)


async def _read(request: Request, meaning: Callable[[dict[str, Any]], T]) -> T:
    """What the body means; one with thousands of members is read in a thread."""
    body, content_type = await request.body(LONG_JSON_BYTES), json_type(request)
    return await read_in_turn(request.caller, body, lambda: meaning(json_object(body, content_type)))


def _only(resource: dict[str, Any], names: set[str]) -> dict[str, Any]:
    selected: dict[str, Any] = {}
    for key, value in resource.items():
        parts = _parts(key, names)
        if key.casefold() in ALWAYS_RETURNED or "" in parts:
            selected[key] = value
        elif parts:
            selected[key] = _trimmed(value, parts, keep=True)
    return selected


def _without(resource: dict[str, Any], names: set[str]) -> dict[str, Any]:
    remaining: dict[str, Any] = {}
    for key, value in resource.items():
        parts = _parts(key, names)
        if key.casefold() in ALWAYS_RETURNED or "" not in parts:
            remaining[key] = _trimmed(value, parts, keep=False) if parts else value
    return remaining


def _parts(key: str, names: set[str]) -> set[str]:
    """Which parts of this attribute the names name; '' is the whole of it."""
    return {part for name, _, part in (full_name.partition(".") for full_name in names) if name == key.casefold()}


def _trimmed(value: Any, parts: set[str], *, keep: bool) -> Any:
    """Only these parts of a complex value, or all but these; of several, of each."""
    if isinstance(value, list):
        return [_trimmed(item, parts, keep=keep) for item in cast("list[Any]", value)]
    if isinstance(value, dict):
        items = cast("dict[str, Any]", value).items()
        return {key: part for key, part in items if (key.casefold() in parts) is keep}
    return value
