"""How a failure looks to clients of open-source Unity Catalog: its `details`, under error codes that MLflow reads."""

from modelkeep.api.errors import harmless
from modelkeep.api.unity_catalog.answers import ErrorInfo, OssError
from modelkeep.domain import errors
from modelkeep.domain.errors import RegistryError

_REASONS: tuple[tuple[type[RegistryError], str], ...] = (
    (errors.NotFound, "NOT_FOUND"),
    (errors.NoSuchEndpoint, "UNIMPLEMENTED"),
    (errors.AlreadyExists, "ALREADY_EXISTS"),
    (errors.WrongState, "FAILED_PRECONDITION"),
    (errors.Conflict, "ABORTED"),
    (errors.InvalidArgument, "INVALID_ARGUMENT"),
    (errors.Unauthenticated, "UNAUTHENTICATED"),
    (errors.PermissionDenied, "PERMISSION_DENIED"),
    (errors.Throttled, "RESOURCE_EXHAUSTED"),
    (errors.Unavailable, "UNAVAILABLE"),
)
_ERROR_INFO = "type.googleapis.com/google.rpc.ErrorInfo"
_OF_ITS_OWN = ("CATALOG", "SCHEMA", "TABLE")


def oss(error: RegistryError) -> tuple[int, OssError]:
    """`error_code` is MLflow's word, which its `uc:` client knows; open-source Unity Catalog's own is in `details`."""
    reason = next((word for kind, word in _REASONS if isinstance(error, kind)), "INTERNAL")
    message = error.message
    if reason == "NOT_FOUND":
        message = f"NOT_FOUND: {message}"  # clients look for the word in the text of the exception
        if error.kind in _OF_ITS_OWN:
            reason = f"{error.kind}_NOT_FOUND"
    detail: ErrorInfo = {"@type": _ERROR_INFO, "reason": reason, "domain": "unitycatalog", "metadata": {}}
    return error.status, {"error_code": error.code, "message": harmless(message), "details": [detail]}
