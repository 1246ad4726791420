"""The exit codes of `modelkeep`, one for each thing that a script may want to tell apart."""

from modelkeep.core.errors import (
    BadSetting,
    NotFound,
    PermissionDenied,
    PortInUse,
    RegistryError,
    Unauthenticated,
    Unavailable,
)


class Unreachable(Unavailable):
    """The server that DATABRICKS_HOST names does not answer."""


DONE = 0
FAILED = 1
"""The request is not valid, or clashes with what exists."""
USAGE = 2
"""The command line is wrong."""
FINDINGS = 3
"""`check` or `audit verify` reports a problem."""
PORT_IN_USE = 4
"""Another program listens on the port of `serve`."""
SETTINGS = 5
"""A setting is unknown, out of its bounds, or missing."""
UNAVAILABLE = 6
"""The database or the storage does not answer."""
UNREACHABLE = 7
"""The server does not answer, or not now (429, 503)."""
REFUSED = 8
"""The server refuses the caller (401, 403)."""
NOT_FOUND = 9
"""What the command names does not exist."""

_OF_ERROR: tuple[tuple[type[RegistryError], int], ...] = (
    (PortInUse, PORT_IN_USE), (BadSetting, SETTINGS), (Unreachable, UNREACHABLE), (Unavailable, UNAVAILABLE),
    (NotFound, NOT_FOUND), (PermissionDenied, REFUSED), (Unauthenticated, REFUSED),
)  # fmt: skip
_OF_STATUS = {401: REFUSED, 403: REFUSED, 404: NOT_FOUND, 429: UNREACHABLE, 503: UNREACHABLE}


def of_error(error: RegistryError) -> int:
    """Of a command that raised this."""
    return next((code for kind, code in _OF_ERROR if isinstance(error, kind)), FAILED)


def of_status(status: int) -> int:
    """Of an HTTP answer that is no success."""
    return _OF_STATUS.get(status, FAILED)
