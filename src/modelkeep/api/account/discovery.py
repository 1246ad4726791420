"""What SCIM clients ask first: what this server supports, which resource types it has, and their schemas (RFC 7643, 5 to 7)."""

from collections.abc import Callable
from typing import Any

from modelkeep.core.operations.identity.identities import MAX_PAGE
from modelkeep.domain.authorization import Actor
from modelkeep.domain.errors import NotFound
from modelkeep.domain.scim.schema import TYPES, URN, Attribute
from modelkeep.http.messages import Request, Response
from modelkeep.http.routing import Handler

LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
_META = "urn:ietf:params:scim:schemas:core:2.0:"
Answer = Callable[[Request, Any], Response]


def _served(name: str, description: str, type: Any = "string", *parts: Attribute, many: bool = False) -> Attribute:
    return Attribute(name, description, type, many=many, required=True, mutability="readOnly", parts=parts)


_SUPPORTED = _served("supported", "Whether it is supported.", "boolean")
_OWN: dict[str, tuple[str, tuple[Attribute, ...]]] = {
    "ServiceProviderConfig": (
        "What this server supports.",
        (
            *(
                _served(name, f"About {name}.", "complex", _SUPPORTED)
                for name in ("patch", "bulk", "filter", "changePassword", "sort", "etag")
            ),
            _served(
                "authenticationSchemes",
                "How to sign in.",
                "complex",
                _served("type", "The scheme."),
                _served("name", "Its name."),
                _served("description", "What to do."),
                many=True,
            ),
        ),
    ),
    "ResourceType": (
        "The types of resources.",
        (
            _served("name", "The type's name."),
            _served("description", "What it is."),
            _served("endpoint", "Its path.", "reference"),
            _served("schema", "Its schema's urn.", "reference"),
        ),
    ),
    "Schema": (
        "The schemas.",
        (
            _served("name", "The schema's name."),
            _served("description", "What it is of."),
            _served(
                "attributes",
                "Its attributes.",
                "complex",
                _served("name", "The attribute's name."),
                _served("type", "Its type."),
                many=True,
            ),
        ),
    ),
}


def _attribute(of: Attribute) -> dict[str, Any]:
    resource: dict[str, Any] = {
        "name": of.name,
        "type": of.type,
        "multiValued": of.many,
        "description": of.description,
        "required": of.required,
        "mutability": of.mutability,
        "returned": of.returned,
    }
    if of.type in ("string", "reference"):
        resource |= {"caseExact": of.exact, "uniqueness": of.unique}
    if of.type == "complex":
        resource["subAttributes"] = [_attribute(part) for part in of.parts]
    if of.values:
        resource["canonicalValues"] = list(of.values)
    if of.type == "reference":
        resource["referenceTypes"] = list(of.references) or ["uri"]
    return resource


def _schema(name: str, description: str, attributes: tuple[Attribute, ...]) -> dict[str, Any]:
    urn = URN + name
    return {
        "schemas": [f"{_META}Schema"],
        "id": urn,
        "name": name,
        "description": description,
        "attributes": [_attribute(attribute) for attribute in attributes],
        "meta": {"resourceType": "Schema", "location": f"Schemas/{urn}"},
    }


SCHEMAS = {
    schema["id"]: schema
    for schema in (
        *(_schema(of.name, of.description, of.attributes) for of in TYPES.values()),
        *(_schema(name, *about) for name, about in _OWN.items()),
    )
}
RESOURCE_TYPES = {
    of.name: {
        "schemas": [f"{_META}ResourceType"],
        "id": of.name,
        "name": of.name,
        "description": of.description,
        "endpoint": f"/{of.endpoint}",
        "schema": of.urn,
        "meta": {"resourceType": "ResourceType", "location": f"ResourceTypes/{of.name}"},
    }
    for of in TYPES.values()
}
SERVICE_PROVIDER = {
    "schemas": [f"{_META}ServiceProviderConfig"],
    "patch": {"supported": True},
    "bulk": {"supported": False, "maxOperations": 0, "maxPayloadSize": 0},
    "filter": {"supported": True, "maxResults": MAX_PAGE},
    "changePassword": {"supported": False},
    "sort": {"supported": True},
    "etag": {"supported": False},
    "authenticationSchemes": [
        {
            "type": "oauthbearertoken",
            "name": "Access token",
            "primary": True,
            "description": "A personal access token of an account admin, sent as a bearer token.",
        }
    ],
    "meta": {"resourceType": "ServiceProviderConfig", "location": "ServiceProviderConfig"},
}


def handlers(answer: Answer) -> dict[str, Handler]:
    """By path below the SCIM root."""

    def said(value: Any) -> Handler:
        async def say(request: Request, actor: Actor, path: dict[str, str]) -> Response:
            return answer(request, value)

        return say

    def every(items: dict[str, Any]) -> Handler:
        listed = list(items.values())
        page = {"schemas": [LIST], "totalResults": len(listed), "startIndex": 1, "itemsPerPage": len(listed)}
        return said(page | {"Resources": listed})

    def by_id(items: dict[str, Any]) -> Handler:
        async def find(request: Request, actor: Actor, path: dict[str, str]) -> Response:
            if path["id"] not in items:
                raise NotFound(f"There is no {path['id'][:100]!r} here.")
            return answer(request, items[path["id"]])

        return find

    return {
        "ServiceProviderConfig": said(SERVICE_PROVIDER),
        "ResourceTypes": every(RESOURCE_TYPES),
        "ResourceTypes/{id}": by_id(RESOURCE_TYPES),
        "Schemas": every(SCHEMAS),
        "Schemas/{id}": by_id(SCHEMAS),
    }
