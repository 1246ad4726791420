"""How a failure looks to MLflow and Databricks clients: `{"error_code", "message"}` and a status that they do not retry.

MLflow up to 3.0 retries by the code, not the status: one that its table (mlflow/exceptions.py, ERROR_CODE_TO_HTTP_STATUS) lacks
counts as 500, CATALOG_DOES_NOT_EXIST and RESOURCE_LIMIT_EXCEEDED among them. So what MLflow can meet has a code of that table.

Only 400, 401, 403, 404, 409, 429 and 503 leave this server on purpose: clients retry 405, 413, 422 and 500 for minutes.
"""

from typing import TypedDict

from modelkeep.domain.errors import AlreadyExists, Conflict, NotEmpty, NotFound, RegistryError
from modelkeep.domain.kinds import RULES, Kind

# databricks-sdk repeats a call for minutes when these words are in a message, whatever its status (_base_client.py,
# _is_retryable); a message quotes names that callers chose.
RETRIED_WORDS = (
    "UnknownWorkerEnvironmentException",
    "does not have any associated worker environments",
    "There is no worker environment",
    "Unknown worker environment",
    "ClusterNotReadyException",
    "Unexpected error",
    "Please try again later",
    "RPC token bucket limit",
)
_MAX_MESSAGE = 2_000  # characters
_KINDS = ("CATALOG", "SCHEMA", "METASTORE")  # with codes of their own, on routes that only databricks-sdk calls


class Error(TypedDict):
    """A refusal: a code, and one sentence that says what to do."""

    error_code: str
    message: str


def databricks(error: RegistryError) -> tuple[int, Error]:
    """For Databricks' dialects: legacy Unity Catalog, native Unity Catalog, Files API, tracking."""
    code = error.code
    if error.kind in _KINDS:
        if isinstance(error, AlreadyExists):
            code = f"{error.kind}_ALREADY_EXISTS"
        elif isinstance(error, NotEmpty):
            code = f"{error.kind}_NOT_EMPTY"
    return error.status, {"error_code": code, "message": harmless(error.message)}


def plain(error: RegistryError) -> tuple[int, Error]:
    """For plain MLflow clients: MLflow's own server answers 400 where something exists already or changed meanwhile, has one
    word for all that is missing, and knows no routines."""
    code = NotFound.code if isinstance(error, NotFound) else error.code
    status = 400 if isinstance(error, Conflict) else error.status
    message = error.message.replace(RULES[Kind.MODEL].label, "Registered Model")
    return status, {"error_code": code, "message": harmless(message)}


def harmless(message: str) -> str:
    """The message cut to a length to read, without words that make clients try again, and without lone surrogates."""
    if len(message) > _MAX_MESSAGE:
        message = f"{message[:_MAX_MESSAGE]}..."
    for words in RETRIED_WORDS:
        if words in message:
            message = message.replace(words, words.replace(words[0], f"{words[0]}\u200b", 1))
    return message.encode("utf-8", "backslashreplace").decode()
