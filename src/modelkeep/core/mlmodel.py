"""What an MLmodel file must be before a version is READY: small YAML with a signature of inputs and outputs.

Nothing in it has a type but what JSON itself spells: YAML's own numbers, dates and sets are text, and no tag builds anything.
So the work is linear in the file's bytes, whatever is in them.
"""

import asyncio
from collections.abc import Iterator
from typing import Any, cast

import msgspec
import yaml

from modelkeep.core.errors import InvalidArgument, Throttled
from modelkeep.core.pace import in_parser
from modelkeep.limits import (
    MLMODEL_BYTES,
    MLMODEL_DEPTH,
    MLMODEL_DIRECTIVES,
    MLMODEL_NODES,
    MLMODEL_S,
)

_PARSER: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_JSON_WORD = 32
"""Characters of the longest plain word that may be one of JSON's (true, null, a number)"""


class Signature(msgspec.Struct, frozen=True):
    """Each is the JSON text of an MLflow schema, or '' where the model has none."""

    inputs: str = ""
    outputs: str = ""
    params: str = ""


async def read_signature(data: bytes) -> Signature:
    """As `read_mlmodel`, off the event loop. Raises InvalidArgument; Throttled where too many wait to be read."""
    try:
        async with asyncio.timeout(MLMODEL_S):
            return await in_parser(read_mlmodel, data)
    except TimeoutError as error:
        raise Throttled(
            f"The MLmodel file could not be read within {MLMODEL_S:.0f} seconds. Finalize again in a moment."
        ) from error


def read_mlmodel(data: bytes) -> Signature:
    """The signature of an MLmodel file. Raises InvalidArgument for anything that is not one."""
    if len(data) > MLMODEL_BYTES:
        raise InvalidArgument(
            f"The MLmodel file has {len(data)} bytes; at most {MLMODEL_BYTES} are read. Log the model again."
        )
    try:
        content = _read(data)
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise InvalidArgument(
            f"The MLmodel file is not plain YAML ({str(error)[:200]}). Log the model again."
        ) from error
    if not isinstance(content, dict) or "flavors" not in content:
        raise InvalidArgument(
            "The MLmodel file does not describe an MLflow model (no `flavors`). Log the model with MLflow."
        )
    signature = cast("dict[str, Any]", content).get("signature")
    if not isinstance(signature, dict):
        return Signature()
    parts = cast("dict[str, Any]", signature)
    return Signature(*(_schema(parts, part) for part in ("inputs", "outputs", "params")))


def _read(data: bytes) -> Any:
    """The one document's content. Raises ValueError for what is too deep or too large, yaml.YAMLError."""
    if data.count(b"%TAG") > MLMODEL_DIRECTIVES:  # libyaml compares each with all before it
        raise ValueError(f"it has more than {MLMODEL_DIRECTIVES} YAML directives")
    events = cast("Iterator[Any]", yaml.parse(data, Loader=_PARSER))  # pyright: ignore[reportUnknownMemberType] - untyped
    builder = _Builder()
    for event in events:
        builder.take(event)
    return builder.content


class _Builder:
    """Makes dicts, lists and text of YAML events. An alias is the very object that its anchor names."""

    def __init__(self) -> None:
        self.content: Any = None
        self._documents = self._nodes = 0
        self._anchors: dict[str, Any] = {}
        self._open: list[tuple[Any, list[Any]]] = []
        """The collections that have begun, each with the keys that wait for their values"""

    def take(self, event: Any) -> None:
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise ValueError("it holds more than one document")
        elif isinstance(event, yaml.CollectionEndEvent):
            self._open.pop()
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                raise ValueError(f"its alias '{str(event.anchor)[:40]}' names nothing")
            self._put(self._anchors[event.anchor])
        elif isinstance(event, yaml.NodeEvent):
            self._node(event)

    def _node(self, event: Any) -> None:
        node: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
        if isinstance(event, yaml.ScalarEvent):
            node = event.value if self._expects_key() else _scalar(event)
        if event.anchor:
            self._anchors[event.anchor] = node
        self._put(node)
        if isinstance(event, yaml.CollectionStartEvent):
            self._open.append((node, []))
            if len(self._open) > MLMODEL_DEPTH:
                raise ValueError("it is nested too deeply")

    def _put(self, node: Any) -> None:
        self._nodes += 1
        if self._nodes > MLMODEL_NODES:
            raise ValueError("it is too large")
        if not self._open:
            self.content = node
            return
        collection, keys = self._open[-1]
        if isinstance(collection, list):
            cast("list[Any]", collection).append(node)
        elif keys:
            collection[keys.pop()] = node
        else:
            keys.append(
                node if isinstance(node, str) else "?"
            )  # a collection as a key is nothing that anybody looks up

    def _expects_key(self) -> bool:
        return bool(self._open) and isinstance(self._open[-1][0], dict) and not self._open[-1][1]


def _is_plain(node: Any) -> bool:
    return node is None or isinstance(node, bool | int | float)


def _scalar(event: Any) -> Any:
    """Text; of an unquoted word what JSON means by it."""
    text: str = event.value
    if event.style or len(text) > _JSON_WORD:
        return text
    if text in ("", "~"):
        return None
    try:
        word = msgspec.json.decode(text)
    except (msgspec.DecodeError, ValueError):
        return text
    return word if _is_plain(word) else text


def _schema(signature: dict[str, Any], part: str) -> str:
    value = signature.get(part)
    if value is None:
        return ""
    try:
        text = value if isinstance(value, str) else _json(value)
        parsed = msgspec.json.decode(text)
    except (msgspec.DecodeError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise InvalidArgument(
            f"The signature's {part} in the MLmodel file are not JSON. Log the model again."
        ) from error
    return text if parsed else ""


def _json(value: Any) -> str:
    """Raises ValueError where aliases make it larger than a whole file may be."""
    nodes = 0

    def count(node: Any, depth: int) -> None:
        nonlocal nodes
        nodes += 1
        if nodes > MLMODEL_NODES or depth > MLMODEL_DEPTH:
            raise ValueError("its aliases make it too large")
        if isinstance(node, dict | list):
            for child in cast("Any", node.values() if isinstance(node, dict) else node):
                count(child, depth + 1)

    count(value, 0)
    text = msgspec.json.encode(value).decode()
    if len(text) > MLMODEL_BYTES:
        raise ValueError("its aliases make it too large")
    return text


def require_signature(signature: Signature) -> None:
    """Inputs and outputs both ("ML model versions in UC must have a model signature"). Raises InvalidArgument."""
    if not signature.inputs and not signature.outputs:
        raise InvalidArgument(
            "The model has no signature, and models in Unity Catalog need one with inputs and outputs. "
            "Log it with `input_example=` or `signature=`, then register it again."
        )
    if not signature.outputs:
        raise InvalidArgument(
            "The model's signature includes only inputs, and models in Unity Catalog need outputs too. "
            "Log it with `input_example=` or a full `signature=`, then register it again."
        )
    if not signature.inputs:
        raise InvalidArgument(
            "The model's signature includes only outputs, and models in Unity Catalog need inputs too. "
            "Log it with `input_example=` or a full `signature=`, then register it again."
        )
