"""Every failure that a caller may see: one class a kind; each dialect decides how it spells it.

RegistryError
├─ InvalidArgument ├─ BadName ├─ NotThreeLevels ├─ BadPageToken ├─ LimitExceeded ├─ UnsupportedFormat └─ BadSetting
├─ Unauthenticated
├─ PermissionDenied
├─ NotFound
│  └─ FileNotFound
├─ NoSuchEndpoint
├─ Conflict        ├─ AlreadyExists ├─ NotEmpty ├─ VersionConflict └─ WrongState └─ ExternalStorage
├─ Throttled       └─ TooManyCommits
└─ Unavailable     ├─ PortInUse
                   └─ NotSent
"""

from typing import ClassVar


class RegistryError(Exception):
    """A refusal with a sentence that tells the caller what to do."""

    code: ClassVar[str] = "INTERNAL_ERROR"  # the word in the audit log and in metrics
    status: ClassVar[int] = 500

    def __init__(self, message: str, *, kind: str = "", retry_after: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.kind = kind
        """The securable kind that the refusal is about ('CATALOG', 'MODEL', ...), or ''."""
        self.retry_after = retry_after
        """Seconds after which the same request may be answered; None where nobody knows, or waiting does not help."""


class InvalidArgument(RegistryError):
    """The request is malformed, or breaks a rule that its sender can keep. Mend the request."""

    code, status = "INVALID_PARAMETER_VALUE", 400


class BadName(InvalidArgument):
    """A catalog, schema, model, alias or principal name that the platform's name rules forbid."""


class NotThreeLevels(BadName):
    """A model name that is not `catalog.schema.model`."""


class BadPageToken(InvalidArgument):
    """A page token that this server did not hand out for this list and this caller."""


class LimitExceeded(InvalidArgument):
    """A number that the deployment limits (aliases a model, tags a securable, ...) would be exceeded."""


class UnsupportedFormat(InvalidArgument):
    """A table that is not a Delta table, on a route for Delta tables alone. Clients read it over `/tables` instead."""


class BadSetting(InvalidArgument):
    """A setting that is unknown, out of its bounds, or of no use with another one. For the operator, at the start."""


class Unauthenticated(RegistryError):
    """No credential, or one that is unknown, expired or revoked. Sign in again."""

    code, status = "UNAUTHENTICATED", 401


class PermissionDenied(RegistryError):
    """The caller is known and lacks a privilege, which the message names. Ask an owner for it."""

    code, status = "PERMISSION_DENIED", 403


class NotFound(RegistryError):
    """What the request names does not exist (or may not be known to exist by this caller)."""

    code, status = "RESOURCE_DOES_NOT_EXIST", 404


class FileNotFound(NotFound):
    """No file or directory at this path. The Files API spells it NOT_FOUND (clients test for that word)."""

    code = "NOT_FOUND"


class NoSuchEndpoint(RegistryError):
    """A route that this server does not have."""

    code, status = "ENDPOINT_NOT_FOUND", 404


class Conflict(RegistryError):
    """The request clashes with what exists now. Read again, then decide."""

    code, status = "RESOURCE_CONFLICT", 409


class AlreadyExists(Conflict):
    """The name is taken."""

    code = "RESOURCE_ALREADY_EXISTS"


class NotEmpty(Conflict):
    """A container still has children; delete them, or ask with force."""


class VersionConflict(Conflict):
    """Another commit of a Delta table has this version. Read the table again, and commit the next one."""


class WrongState(Conflict):
    """The securable's state forbids this (a file after finalize, a finalize of a failed version, ...)."""

    code, status = "INVALID_STATE", 400


class ExternalStorage(WrongState):
    """The files are at a place that this server never opens."""


class Throttled(RegistryError):
    """Too many requests at once. Wait, then retry."""

    code, status = "RESOURCE_EXHAUSTED", 429


class TooManyCommits(Throttled):
    """A Delta table has too many commits that are not published in its log. Publish them, then commit."""


class Unavailable(RegistryError):
    """A part of the deployment (database, storage, tracking server) does not answer. Retry later; operators: look there."""

    code, status = "TEMPORARILY_UNAVAILABLE", 503


class PortInUse(Unavailable):
    """Another program listens where this server should."""


class NotSent(Unavailable):
    """The call never left this server, so storage has done nothing of it. Retry in a few seconds."""
