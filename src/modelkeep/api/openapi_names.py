"""Names of types in the API's description: a reader of it knows clients, and nothing of our modules."""

import json
from collections.abc import Iterable
from typing import Any

_API = "modelkeep.api."


def without_modules(document: dict[str, Any]) -> dict[str, Any]:
    """The document with short names for the types that several modules have under one name.

    Such a type is called after its client (`MlflowModelVersion`), where it has one; what a client sends under the name of what
    it gets is called a request. Raises ValueError where two types would still share a name."""
    names = document["components"]["schemas"]
    short = short_names(names)
    text = json.dumps(document)
    for name in sorted(short, key=len, reverse=True):
        text = text.replace(f'"#/components/schemas/{name}"', f'"#/components/schemas/{short[name]}"')
    renamed: dict[str, Any] = json.loads(text)
    schemas = renamed["components"]["schemas"]
    renamed["components"]["schemas"] = dict(sorted((short.get(name, name), schemas[name]) for name in names))
    return renamed


def short_names(names: Iterable[str]) -> dict[str, str]:
    """{name: short name} of those with a module's path."""
    taken = {name for name in names if "." not in name}
    short: dict[str, str] = {}
    for name in sorted(names, key=lambda name: (".answers." not in name, name)):
        if "." in name:
            short[name] = next((word for word in _candidates(name) if word not in taken), "")
            if not short[name]:
                raise ValueError(f"The description has two types that would be called like {name}. Rename one of them.")
            taken.add(short[name])
    return short


def _candidates(name: str) -> tuple[str, ...]:
    *modules, kind = name.removeprefix(_API).split(".")
    client = modules[0].title().replace("_", "") if name.startswith(_API) and len(modules) > 1 else ""
    return f"{client}{kind}", f"{client}{kind}Request"
