"""Other spellings of our addresses that clients use, each put into its one form before a route is looked for.

What an address means, and what it needs, is decided by the route that this form finds: a spelling has no rule of its own.
"""

_PREFIXES = (
    # Databricks' older name of MLflow's API (mlflow 1.x, runbooks): the same calls.
    ("/api/2.0/preview/mlflow/", "/api/2.0/mlflow/"),
    ("/ajax-api/2.0/preview/mlflow/", "/ajax-api/2.0/mlflow/"),
    # The preview of Unity Catalog's API. MLflow still asks for tables by it, which is a route of its own.
    ("/api/2.0/unity-catalog/", "/api/2.1/unity-catalog/"),
)


def usual_head(path: str) -> str:
    """The path with one slash at its beginning and the current prefix: `$HOST/` + `/api/...` has two slashes."""
    if path.startswith("//"):
        path = "/" + path.lstrip("/")
    for prefix, current in _PREFIXES:
        if path.startswith(prefix):
            return current + path[len(prefix) :]
    return path


def usual_end(path: str) -> str:
    """The path without the one slash that may end it."""
    return path[:-1] if len(path) > 1 and path.endswith("/") else path
