"""JSON objects without duplicate keys at any depth: two readers of such a body could see two requests."""

import json
import re
from typing import Any, cast

from modelkeep.domain.errors import InvalidArgument


def json_object(body: bytes, content_type: str) -> dict[str, Any]:
    """The body of a JSON route. Raises InvalidArgument."""
    # A browser can post these across sites without asking first, so no JSON route takes them.
    if content_type.partition(";")[0].strip().lower() in _FORM_TYPES:
        raise InvalidArgument("Send the body as JSON, with `Content-Type: application/json`.")
    return parse_json_object(body)


_FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data", "text/plain")


def parse_json_object(body: bytes) -> dict[str, Any]:
    """A JSON object without duplicate keys at any depth. Raises InvalidArgument."""
    try:
        text = body.decode("utf-8")
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode("utf-8")  # an escaped lone surrogate is no text
    except InvalidArgument:
        raise
    except (ValueError, RecursionError) as error:
        raise InvalidArgument("The request body is not JSON. Send one JSON object in UTF-8.") from error
    if not isinstance(value, dict):
        raise InvalidArgument("The request body is not a JSON object.")
    if "\\u0000" in text and _NUL.search(text):
        raise InvalidArgument("The request body has a NUL character (\\u0000), which no field may hold.")
    return cast("dict[str, Any]", value)


_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
"""An escaped NUL, and not an escaped backslash before the same letters (JSON text inside a field)."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))
        raise InvalidArgument(f"Field '{twice[:100]}' is given twice in the request body.")
    return values


def _no_constant(name: str) -> Any:
    raise InvalidArgument(f"{name} is not JSON. Send it as a string.")
