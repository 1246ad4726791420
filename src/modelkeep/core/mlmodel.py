"""What an MLmodel file must be before a version is READY: small, plain YAML with a signature of inputs and outputs."""

from collections.abc import Iterator
from typing import Any, cast

import msgspec
import yaml

from modelkeep.core.errors import InvalidArgument

MAX_BYTES = 4 * 1024 * 1024
_MAX_DEPTH = 40
_MAX_EVENTS = 200_000
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Signature(msgspec.Struct, frozen=True):
    """Each is the JSON text of an MLflow schema, or '' where the model has none."""

    inputs: str = ""
    outputs: str = ""
    params: str = ""


def read_mlmodel(data: bytes) -> Signature:
    """The signature of an MLmodel file. Raises InvalidArgument for anything that is not one."""
    if len(data) > MAX_BYTES:
        raise InvalidArgument(
            f"The MLmodel file has {len(data)} bytes; at most {MAX_BYTES} are read. Log the model again."
        )
    try:
        _refuse_hostile(data)
        content = yaml.load(data, Loader=_LOADER)
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
    said = cast("dict[str, Any]", signature)
    return Signature(*(_schema(said, part) for part in ("inputs", "outputs", "params")))


def _refuse_hostile(data: bytes) -> None:
    """Aliases make small files explode, tags name types to build: MLflow writes neither."""
    depth = 0
    events = cast("Iterator[Any]", yaml.parse(data, Loader=_LOADER))  # pyright: ignore[reportUnknownMemberType] - untyped
    for count, event in enumerate(events):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise ValueError("it has YAML anchors or aliases, which MLflow never writes")
        if getattr(event, "tag", None):
            raise ValueError("it has YAML tags, which MLflow never writes")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _MAX_DEPTH or count > _MAX_EVENTS:
            raise ValueError("it is nested too deeply or too large")


def _schema(signature: dict[str, Any], part: str) -> str:
    value = signature.get(part)
    if value is None:
        return ""
    try:
        text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
        parsed = msgspec.json.decode(text)
    except (msgspec.DecodeError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise InvalidArgument(
            f"The signature's {part} in the MLmodel file are not JSON. Log the model again."
        ) from error
    return text if parsed else ""


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
