"""What an MLmodel file must be before a version is READY: YAML as MLflow writes it, with a signature of inputs and outputs.

MLflow writes what PyYAML's safe dumper does: an object that stands in two places is an alias, sets, bytes and dates have tags.
Nothing in it has a type here but what JSON itself spells: YAML's own numbers, dates and sets are text, and no tag builds
anything. So the work is linear in the file's bytes, whatever is in them. Who loads the model walks it, though: what aliases
make larger than `MLMODEL_VISITED_NODES` is refused.
"""

import json
import math
from collections.abc import Iterator
from typing import Any, cast

import msgspec
import yaml

from modelkeep.domain.errors import InvalidArgument
from modelkeep.limits import (
    LINEAGE_EDGES_PER_CALL,
    MLMODEL_BYTES,
    MLMODEL_DEPTH,
    MLMODEL_DIRECTIVES,
    MLMODEL_NODES,
    MLMODEL_VISITED_NODES,
    RESOURCE_NAME_CHARACTERS,
    SIGNATURE_CHARS,
)

_PARSER: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_CHARACTERS_OF_NODE = 32
"""A text counts as one node more for each of so many characters"""
_JSON_WORD = 32
"""Characters of the longest plain word that may be one of JSON's (true, null, a number)"""


class Signature(msgspec.Struct, frozen=True):
    """Each is the JSON text of an MLflow schema, or '' where the model has none."""

    inputs: str = ""
    outputs: str = ""
    params: str = ""


class Resource(msgspec.Struct, frozen=True):
    """A thing of Databricks that the model needs, as `log_model(resources=...)` names it."""

    type: str
    """table, function, vector_search_index, ... (mlflow/models/resources.py, ResourceType)"""
    name: str


class ModelFile(msgspec.Struct, frozen=True):
    """What is kept of an MLmodel file."""

    signature: Signature = Signature()
    resources: tuple[Resource, ...] = ()


class LongSignature(Signature, frozen=True):
    """The first columns of one that is too long to be kept with the version; the MLmodel file has all."""

    left_out: dict[str, int] = {}
    """How many columns or parameters are left out of `inputs`, `outputs` and `params`"""


def check_size(size: int) -> None:
    """`size`: bytes of an MLmodel file. Raises InvalidArgument for one that is too large to be read."""
    if size > MLMODEL_BYTES:
        raise InvalidArgument(
            f"The MLmodel file has {size} bytes; at most {MLMODEL_BYTES} are read. Log the model again."
        )


def read_mlmodel(data: bytes) -> ModelFile:
    """Raises InvalidArgument for anything that is not an MLmodel file."""
    check_size(len(data))
    try:
        content = _read(data)
    except _Multiplied as error:
        raise InvalidArgument(
            f"The MLmodel file cannot be read, for {error}. Log the model again, without them."
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise InvalidArgument(
            f"The MLmodel file is not plain YAML ({str(error)[:200]}). Log the model again."
        ) from error
    if not isinstance(content, dict) or "flavors" not in content:
        raise InvalidArgument(
            "The MLmodel file does not describe an MLflow model (no `flavors`). Log the model with MLflow."
        )
    fields = cast("dict[str, Any]", content)
    return ModelFile(_signature(fields.get("signature")), _resources(fields))


def _signature(signature: Any) -> Signature:
    if not isinstance(signature, dict):
        return Signature()
    schemas = {part: _schema(cast("dict[str, Any]", signature), part) for part in ("inputs", "outputs", "params")}
    texts = {part: text for part, (text, _) in schemas.items()}
    left_out = {part: count for part, (_, count) in schemas.items() if count}
    return LongSignature(**texts, left_out=left_out) if left_out else Signature(**texts)


def _resources(model: dict[str, Any]) -> tuple[Resource, ...]:
    """The resources that the model's system identity uses, in the words of MLflow's own client
    (mlflow/store/_unity_catalog/registry/rest_store.py, `get_model_version_dependencies`): those of the auth policy, where
    there is one, and never one on behalf of the user. What cannot be read is left out, and so is what is beyond the limit."""
    policy = model.get("auth_policy")
    declared = _object(_object(policy).get("system_auth_policy")).get("resources") if policy else model.get("resources")
    resources: dict[Resource, None] = {}
    for kind, entries in _object(_object(declared).get("databricks")).items():
        for entry in cast("list[Any]", entries) if isinstance(entries, list) else ():
            name = _object(entry).get("name")
            if len(resources) == LINEAGE_EDGES_PER_CALL:
                return tuple(resources)
            if isinstance(name, str) and _is_name(name) and not _object(entry).get("on_behalf_of_user"):
                resources[Resource(kind, name)] = None
    return tuple(resources)


def _object(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _is_name(text: str) -> bool:
    """No control character, no half of a surrogate pair, and no longer than a name of three levels can be."""
    return 0 < len(text) <= RESOURCE_NAME_CHARACTERS and text.isprintable()


def _read(data: bytes) -> Any:
    """The one document's content. Raises ValueError for what is too deep or too large, yaml.YAMLError."""
    if data.count(b"%TAG") > MLMODEL_DIRECTIVES:  # libyaml compares each with all before it
        raise ValueError(f"it has more than {MLMODEL_DIRECTIVES} YAML directives")
    events = cast("Iterator[Any]", yaml.parse(data, Loader=_PARSER))  # pyright: ignore[reportUnknownMemberType] - untyped
    builder = _Builder()
    for event in events:
        builder.take(event)
    return builder.content


class _Collection:
    """A mapping or sequence that has begun."""

    __slots__ = ("anchor", "key", "node", "visited")

    def __init__(self, node: Any, anchor: str | None) -> None:
        self.node, self.anchor = node, anchor
        self.key: str | None = None
        """Of a mapping: waits for its value"""
        self.visited = 1
        """Nodes that somebody meets who walks it, each alias anew"""

    def expects_key(self) -> bool:
        return isinstance(self.node, dict) and self.key is None

    def put(self, node: Any) -> None:
        collection = self.node
        if isinstance(collection, list):
            cast("list[Any]", collection).append(node)
        elif self.key is not None:
            collection[self.key], self.key = node, None
        else:  # a collection as a key is nothing that anybody looks up
            self.key = node if isinstance(node, str) else "?"


class _Builder:
    """Makes dicts, lists and text of YAML events. An alias is the very object that its anchor names."""

    def __init__(self) -> None:
        self.content: Any = None
        self._documents = self._nodes = 0
        self._anchors: dict[str, tuple[Any, int]] = {}
        """The node of each anchor, and how many nodes somebody visits who walks it; 0 while it has not ended"""
        self._open: list[_Collection] = []

    def take(self, event: Any) -> None:
        """Reads the next event of the YAML parser. Raises ValueError."""
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise ValueError("it holds more than one document")
        elif isinstance(event, yaml.CollectionEndEvent):
            ended = self._open.pop()
            if ended.anchor:
                self._anchors[ended.anchor] = (ended.node, ended.visited)
            self._visit(ended.visited)
        elif isinstance(event, yaml.AliasEvent):
            self._alias(str(event.anchor))
        elif isinstance(event, yaml.NodeEvent):
            self._node(event)

    def _alias(self, anchor: str) -> None:
        if anchor not in self._anchors:
            raise ValueError(f"its alias '{anchor[:40]}' names nothing")
        node, visited = self._anchors[anchor]
        if not visited:
            raise _Multiplied("an object in it holds itself")
        self._put(node)
        self._visit(visited)

    def _node(self, event: Any) -> None:
        node: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
        visited = 0
        if isinstance(event, yaml.ScalarEvent):
            node = event.value if self._open and self._open[-1].expects_key() else _scalar(event)
            visited = 1 + len(event.value) // _CHARACTERS_OF_NODE
            self._visit(visited)
        if event.anchor:
            self._anchors[event.anchor] = (node, visited)
        self._put(node)
        if isinstance(event, yaml.CollectionStartEvent):
            self._open.append(_Collection(node, event.anchor))
            if len(self._open) > MLMODEL_DEPTH:
                raise ValueError("it is nested too deeply")

    def _put(self, node: Any) -> None:
        self._nodes += 1
        if self._nodes > MLMODEL_NODES:
            raise ValueError("it is too large")
        if self._open:
            self._open[-1].put(node)
        else:
            self.content = node

    def _visit(self, nodes: int) -> None:
        if not self._open:
            return
        self._open[-1].visited += nodes
        if self._open[-1].visited > MLMODEL_VISITED_NODES:
            raise _Multiplied(f"its aliases repeat each other: it stands for more than {MLMODEL_VISITED_NODES} values")


class _Multiplied(ValueError):
    """YAML that is small, and stands for something that is not."""


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


def _schema(signature: dict[str, Any], part: str) -> tuple[str, int]:
    """The JSON text of a schema ('' where it has no columns), and how many columns are left out. Raises InvalidArgument."""
    value = signature.get(part)
    if value is None:
        return "", 0
    try:
        parsed, text = _parsed(value if isinstance(value, str) else msgspec.json.encode(value).decode())
    except (msgspec.DecodeError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise InvalidArgument(
            f"The signature's {part} in the MLmodel file are not JSON. Log the model again."
        ) from error
    if len(text) > SIGNATURE_CHARS:
        return _first_columns(parsed)
    return text if parsed else "", 0


def _first_columns(schema: Any) -> tuple[str, int]:
    columns = cast("list[Any]", schema) if isinstance(schema, list) else [schema]
    first, characters = list[str](), 0
    for column in columns:
        first.append(msgspec.json.encode(column).decode())
        characters += len(first[-1]) + 1
        if characters > SIGNATURE_CHARS:
            first.pop()
            break
    return f"[{','.join(first)}]", len(columns) - len(first)


def _parsed(text: str) -> tuple[Any, str]:
    """What JSON says, and the JSON text. Python's NaN and infinity, which MLflow writes for a parameter's default and which no
    other reader knows, become text. Raises ValueError, RecursionError."""
    try:
        return msgspec.json.decode(text), text
    except msgspec.DecodeError:
        parsed = json.loads(text, parse_constant=str, parse_float=_finite)
        return parsed, json.dumps(parsed, ensure_ascii=False)


def _finite(text: str) -> float | str:
    number = float(text)
    return number if math.isfinite(number) else text


def require_signature(signature: Signature) -> None:
    """Inputs and outputs both ("ML model versions in UC must have a model signature"). A model that takes parameters alone has
    no inputs, and MLflow's client lets it pass. Raises InvalidArgument."""
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
    if not signature.inputs and not signature.params:
        raise InvalidArgument(
            "The model's signature includes only outputs, and models in Unity Catalog need inputs too. "
            "Log it with `input_example=` or a full `signature=`, then register it again."
        )
