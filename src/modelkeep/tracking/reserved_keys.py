"""Keys of tags, metadata and parameters that only the server may write. Every call passes here once, right after parsing.

MLflow keeps some of what its server acts on in ordinary tags. Read in MLflow 3.17.2:

- `mlflow.trace.spansLocation`, `mlflow.trace.archiveLocation`, `mlflow.artifactLocation`: where a trace's spans lie. Reading
  a trace opens that location, deleting it removes the directory (store/tracking/sqlalchemy_store.py,
  `_delete_archived_trace_payloads`). `PATCH traces/{request_id}` stores them unchecked.
- `mlflow.trace.archivalFailure`, and on experiments `mlflow.trace.archivalRetention` and `mlflow.trace.archiveNow`: what the
  archiver moves to other storage.
- `mlflow.user`: the author in MLflow's UI. `mlflow.auth.*` and `mlflow.gateway.*`: whom the server authenticated.
- `mlflow.experiment.isGateway`: an experiment that belongs to the gateway.

Metadata such as `mlflow.trace.session` and `mlflow.trace.tokenUsage` is the client's own. MLflow compares keys exactly; here
other cases and Unicode forms of a reserved key count as the key, so that no database's collation matters.
"""

import unicodedata
from typing import Any, cast

from modelkeep.domain.errors import InvalidArgument
from modelkeep.tracking.route_rules import TrackingRoute

USER_TAG = "mlflow.user"
_PREFIXES = ("modelkeep.", "mlflow.auth.", "mlflow.gateway.", "mlflow.trace.archiv")
_LOCATION = "location"
_KEYS = frozenset({USER_TAG, "mlflow.experiment.isgateway"})
# Calls that make a run, logged model or trace: the only ones that set its author.
_CREATES = frozenset({"create_run", "create_logged_model", "start_trace", "start_trace_v2"})
_FREE_JSON = "value"  # of an assessment: a person's own JSON, in which MLflow looks for no key

Json = dict[str, Any]


def is_reserved(key: str) -> bool:
    """Is this key the server's to write? In any case, Unicode form and with blanks around it."""
    if "." not in key and key.isascii():
        return False
    folded = _fold(key)
    if folded in _KEYS or folded.startswith(_PREFIXES):
        return True
    return folded.startswith("mlflow.") and folded.endswith(_LOCATION)


def neutralize(route: TrackingRoute, fields: Json, caller: str) -> None:
    """Take reserved keys out of a call, in place.

    A new run, logged model or trace gets `caller` as the value of `mlflow.user`. Elsewhere a reserved key is dropped,
    since clients send many by themselves. Raises InvalidArgument where the call is about tags alone: the caller named
    the key, so a silent success would mislead."""
    if _sets_tags(route):
        for key in _explicit_keys(fields):
            if is_reserved(key):
                raise InvalidArgument(f"The server sets '{key[:100]}' itself. Choose another key.")
    _clean(fields, caller if route.handler in _CREATES else "")


def _fold(key: str) -> str:
    return unicodedata.normalize("NFKC", key).strip().casefold()


def _sets_tags(route: TrackingRoute) -> bool:
    return route.path.endswith(("/tags", "/tags/{tag_key}", "-tag", "/log-parameter"))


def _explicit_keys(fields: Json) -> list[str]:
    tags: Any = fields.get("tags")
    entries = cast(list[Any], tags) if isinstance(tags, list) else []
    keys: list[Any] = [cast(Json, entry).get("key") for entry in entries if isinstance(entry, dict)]
    if isinstance(tags, dict):
        keys += cast(Json, tags)
    return [key for key in (fields.get("key"), fields.get("tag_key"), *keys) if isinstance(key, str)]


def _clean(value: Any, author: str) -> None:
    """Walk maps and lists of {key, value}, wherever in the call they stand. `author`: '' drops `mlflow.user`."""
    if isinstance(value, dict):
        _clean_map(cast(Json, value), author)
    elif isinstance(value, list):
        _clean_list(cast(list[Any], value), author)


def _clean_map(items: Json, author: str) -> None:
    for key in [key for key in items if is_reserved(key)]:
        del items[key]
        if author and _fold(key) == USER_TAG:
            items[USER_TAG] = author
    for key, item in items.items():
        if key != _FREE_JSON:
            _clean(item, author)


def _clean_list(items: list[Any], author: str) -> None:
    cleaned: list[Any] = []
    has_author = False
    for item in items:
        key = cast(Json, item).get("key") if isinstance(item, dict) else None
        if isinstance(key, str) and is_reserved(key):
            has_author = has_author or _fold(key) == USER_TAG
        else:
            cleaned.append(item)
    if author and has_author:
        cleaned.append({"key": USER_TAG, "value": author})
    if len(cleaned) != len(items) or has_author:
        items[:] = cleaned
    for item in items:
        _clean(item, author)
