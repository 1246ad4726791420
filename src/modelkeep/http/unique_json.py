"""JSON objects without duplicate keys at any depth: two readers of such a body could see two requests.

One reader for all routes. A dialect whose clients know other sentences hands in its own.
"""

import json
import re
from typing import Any, cast

import msgspec

from modelkeep.domain.errors import InvalidArgument
from modelkeep.domain.unique_keys import DuplicateKey, unique_keys


class Sentences(msgspec.Struct, frozen=True):
    """The refusals of a body that is no JSON object, or has a key twice."""

    not_json: str
    not_an_object: str
    duplicate: str
    """with `{key}`"""
    not_a_number: str
    """with `{name}`: NaN, Infinity or -Infinity"""


_SENTENCES = Sentences(
    not_json="The request body is not JSON. Send one JSON object in UTF-8.",
    not_an_object="The request body is not a JSON object.",
    duplicate="Field '{key}' is given twice in the request body.",
    not_a_number="{name} is not JSON. Send it as a string.",
)


def json_object(body: bytes, content_type: str) -> dict[str, Any]:
    """The body of a JSON route. Raises InvalidArgument."""
    # A browser can post these across sites without asking first, so no JSON route takes them.
    if content_type.partition(";")[0].strip().lower() in _FORM_TYPES:
        raise InvalidArgument("Send the body as JSON, with `Content-Type: application/json`.")
    return parse_json_object(body)


_FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data", "text/plain")


def parse_json_object(body: bytes) -> dict[str, Any]:
    """A JSON object without duplicate keys at any depth, whose texts are Unicode without NUL. Raises InvalidArgument."""
    value = _read(body, _SENTENCES)
    if b"\\u" in body:
        try:
            json.dumps(value, ensure_ascii=False).encode()  # an escaped lone surrogate is no text
        except (ValueError, RecursionError) as error:
            raise InvalidArgument(_SENTENCES.not_json) from error
    document = _object(value, _SENTENCES)
    if b"\\u0000" in body and _NUL.search(body):
        raise InvalidArgument("The request body has a NUL character (\\u0000), which no field may hold.")
    return document


_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
"""An escaped NUL, and not an escaped backslash before the same letters (JSON text inside a field)."""


def read_object(body: bytes, sentences: Sentences) -> dict[str, Any]:
    """A JSON object without duplicate keys at any depth; the caller looks at its texts. Raises InvalidArgument."""
    return _object(_read(body, sentences), sentences)


def _read(body: bytes, sentences: Sentences) -> Any:
    try:
        return json.loads(body.decode(), object_pairs_hook=unique_keys, parse_constant=_no_constant)
    except DuplicateKey as error:
        raise InvalidArgument(sentences.duplicate.format(key=error.key[:100])) from error
    except _NotANumber as error:
        raise InvalidArgument(sentences.not_a_number.format(name=error)) from error
    except (ValueError, RecursionError) as error:
        raise InvalidArgument(sentences.not_json) from error


def _object(value: Any, sentences: Sentences) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidArgument(sentences.not_an_object)
    return cast("dict[str, Any]", value)


class _NotANumber(ValueError):
    """NaN, Infinity or -Infinity, which Python's reader takes and JSON does not have."""


def _no_constant(name: str) -> Any:
    raise _NotANumber(name)
