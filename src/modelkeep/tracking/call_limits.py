"""How much one tracking call may ask for: texts of searches, sizes of pages, numbers of ids, bytes of a body."""

from typing import Any, cast

from modelkeep.domain.errors import InvalidArgument
from modelkeep.limits import (
    JSON_BYTES,
    TRACKING_EXPERIMENTS,
    TRACKING_IDS,
    TRACKING_INPUTS_BODY_BYTES,
    TRACKING_LOG_BODY_BYTES,
    TRACKING_PAGE_ROWS,
    TRACKING_QUERY_CHARS,
    TRACKING_RUNS,
    TRACKING_SEARCH_CHARS,
)
from modelkeep.tracking.route_rules import TrackedKind, TrackingRoute

MOST_IDS = {
    TrackedKind.EXPERIMENT: TRACKING_EXPERIMENTS,
    TrackedKind.TRACE: TRACKING_IDS,
    TrackedKind.RUN: TRACKING_RUNS,
    TrackedKind.LOGGED_MODEL: TRACKING_RUNS,
}
"""Ids of one kind in one call."""
_SEARCHING = (
    "/search",
    "/search-datasets",
    "/traces/metrics",
    "/calculate-filter-correlation",
    "/batchGetInfos",
    "/graphql",
)
_LOGGING = (
    "/experiments/create",
    "/runs/create",
    "/runs/log-batch",
    "/runs/log-model",
    "/runs/outputs",
    "/logged-models",
    "/params",
    "/traces",
    "/traces/{request_id}",
    "/assessments",
    "/assessments/{assessment_id}",
    "/artifacts/credentials-for-read",
    "/artifacts/credentials-for-write",
    "/artifacts/credentials-for-upload",
    "/artifacts/credentials-for-download",
)
# Lists of ids have bounds of their own.
_ID_LISTS = {
    "experiment_ids": TRACKING_EXPERIMENTS,
    "locations": TRACKING_EXPERIMENTS,
    "trace_ids": TRACKING_IDS,
    "request_ids": TRACKING_IDS,
    "run_ids": TRACKING_RUNS,
    "run_id": TRACKING_RUNS,
}
_QUERY = "query"  # of GraphQL
_MLFLOWS_OWN_PAGE = 50_000  # mlflow/store/tracking/__init__.py, SEARCH_MAX_RESULTS_THRESHOLD: above it MLflow refuses


def searches(route: TrackingRoute) -> bool:
    """Does this route read much at the caller's word?"""
    return (
        route.path.endswith(_SEARCHING)
        or (route.method == "GET" and "get-history" in route.path)
        or (route.method == "GET" and route.path.endswith("/traces"))
    )


def body_bytes(route: TrackingRoute) -> int:
    """The largest body that this route takes."""
    if route.handler == "log_inputs":
        return TRACKING_INPUTS_BODY_BYTES
    return TRACKING_LOG_BODY_BYTES if route.path.endswith(_LOGGING) else JSON_BYTES


def check(route: TrackingRoute, fields: dict[str, Any]) -> None:
    """Refuse a call that asks for too much; cut a page that is too long. Raises InvalidArgument."""
    for name, most in _ID_LISTS.items():
        value = fields.get(name)
        if isinstance(value, list) and len(cast(list[Any], value)) > most:
            raise too_many(name, len(cast(list[Any], value)), most)
    if not searches(route):
        return
    query = fields.get(_QUERY)
    if isinstance(query, str) and len(query) > TRACKING_QUERY_CHARS:
        raise InvalidArgument(f"The query has {len(query)} characters; at most {TRACKING_QUERY_CHARS} are taken.")
    length = sum(_characters(value) for name, value in fields.items() if name not in _ID_LISTS and name != _QUERY)
    if length > TRACKING_SEARCH_CHARS:
        raise InvalidArgument(
            f"The filter and order of this search have {length} characters; at most {TRACKING_SEARCH_CHARS} are taken."
        )
    _cut_page(fields)


def too_many(field: str, count: int, most: int) -> InvalidArgument:
    """The refusal of a call with too many ids."""
    return InvalidArgument(f"Field '{field}' names {count}; at most {most} are taken at once. Send several calls.")


def _characters(value: Any) -> int:
    if isinstance(value, str):
        return len(value)
    if isinstance(value, list):
        return sum(_characters(item) + 1 for item in cast(list[Any], value))
    if isinstance(value, dict):
        return sum(len(key) + _characters(item) for key, item in cast(dict[str, Any], value).items())
    return 1


def _cut_page(fields: dict[str, Any]) -> None:
    value = fields.get("max_results")
    try:
        size = int(value) if isinstance(value, int | str) else 0
    except ValueError:
        return
    if TRACKING_PAGE_ROWS < size <= _MLFLOWS_OWN_PAGE:
        fields["max_results"] = TRACKING_PAGE_ROWS
