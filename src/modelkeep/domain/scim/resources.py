"""A principal as a SCIM resource, and the wanted state that a resource's body asks for."""

from typing import Any, cast

import msgspec

from modelkeep.domain.model import Email, Identity, Related
from modelkeep.domain.scim.schema import TYPES, ResourceType, fold, look_alike, misfit
from modelkeep.domain.times import rfc3339
from modelkeep.limits import SCIM_ENTITLEMENTS

MAX_TEXT = 255  # characters of a name
MAX_EMAILS = 20


class DesiredPrincipal(msgspec.Struct, frozen=True):
    """What a principal should be; None leaves what it is (and a new one gets the default)."""

    name: str | None = None
    """userName, a group's displayName, applicationId"""
    display_name: str = ""
    active: bool | None = None
    external_id: str = ""
    given_name: str = ""
    family_name: str = ""
    emails: tuple[Email, ...] = ()
    members: tuple[str, ...] = ()
    """ids"""
    entitlements: tuple[str, ...] | None = None
    """names; None leaves those that there are"""


def resource(identity: Identity) -> dict[str, Any]:
    """In SCIM's shape, without what is empty."""
    principal = identity.principal
    of = TYPES[principal.kind]
    fields: dict[str, Any] = {"schemas": [of.urn], "id": str(identity.number)}
    if identity.external_id:
        fields["externalId"] = identity.external_id
    if of.kind == "USER":
        fields |= {"userName": principal.name, "active": principal.active}
        name = {"givenName": identity.given_name, "familyName": identity.family_name}
        if any(name.values()):
            fields["name"] = {key: value for key, value in name.items() if value}
        if identity.emails:
            fields["emails"] = [msgspec.to_builtins(email) for email in identity.emails]
    elif of.kind == "GROUP":
        fields["displayName"] = principal.name
        if identity.members:
            fields["members"] = [_related(member) for member in identity.members]
    else:
        fields |= {
            "applicationId": principal.name,
            "active": principal.active,
        }
    if principal.display_name and of.kind != "GROUP":
        fields["displayName"] = principal.display_name
    if identity.groups:
        fields["groups"] = [
            {**_related(group), "type": "direct" if group.direct else "indirect"} for group in identity.groups
        ]
    if identity.entitlements:
        fields["entitlements"] = [{"value": name} for name in identity.entitlements]
    fields["meta"] = {
        "resourceType": of.name,
        "created": rfc3339(principal.created_at),
        "lastModified": rfc3339(identity.updated_at),
    }
    return fields


def _related(to: Related) -> dict[str, Any]:
    of = TYPES[to.kind]
    return {"value": str(to.number), "display": to.name, "type": of.name, "$ref": f"{of.endpoint}/{to.number}"}


def public_resource(identity: Identity) -> dict[str, Any]:
    """As `resource`; a user whose name is an address and who has no other is reached there, as at Databricks."""
    fields = resource(identity)
    if identity.principal.kind == "USER" and not identity.emails and "@" in identity.principal.name:
        fields["emails"] = [{"value": identity.principal.name, "type": "work", "primary": True}]
    return fields


# --- bodies ----------------------------------------------------------------------------------------------------------


def read_wanted(of: ResourceType, body: dict[str, Any]) -> DesiredPrincipal:
    """What a body asks for; what only the server sets is ignored. Raises ScimRequestError."""
    fields = known_keys(of, body)
    name = _text(fields, {"USER": "userName", "GROUP": "displayName"}.get(of.kind, "applicationId"))
    parts = _object(fields, "name", of)
    return DesiredPrincipal(
        name=name or None,
        display_name=name if of.kind == "GROUP" else _text(fields, "displayName"),
        active=_flag(fields, "active"),
        external_id=_text(fields, "externalId"),
        given_name=_text(parts, "givenName"),
        family_name=_text(parts, "familyName"),
        emails=_emails(of, fields),
        members=tuple(dict.fromkeys(_text(member, "value", required=True) for member in _list(fields, "members", of))),
        entitlements=_entitlements(of, fields),
    )


def known_keys(of: ResourceType, body: dict[str, Any]) -> dict[str, Any]:
    """The attributes of a body by their own spelling: SCIM's names have no case (RFC 7643, 2.1), and each is given once."""
    spelled: dict[str, Any] = {}
    for key, value in body.items():
        attribute = of.attribute(key)
        if attribute is None:
            continue
        if attribute.name in spelled:
            raise misfit("invalidSyntax", f"Attribute '{attribute.name}' is given twice, in two spellings.")
        spelled[attribute.name] = value
    for key in body:
        meant = look_alike(of, key)
        # A directory's own attribute may have a similar name, such as `display_name`. It is no misspelling beside the real one.
        if meant is not None and meant.required and meant.name not in spelled:
            raise misfit(
                "invalidSyntax", f"Attribute '{key[:100]}' looks like '{meant.name}' and is not. Send '{meant.name}'."
            )
    return spelled


def _text(fields: dict[str, Any], name: str, *, required: bool = False) -> str:
    value = fields.get(name)
    if value is None and not required:
        return ""
    if not isinstance(value, str) or (required and not value):
        raise misfit("invalidValue", f"Attribute '{name}' is a text{', and is missing here' if value is None else ''}.")
    if len(value) > MAX_TEXT:
        raise misfit("invalidValue", f"Attribute '{name}' has {len(value)} characters; at most {MAX_TEXT} are allowed.")
    return value


def _flag(fields: dict[str, Any], name: str) -> bool | None:
    """Entra sends "True" and "False"."""
    value = fields.get(name)
    if isinstance(value, str) and value.casefold() in ("true", "false"):
        return value.casefold() == "true"
    if value is not None and not isinstance(value, bool):
        raise misfit("invalidValue", f"Attribute '{name}' is true or false.")
    return value


def _object(fields: dict[str, Any], name: str, of: ResourceType) -> dict[str, Any]:
    value = fields.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise misfit("invalidValue", f"Attribute '{name}' is an object.")
    return _spelled(of, name, cast("dict[str, Any]", value))


def _list(fields: dict[str, Any], name: str, of: ResourceType) -> list[dict[str, Any]]:
    value = fields.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in cast("list[Any]", value)):
        raise misfit("invalidValue", f"Attribute '{name}' is a list of objects.")
    return [_spelled(of, name, item) for item in cast("list[dict[str, Any]]", value)]


def _spelled(of: ResourceType, name: str, value: dict[str, Any]) -> dict[str, Any]:
    attribute = of.attribute(name)
    spelled: dict[str, Any] = {}
    for key, part_value in value.items():
        part = attribute.part(key) if attribute else None
        if part is not None and part.name in spelled:
            raise misfit("invalidSyntax", f"Attribute '{name}.{part.name}' is given twice, in two spellings.")
        if part is not None:
            spelled[part.name] = part_value
    return spelled


def _emails(of: ResourceType, fields: dict[str, Any]) -> tuple[Email, ...]:
    """Each address once for each type. An entry without an address (Entra ID sends null) is none. Raises ScimRequestError."""
    emails: dict[tuple[str, str], Email] = {}
    for item in _list(fields, "emails", of):
        email = Email(_text(item, "value"), _text(item, "type"), _flag(item, "primary"))
        key = fold(email.value), fold(email.type)
        if email.value and (key not in emails or email.primary):
            emails[key] = email
    if len(emails) > MAX_EMAILS:
        raise misfit("invalidValue", f"A user has at most {MAX_EMAILS} emails.")
    if sum(email.primary is True for email in emails.values()) > 1:
        raise misfit("invalidValue", "One of a user's emails is the primary one, not several.")
    return tuple(emails.values())


def _entitlements(of: ResourceType, fields: dict[str, Any]) -> tuple[str, ...] | None:
    """Raises ScimRequestError."""
    if fields.get("entitlements") is None:
        return None
    names = dict.fromkeys(_text(item, "value") for item in _list(fields, "entitlements", of))
    names.pop("", None)
    if len(names) > SCIM_ENTITLEMENTS:
        raise misfit("invalidValue", f"A principal has at most {SCIM_ENTITLEMENTS} entitlements.")
    return tuple(names)
