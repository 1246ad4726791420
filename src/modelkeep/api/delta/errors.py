"""How a failure looks to Delta's client, which chooses by `type` what it does next (api/delta.yaml of open-source Unity Catalog)."""

from typing import TypedDict

from modelkeep.api.errors import harmless
from modelkeep.domain import errors
from modelkeep.domain.errors import RegistryError
from modelkeep.domain.kinds import Kind

_TYPES: tuple[tuple[type[RegistryError], str], ...] = (
    (errors.NotFound, "NotFoundException"),
    (errors.NoSuchEndpoint, "NotImplementedException"),
    (errors.AlreadyExists, "AlreadyExistsException"),
    (errors.VersionConflict, "CommitVersionConflictException"),
    (errors.Conflict, "UpdateRequirementConflictException"),
    (errors.UnsupportedFormat, "UnsupportedTableFormatException"),
    (errors.InvalidArgument, "InvalidParameterValueException"),
    (errors.Unauthenticated, "NotAuthorizedException"),
    (errors.PermissionDenied, "PermissionDeniedException"),
    (errors.TooManyCommits, "ResourceExhaustedException"),
    (errors.Throttled, "TooManyRequestsException"),
)
_MISSING = {
    Kind.CATALOG: "NoSuchCatalogException",
    Kind.SCHEMA: "NoSuchSchemaException",
    Kind.TABLE: "NoSuchTableException",
}


class ErrorModel(TypedDict):
    message: str
    type: str
    code: int


class DeltaError(TypedDict):
    error: ErrorModel


def delta(error: RegistryError) -> tuple[int, DeltaError]:
    """`code` repeats the HTTP status. A missing route is no 404: Delta takes any 404 for "no such table", and goes on without it."""
    word = next((word for kind, word in _TYPES if isinstance(error, kind)), "InternalServerErrorException")
    if isinstance(error, errors.NotFound) and error.kind in _MISSING:
        word = _MISSING[Kind(error.kind)]
    status = 501 if isinstance(error, errors.NoSuchEndpoint) else error.status
    return status, {"error": {"message": harmless(error.message), "type": word, "code": status}}
