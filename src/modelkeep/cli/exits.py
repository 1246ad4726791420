"""The exit codes of `modelkeep`: one for each outcome that a script may want to tell apart."""

from modelkeep.domain.errors import (
    BadSetting,
    Conflict,
    NotFound,
    PermissionDenied,
    PortInUse,
    RegistryError,
    Throttled,
    Unauthenticated,
    Unavailable,
)


class Unreachable(Unavailable):
    """The server that DATABRICKS_HOST names does not answer."""


DONE = 0
FAILED = 1
"""The request is not valid."""
USAGE = 2
"""The command line is wrong."""
FINDINGS = 3
"""`check`, `doctor` or `audit verify` reports a problem."""
PORT_IN_USE = 4
"""Another program listens on the port of `serve`."""
SETTINGS = 5
"""A setting is unknown, out of its bounds, or missing."""
UNAVAILABLE = 6
"""The database or the storage does not answer."""
UNREACHABLE = 7
"""The server does not answer, or not now (429, 502, 503, 504)."""
REFUSED = 8
"""The server refuses the caller (401, 403)."""
NOT_FOUND = 9
"""The command names something that does not exist."""
CONFLICT = 10
"""The request conflicts with the current state: a name is taken, a container is not empty."""

_OF_ERROR: tuple[tuple[type[RegistryError], int], ...] = (
    (PortInUse, PORT_IN_USE),
    (BadSetting, SETTINGS),
    (Unreachable, UNREACHABLE),
    (Throttled, UNREACHABLE),
    (Unavailable, UNAVAILABLE),
    (NotFound, NOT_FOUND),
    (Conflict, CONFLICT),
    (PermissionDenied, REFUSED),
    (Unauthenticated, REFUSED),
)
_OF_STATUS = {
    401: REFUSED,
    403: REFUSED,
    404: NOT_FOUND,
    409: CONFLICT,
    429: UNREACHABLE,
    502: UNREACHABLE,
    503: UNREACHABLE,
    504: UNREACHABLE,
}
_OF_SQL_STATE = {
    "42501": REFUSED,
    "42704": NOT_FOUND,
    "42710": CONFLICT,
    "2BP01": CONFLICT,
    "40000": CONFLICT,
    "53000": UNREACHABLE,
    "08000": UNREACHABLE,
}
"""SQLSTATEs of a failed statement; `api/sql/statement.py` has the list."""


def of_error(error: RegistryError) -> int:
    """The exit code of a command that raises `error`."""
    return next((code for kind, code in _OF_ERROR if isinstance(error, kind)), FAILED)


def of_status(status: int) -> int:
    """The exit code for an HTTP answer that is not a success."""
    return _OF_STATUS.get(status, FAILED)


def of_sql_state(state: str) -> int:
    """The exit code for a SQL statement that failed."""
    return _OF_SQL_STATE.get(state, FAILED)
