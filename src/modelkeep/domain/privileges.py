"""The privilege vocabulary of Unity Catalog, and what implies what (privileges reference, 2026)."""

from enum import StrEnum


class Privilege(StrEnum):
    """Spelled as Databricks' REST API spells it; OSS Unity Catalog writes spaces for underscores."""

    ALL_PRIVILEGES = "ALL_PRIVILEGES"
    APPLY_TAG = "APPLY_TAG"
    BROWSE = "BROWSE"
    CREATE_CATALOG = "CREATE_CATALOG"
    CREATE_EXTERNAL_LOCATION = "CREATE_EXTERNAL_LOCATION"
    CREATE_EXTERNAL_METADATA = "CREATE_EXTERNAL_METADATA"
    CREATE_EXTERNAL_TABLE = "CREATE_EXTERNAL_TABLE"
    CREATE_EXTERNAL_VOLUME = "CREATE_EXTERNAL_VOLUME"
    CREATE_FUNCTION = "CREATE_FUNCTION"
    CREATE_MANAGED_STORAGE = "CREATE_MANAGED_STORAGE"
    CREATE_MODEL = "CREATE_MODEL"
    CREATE_MODEL_VERSION = "CREATE_MODEL_VERSION"
    CREATE_SCHEMA = "CREATE_SCHEMA"
    CREATE_STORAGE_CREDENTIAL = "CREATE_STORAGE_CREDENTIAL"
    CREATE_TABLE = "CREATE_TABLE"
    CREATE_VOLUME = "CREATE_VOLUME"
    EXECUTE = "EXECUTE"
    EXTERNAL_USE_LOCATION = "EXTERNAL_USE_LOCATION"
    EXTERNAL_USE_SCHEMA = "EXTERNAL_USE_SCHEMA"
    MANAGE = "MANAGE"
    MODIFY = "MODIFY"
    READ_FILES = "READ_FILES"
    READ_VOLUME = "READ_VOLUME"
    SELECT = "SELECT"
    USE_CATALOG = "USE_CATALOG"
    USE_SCHEMA = "USE_SCHEMA"
    WRITE_FILES = "WRITE_FILES"
    WRITE_VOLUME = "WRITE_VOLUME"

    @property
    def words(self) -> str:
        """As people and SQL write it: `USE CATALOG`."""
        return self.value.replace("_", " ")


_ON_MODEL = {
    Privilege.ALL_PRIVILEGES,
    Privilege.APPLY_TAG,
    Privilege.EXECUTE,
    Privilege.MANAGE,
    Privilege.CREATE_MODEL_VERSION,
}
_ON_FUNCTION = {Privilege.ALL_PRIVILEGES, Privilege.EXECUTE, Privilege.MANAGE}
_ON_PROMPT = _ON_FUNCTION | {Privilege.APPLY_TAG}
_ON_VOLUME = {
    Privilege.ALL_PRIVILEGES,
    Privilege.APPLY_TAG,
    Privilege.MANAGE,
    Privilege.READ_VOLUME,
    Privilege.WRITE_VOLUME,
}
_ON_TABLE = {Privilege.ALL_PRIVILEGES, Privilege.APPLY_TAG, Privilege.MANAGE, Privilege.MODIFY, Privilege.SELECT}
_ON_SCHEMA = (
    _ON_MODEL
    | _ON_VOLUME
    | _ON_TABLE
    | {
        Privilege.CREATE_FUNCTION,
        Privilege.CREATE_MODEL,
        Privilege.CREATE_TABLE,
        Privilege.CREATE_VOLUME,
        Privilege.EXTERNAL_USE_SCHEMA,
        Privilege.USE_SCHEMA,
    }
)
_ON_CATALOG = _ON_SCHEMA | {Privilege.BROWSE, Privilege.CREATE_SCHEMA, Privilege.USE_CATALOG}

ON_MODEL = frozenset(_ON_MODEL)
ON_FUNCTION = frozenset(_ON_FUNCTION)
ON_PROMPT = frozenset(_ON_PROMPT)
ON_VOLUME = frozenset(_ON_VOLUME)
ON_TABLE = frozenset(_ON_TABLE)
ON_SCHEMA = frozenset(_ON_SCHEMA)
ON_CATALOG = frozenset(_ON_CATALOG)
ON_METASTORE = frozenset(
    {
        Privilege.CREATE_CATALOG,
        Privilege.CREATE_EXTERNAL_LOCATION,
        Privilege.CREATE_EXTERNAL_METADATA,
        Privilege.CREATE_STORAGE_CREDENTIAL,
    }
)
ON_EXTERNAL_METADATA = frozenset({Privilege.ALL_PRIVILEGES, Privilege.BROWSE, Privilege.MANAGE, Privilege.MODIFY})
ON_STORAGE_CREDENTIAL = frozenset(
    {
        Privilege.ALL_PRIVILEGES,
        Privilege.CREATE_EXTERNAL_LOCATION,
        Privilege.CREATE_EXTERNAL_TABLE,
        Privilege.MANAGE,
        Privilege.READ_FILES,
        Privilege.WRITE_FILES,
    }
)
ON_EXTERNAL_LOCATION = frozenset(
    {
        Privilege.ALL_PRIVILEGES,
        Privilege.BROWSE,
        Privilege.CREATE_EXTERNAL_TABLE,
        Privilege.CREATE_EXTERNAL_VOLUME,
        Privilege.CREATE_MANAGED_STORAGE,
        Privilege.EXTERNAL_USE_LOCATION,
        Privilege.MANAGE,
        Privilege.READ_FILES,
        Privilege.WRITE_FILES,
    }
)

NOT_IN_ALL = frozenset({Privilege.EXTERNAL_USE_LOCATION, Privilege.EXTERNAL_USE_SCHEMA, Privilege.MANAGE})
"""What ALL PRIVILEGES never includes, so that revoking it leaves them (privileges reference)."""
IMPLIED_BY_ALL = frozenset(Privilege) - {Privilege.ALL_PRIVILEGES} - NOT_IN_ALL
"""What ALL PRIVILEGES stands for at check time."""

INERT = frozenset(
    {
        "ACCESS",
        "ALL",
        "CREATE",
        "CREATE_CLEAN_ROOM",
        "CREATE_CONNECTION",
        "CREATE_FEATURE",
        "CREATE_FOREIGN_CATALOG",
        "CREATE_FOREIGN_SECURABLE",
        "CREATE_MATERIALIZED_VIEW",
        "CREATE_PROVIDER",
        "CREATE_RECIPIENT",
        "CREATE_SERVICE_CREDENTIAL",
        "CREATE_SHARE",
        "CREATE_VIEW",
        "EXECUTE_CLEAN_ROOM_TASK",
        "MANAGE_ALLOWLIST",
        "MODIFY_CLEAN_ROOM",
        "READ_FEATURE",
        "READ_METADATA",
        "READ_PRIVATE_FILES",
        "REFRESH",
        "SET_SHARE_PERMISSION",
        "USAGE",
        "USE_CONNECTION",
        "USE_MARKETPLACE_ASSETS",
        "USE_PROVIDER",
        "USE_RECIPIENT",
        "USE_SHARE",
        "WRITE_PRIVATE_FILES",
    }
)
"""Privileges of Databricks that mean nothing here: every other word of databricks-sdk's enumeration, 0.30 to 0.162, and SQL's ALL.
They are granted, shown and revoked, so that what declares them (Terraform, bundles) converges, and no decision reads them."""


def parse_privilege(text: str) -> Privilege | None:
    """Both spellings, any case: `USE_CATALOG`, `use catalog`; None for anything else."""
    try:
        return Privilege(_spelled(text))
    except ValueError:
        return None


def parse_inert(text: str) -> str | None:
    """A word of INERT, spelled as freely; None for anything else."""
    word = _spelled(text)
    return word if word in INERT else None


def _spelled(text: str) -> str:
    return "_".join(text.split()).upper()
