"""How a failure looks to MLflow and Databricks clients: `{"error_code", "message"}` and a status that they do not retry.

Only 400, 401, 403, 404, 409, 429 and 503 leave this server on purpose: clients retry 405, 413, 422 and 500 for minutes.
"""

from typing import Any

from modelkeep.core.errors import AlreadyExists, FileNotFound, NotEmpty, NotFound, RegistryError

_KINDS = ("CATALOG", "SCHEMA", "METASTORE")  # kinds with codes of their own (mlflow/protos/databricks.proto, ErrorCode)


def databricks(error: RegistryError) -> tuple[int, dict[str, Any]]:
    """For the Databricks faces: legacy Unity Catalog, native Unity Catalog, Files API, tracking."""
    code = error.code
    if error.kind in _KINDS and not isinstance(error, FileNotFound):
        if isinstance(error, NotFound):
            code = f"{error.kind}_DOES_NOT_EXIST"
        elif isinstance(error, AlreadyExists):
            code = f"{error.kind}_ALREADY_EXISTS"
        elif isinstance(error, NotEmpty):
            code = f"{error.kind}_NOT_EMPTY"
    return error.status, {"error_code": code, "message": error.message}
