"""Requests for access as `w.rfa` makes them (databricks/sdk/service/catalog.py, RfaAPI)."""

from collections.abc import Callable
from typing import Any, Literal

import msgspec

from modelkeep.api.model_shapes import check_mask
from modelkeep.api.unity_catalog import answers, objects
from modelkeep.core.operations.identity import access_requests
from modelkeep.domain.errors import InvalidArgument
from modelkeep.domain.kinds import RULES, Kind
from modelkeep.domain.model import Principal
from modelkeep.domain.model import Securable as Found
from modelkeep.domain.names import FullName
from modelkeep.http.routing import Route
from modelkeep.store.access_requests import Destination

RFA = "/api/3.0/rfa"
_TYPES = {"USER": "USER_PRINCIPAL", "GROUP": "GROUP_PRINCIPAL", "SERVICE_PRINCIPAL": "SERVICE_PRINCIPAL"}
_OF_MESSAGE = (
    "securable",
    "securable_type",
    "full_name",
    "destination_source_securable",
    "are_any_destinations_hidden",
)
_OWNERS = {Kind.MODEL: "REGISTERED_MODEL"}


class UnityCatalogSecurable(msgspec.Struct, frozen=True):
    type: str = ""
    full_name: str = ""


class UnityCatalogPermissionsRequest(msgspec.Struct, frozen=True):
    securable: UnityCatalogSecurable
    permissions: tuple[str, ...] = ()


class UnityCatalogBehalfOfRequest(msgspec.Struct, frozen=True):
    """`id`: the number that identity providers know, or a name."""

    id: str
    principal_type: Literal["USER_PRINCIPAL", "GROUP_PRINCIPAL", "SERVICE_PRINCIPAL"] | None = None


class UnityCatalogAccessRequest(msgspec.Struct, frozen=True):
    behalf_of: UnityCatalogBehalfOfRequest | None = None
    comment: str = ""
    securable_permissions: tuple[UnityCatalogPermissionsRequest, ...] = ()


class AccessRequestBatch(msgspec.Struct, frozen=True):
    requests: tuple[UnityCatalogAccessRequest, ...] = ()


class DestinationsOf(msgspec.Struct, frozen=True):
    securable_type: str
    full_name: str


class OneDestination(msgspec.Struct, frozen=True):
    destination_id: str = ""
    destination_type: str = ""
    special_destination: str = ""


class Changed(msgspec.Struct, frozen=True):
    update_mask: str
    securable: UnityCatalogSecurable = UnityCatalogSecurable()
    destinations: tuple[OneDestination, ...] = ()
    securable_type: str = ""
    full_name: str = ""


def routes(metastore_id: str) -> list[Route]:
    def named(kind: str, text: str) -> FullName:
        return objects.securable(kind, text, metastore_id)

    def ask(f: AccessRequestBatch) -> access_requests.AskAccess:
        return access_requests.AskAccess(tuple(_ask(request, named) for request in f.requests))

    def change(f: Changed) -> access_requests.ChangeAccessDestinations:
        check_mask(f.update_mask, "destinations", _OF_MESSAGE)
        kind, full_name = f.securable.type or f.securable_type, f.securable.full_name or f.full_name
        if (f.securable_type or kind) != kind or (f.full_name or full_name) != full_name:
            raise InvalidArgument("The securable is named twice, and differently. Name it once.")
        if any(d.special_destination for d in f.destinations):
            raise InvalidArgument("A special destination cannot be set: it stands for the owner where nothing is set.")
        destinations = tuple(Destination(d.destination_id, d.destination_type) for d in f.destinations)
        return access_requests.ChangeAccessDestinations(named(kind, full_name), destinations)

    def securable(x: Found) -> answers.RfaSecurable:
        return {"type": _wire(x), "full_name": x.full_name or metastore_id}

    def destinations(of_securable: access_requests.Destinations, _: Any = None) -> answers.AccessDestinations:
        destination_infos: list[answers.AccessDestination] = [
            {"destination_id": d.id, "destination_type": d.type} for d in of_securable.found
        ] or [_owner(of_securable.securable)]
        return {
            "securable": securable(of_securable.securable),
            "securable_type": _wire(of_securable.securable),
            "full_name": of_securable.securable.full_name or metastore_id,
            "destinations": destination_infos,
            "destination_source_securable": securable(of_securable.source),
            "are_any_destinations_hidden": False,
        }

    def responses(answered: list[access_requests.Answered], _: Any) -> answers.AskedAccess:
        return {
            "responses": [
                {
                    "behalf_of": _behalf(a.principal, a.number),
                    "request_destinations": [destinations(d) for d in a.destinations],
                    "request_ids": list(a.requests),
                }
                for a in answered
            ]
        }

    return [
        Route("POST", f"{RFA}/requests", AccessRequestBatch, ask, responses),
        Route(
            "GET",
            f"{RFA}/destinations/{{securable_type}}/{{full_name}}",
            DestinationsOf,
            lambda f: access_requests.GetAccessDestinations(named(f.securable_type, f.full_name)),
            destinations,
        ),
        Route("PATCH", f"{RFA}/destinations", Changed, change, destinations),
    ]


def _ask(f: UnityCatalogAccessRequest, named: Callable[[str, str], FullName]) -> access_requests.Ask:
    privileges_by_securable = [
        access_requests.RequestedPrivileges(named(p.securable.type, p.securable.full_name), p.permissions)
        for p in f.securable_permissions
    ]
    return access_requests.Ask(tuple(privileges_by_securable), f.behalf_of.id if f.behalf_of else "", f.comment)


def _wire(x: Found) -> str:
    return RULES[x.kind].wire[0]


def _owner(x: Found) -> answers.AccessDestination:
    """Where nothing is set, the owner is who to ask."""
    special = f"SPECIAL_DESTINATION_{_OWNERS.get(x.kind, x.kind)}_OWNER"
    return {"destination_id": x.owner, "destination_type": "EMAIL", "special_destination": special}


def _behalf(principal: Principal, number: int) -> answers.UnityCatalogBehalfOf:
    return {"id": str(number), "principal_type": _TYPES[principal.kind]}
