"""Every kind of securable: where it nests, what can be granted on it, and what the wires call it."""

from enum import StrEnum

import msgspec

from modelkeep.domain import privileges
from modelkeep.domain.errors import InvalidArgument
from modelkeep.domain.privileges import Privilege


class Kind(StrEnum):
    METASTORE = "METASTORE"
    CATALOG = "CATALOG"
    SCHEMA = "SCHEMA"
    MODEL = "MODEL"
    FUNCTION = "FUNCTION"
    VOLUME = "VOLUME"
    TABLE = "TABLE"
    PROMPT = "PROMPT"
    EXTERNAL_LOCATION = "EXTERNAL_LOCATION"
    STORAGE_CREDENTIAL = "STORAGE_CREDENTIAL"
    EXTERNAL_METADATA = "EXTERNAL_METADATA"


class KindRules(msgspec.Struct, frozen=True):
    kind: Kind
    parent: Kind | None
    depth: int
    """Parts of the full name; 0 for the metastore."""
    space: str
    """The name space inside the parent; models share theirs with functions and prompts, as in Unity Catalog."""
    label: str
    """What a sentence calls it (the words of Databricks' own errors)."""
    grantable: frozenset[Privilege]
    usage: Privilege | None
    """What a caller needs on this container to reach what lies in it."""
    wire: tuple[str, ...]
    """Names of the kind in paths and bodies, upper case; the first is what answers say."""


RULES: dict[Kind, KindRules] = {
    rules.kind: rules
    for rules in (
        KindRules(Kind.METASTORE, None, 0, "metastore", "Metastore", privileges.ON_METASTORE, None, ("METASTORE",)),
        KindRules(
            Kind.CATALOG,
            Kind.METASTORE,
            1,
            "catalog",
            "Catalog",
            privileges.ON_CATALOG,
            Privilege.USE_CATALOG,
            ("CATALOG",),
        ),
        KindRules(
            Kind.SCHEMA, Kind.CATALOG, 2, "schema", "Schema", privileges.ON_SCHEMA, Privilege.USE_SCHEMA, ("SCHEMA",)
        ),
        # "Registered models are a subtype of the FUNCTION securable object" (Databricks, manage model lifecycle).
        KindRules(
            Kind.MODEL,
            Kind.SCHEMA,
            3,
            "routine",
            "Routine or Model",
            privileges.ON_MODEL,
            None,
            ("FUNCTION", "REGISTERED_MODEL", "MODEL"),
        ),
        KindRules(
            Kind.FUNCTION, Kind.SCHEMA, 3, "routine", "Routine or Model", privileges.ON_FUNCTION, None, ("FUNCTION",)
        ),
        KindRules(Kind.VOLUME, Kind.SCHEMA, 3, "volume", "Volume", privileges.ON_VOLUME, None, ("VOLUME",)),
        KindRules(Kind.TABLE, Kind.SCHEMA, 3, "table", "Table", privileges.ON_TABLE, None, ("TABLE",)),
        # A prompt is created with CREATE FUNCTION and read with EXECUTE, so it lives among the functions of its schema.
        KindRules(Kind.PROMPT, Kind.SCHEMA, 3, "routine", "Prompt", privileges.ON_PROMPT, None, ("PROMPT",)),
        KindRules(
            Kind.EXTERNAL_LOCATION,
            Kind.METASTORE,
            1,
            "external_location",
            "External Location",
            privileges.ON_EXTERNAL_LOCATION,
            None,
            ("EXTERNAL_LOCATION",),
        ),
        # databricks-sdk has both names; a service credential, which CREDENTIAL also names there, does not exist here.
        KindRules(
            Kind.STORAGE_CREDENTIAL,
            Kind.METASTORE,
            1,
            "storage_credential",
            "Storage Credential",
            privileges.ON_STORAGE_CREDENTIAL,
            None,
            ("STORAGE_CREDENTIAL", "CREDENTIAL"),
        ),
        KindRules(
            Kind.EXTERNAL_METADATA,
            Kind.METASTORE,
            1,
            "external_metadata",
            "External Metadata",
            privileges.ON_EXTERNAL_METADATA,
            None,
            ("EXTERNAL_METADATA",),
        ),
    )
}

BY_DEPTH: tuple[Kind, ...] = (Kind.METASTORE, Kind.CATALOG, Kind.SCHEMA, Kind.MODEL)
"""What a name of so many parts is, unless it says otherwise."""
BESIDE_CATALOGS = (Kind.EXTERNAL_LOCATION, Kind.STORAGE_CREDENTIAL, Kind.EXTERNAL_METADATA)
"""Kinds beside catalogs: they hold nothing, and a name of one part that means one says so."""

# A FUNCTION is found as a model is, and may turn out to be either (`On.any_kind`).
_BY_WIRE = {name: kind for kind, rules in reversed(RULES.items()) for name in rules.wire}


def parse_kind(text: str) -> Kind:
    """A securable type as a client writes it, in any case, with `-`, `_` or space. Raises InvalidArgument."""
    kind = _BY_WIRE.get(text.upper().replace("-", "_").replace(" ", "_"))
    if kind is None:
        raise InvalidArgument(
            f"Securable type '{text[:100]}' is not supported. Use one of: {', '.join(sorted(_BY_WIRE))}."
        )
    return kind
