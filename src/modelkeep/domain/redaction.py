"""What the audit log keeps of a request: everything that says who did what, in bounded space, and no secret."""

from collections.abc import Mapping
from functools import cache
from typing import Any, cast, get_args

import msgspec

from modelkeep import limits
from modelkeep.domain.names import FullName


class Secret(str):
    """The type of a request's field that holds a credential. It is left out of the audit log, whatever the field is called."""

    __slots__ = ()


def request_json(request: msgspec.Struct) -> str:
    """The request as JSON, in `limits.AUDIT_REQUEST_BYTES` at most. Secrets and bytes are left out, long texts are cut and say so."""
    fields = {name: str(value) if isinstance(value, FullName) else value for name, value in _fields(request).items()}
    if holds_secrets(type(request)):
        return _bounded(fields, limits.AUDIT_REQUEST_BYTES, limits.AUDIT_TEXT_CHARS)
    return _at_once(fields, limits.AUDIT_TEXT_CHARS) or _bounded(
        fields, limits.AUDIT_REQUEST_BYTES, limits.AUDIT_TEXT_CHARS
    )


def changes_json(changes: Mapping[str, tuple[Any, Any]]) -> str:
    """{field: [old, new]} as JSON, in `limits.AUDIT_CHANGES_BYTES` at most."""
    fields = dict(changes)
    return _at_once(fields, limits.AUDIT_CHANGE_CHARS) or _bounded(
        fields, limits.AUDIT_CHANGES_BYTES, limits.AUDIT_CHANGE_CHARS
    )


def short(text: str, chars: int) -> str:
    """The text, or its beginning with a mark that says how long it was."""
    return text if len(text) <= chars else f"{text[:chars]}... ({len(text)} characters)"


def _at_once(value: dict[str, Any], most: int) -> str:
    """The whole as JSON where it is so short that nothing in it can be too long; else ''."""
    text = msgspec.json.encode(value, enc_hook=str)
    return text.decode() if len(text) <= most else ""


@cache
def holds_secrets(kind: Any) -> bool:
    """May a value of this type hold a Secret or bytes, at any depth?"""
    if isinstance(kind, type) and issubclass(kind, (Secret, bytes)):
        return True
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return any(holds_secrets(field.type) for field in msgspec.structs.fields(kind))
    return any(holds_secrets(part) for part in get_args(kind))


def _bounded(value: dict[str, Any], most_bytes: int, chars: int) -> str:
    """Texts are cut shorter, and lists too, until all of it fits."""
    items = limits.AUDIT_LIST_ITEMS
    while True:
        text = msgspec.json.encode(_printed(value, chars, items), enc_hook=str)
        if len(text) <= most_bytes:
            return text.decode()
        if chars <= 1 and items <= 1:
            names = [short(name, 50) for name in value][: limits.AUDIT_LIST_ITEMS]
            return msgspec.json.encode({"truncated": f"{len(text)} bytes", "fields": names}).decode()
        chars, items = max(chars // 2, 1), max(items // 2, 1)


def _fields(struct: msgspec.Struct) -> dict[str, Any]:
    values = {name: getattr(struct, name) for name in struct.__struct_fields__}
    return {
        name: value for name, value in values.items() if value is not None and not isinstance(value, (Secret, bytes))
    }


def _printed(value: Any, chars: int, items: int) -> Any:
    """As JSON values, with each text and each list cut."""
    if isinstance(value, str):
        return short(value, chars)
    if isinstance(value, msgspec.Struct):
        return {name: _printed(part, chars, items) for name, part in _fields(value).items()}
    if isinstance(value, Mapping):
        pairs = cast("Mapping[Any, Any]", value)
        parts = {short(str(key), chars): _printed(part, chars, items) for key, part in list(pairs.items())[:items]}
        return parts | ({"...": f"{len(pairs)} in all"} if len(pairs) > items else {})
    if isinstance(value, (list, tuple, set, frozenset)):
        every = list(cast("Any", value))
        printed = [_printed(part, chars, items) for part in every[:items] if not isinstance(part, (Secret, bytes))]
        return printed + ([f"... ({len(every)} in all)"] if len(every) > items else [])
    return value
