"""Which SCIM attributes a user, group and service principal has: the one table behind bodies, filters, changes and /Schemas."""

import unicodedata
from typing import Literal

import msgspec

from modelkeep.domain.errors import InvalidArgument

URN = "urn:ietf:params:scim:schemas:core:2.0:"


ScimType = Literal[
    "invalidFilter",
    "tooMany",
    "uniqueness",
    "mutability",
    "invalidSyntax",
    "invalidPath",
    "noTarget",
    "invalidValue",
    "invalidVers",
    "sensitive",
]


class ScimRequestError(InvalidArgument):
    """A SCIM request that is wrong in one of the ways that RFC 7644 (table 9) has a word for."""

    scim_type: ScimType = "invalidValue"


def misfit(scim_type: ScimType, message: str) -> ScimRequestError:
    """The refusal with RFC 7644's word for it."""
    error = ScimRequestError(message)
    error.scim_type = scim_type
    return error


class Attribute(msgspec.Struct, frozen=True):
    """One attribute, with the words of RFC 7643 section 7."""

    name: str
    description: str
    type: Literal["string", "boolean", "dateTime", "complex", "reference"] = "string"
    many: bool = False
    required: bool = False
    exact: bool = False
    """case counts"""
    mutability: Literal["readWrite", "readOnly", "immutable"] = "readWrite"
    returned: Literal["always", "default"] = "default"
    unique: Literal["none", "server"] = "none"
    parts: tuple["Attribute", ...] = ()
    values: tuple[str, ...] = ()
    references: tuple[str, ...] = ()

    def part(self, name: str) -> "Attribute | None":
        return next((part for part in self.parts if part.name.casefold() == name.casefold()), None)


class ResourceType(msgspec.Struct, frozen=True):
    """What SCIM calls a kind of principal, and where it lives."""

    kind: str
    name: str
    endpoint: str
    description: str
    attributes: tuple[Attribute, ...]

    @property
    def urn(self) -> str:
        return URN + self.name

    def attribute(self, name: str) -> Attribute | None:
        return next((a for a in (*self.attributes, *COMMON) if a.name.casefold() == name.casefold()), None)


COMMON = (
    Attribute(
        "schemas", "The schemas of the resource.", many=True, exact=True, mutability="readOnly", returned="always"
    ),
    Attribute(
        "id",
        "A number in text that never changes.",
        exact=True,
        mutability="readOnly",
        returned="always",
        unique="server",
    ),
    Attribute("externalId", "The identity provider's own id. Only account admins see it.", exact=True),
    Attribute(
        "meta",
        "When it was made and changed.",
        "complex",
        mutability="readOnly",
        parts=(
            Attribute("resourceType", "The resource's type.", exact=True, mutability="readOnly"),
            Attribute("created", "When it was made.", "dateTime", mutability="readOnly"),
            Attribute("lastModified", "When it was changed last.", "dateTime", mutability="readOnly"),
            Attribute("location", "The resource's address.", "reference", exact=True, mutability="readOnly"),
        ),
    ),
)
_DISPLAY = Attribute("displayName", "The name that people read.")
_ACTIVE = Attribute("active", "False ends every token with the next request.", "boolean")
_GROUPS = Attribute(
    "groups",
    "The groups that it acts as, nested ones included.",
    "complex",
    many=True,
    mutability="readOnly",
    parts=(
        Attribute("value", "The group's id.", exact=True, mutability="readOnly"),
        Attribute(
            "$ref", "The group's address.", "reference", exact=True, mutability="readOnly", references=("Group",)
        ),
        Attribute("display", "The group's name.", mutability="readOnly"),
        Attribute(
            "type",
            "Whether it is a member itself, or through another group.",
            mutability="readOnly",
            values=("direct", "indirect"),
        ),
    ),
)
_ENTITLEMENTS = Attribute(
    "entitlements",
    "Stored and returned. They decide nothing here: assignments and grants do.",
    "complex",
    many=True,
    parts=(Attribute("value", "The entitlement's name, such as workspace-access."),),
)

USER = ResourceType(
    "USER",
    "User",
    "Users",
    "People.",
    (
        Attribute("userName", "The name that grants use, usually an e-mail address.", required=True, unique="server"),
        _DISPLAY,
        Attribute(
            "name",
            "The parts of the name. Only account admins and the user see them.",
            "complex",
            parts=(Attribute("givenName", "The given name."), Attribute("familyName", "The family name.")),
        ),
        _ACTIVE,
        Attribute(
            "emails",
            "E-mail addresses. Only account admins and the user see them.",
            "complex",
            many=True,
            parts=(
                Attribute("value", "The address."),
                Attribute("type", "What it is for.", values=("work", "home", "other")),
                Attribute("primary", "Whether it is the first to use.", "boolean"),
            ),
        ),
        _GROUPS,
        _ENTITLEMENTS,
    ),
)
GROUP = ResourceType(
    "GROUP",
    "Group",
    "Groups",
    "Groups, which may hold groups.",
    (
        Attribute("displayName", "The name that grants use.", required=True, unique="server"),
        Attribute(
            "members",
            "Users, service principals and groups.",
            "complex",
            many=True,
            parts=(
                Attribute("value", "The member's id.", exact=True, mutability="immutable"),
                Attribute(
                    "$ref",
                    "The member's address.",
                    "reference",
                    exact=True,
                    mutability="immutable",
                    references=("User", "Group", "ServicePrincipal"),
                ),
                Attribute("display", "The member's name.", mutability="readOnly"),
                Attribute(
                    "type", "What the member is.", mutability="immutable", values=("User", "Group", "ServicePrincipal")
                ),
            ),
        ),
        _GROUPS,
        _ENTITLEMENTS,
    ),
)
SERVICE_PRINCIPAL = ResourceType(
    "SERVICE_PRINCIPAL",
    "ServicePrincipal",
    "ServicePrincipals",
    "Machines.",
    (
        Attribute(
            "applicationId",
            "The name that grants use; made where none is given.",
            mutability="immutable",
            returned="always",
            unique="server",
        ),
        _DISPLAY,
        _ACTIVE,
        _GROUPS,
        _ENTITLEMENTS,
    ),
)
TYPES = {type_.kind: type_ for type_ in (USER, GROUP, SERVICE_PRINCIPAL)}

IGNORED = frozenset({"roles"})
"""What Databricks has and this registry has no use for: account admins are the members of a group."""
ALWAYS_RETURNED = frozenset(
    attribute.name.casefold()
    for of in TYPES.values()
    for attribute in (*of.attributes, *COMMON)
    if attribute.returned == "always"
)
"""Names, folded, of attributes that every answer holds, whatever `attributes` and `excludedAttributes` say (RFC 7644, 3.9).
Databricks' Terraform provider reads `applicationId` of service principals without asking for it."""


def fold(text: str) -> str:
    """Strings whose case does not count are compared as principals' names are."""
    return unicodedata.normalize("NFC", text).casefold()


class AttributePath(msgspec.Struct, frozen=True):
    """`attribute` or `attribute.part`; both None for one that is ignored."""

    attribute: Attribute | None
    part: Attribute | None = None

    @property
    def leaf(self) -> Attribute | None:
        return self.part or self.attribute


def find_path(of: ResourceType, text: str, scim_type: ScimType) -> AttributePath:
    """The attribute that a path names, whatever its case, with or without the schema's urn. Raises ScimRequestError."""
    path = known_path(of, text)
    if path is None:
        names = ", ".join(a.name for a in (*of.attributes, *COMMON))
        raise misfit(scim_type, f"A {of.name} has no attribute {text[:100]!r}. It has {names}.")
    return path


def known_path(of: ResourceType, text: str) -> AttributePath | None:
    """As `find_path`; None for an attribute, or a part of one, that resources here do not have."""
    plain = text[len(of.urn) + 1 :] if text.casefold().startswith(f"{of.urn}:".casefold()) else text
    name, dot, rest = plain.partition(".")
    attribute = of.attribute(name)
    if attribute is None:
        return AttributePath(None) if name.casefold() in IGNORED else None
    part = attribute.part(rest) if dot else None
    return None if dot and part is None else AttributePath(attribute, part)


def look_alike(of: ResourceType, name: str) -> Attribute | None:
    """The attribute that `user_name` or `display-name` resembles and does not name."""
    if of.attribute(name) is not None or name.casefold() in IGNORED:
        return None
    return of.attribute(name.replace("_", "").replace("-", ""))
