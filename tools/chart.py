"""The schema of the Helm chart's values: its own part, and every setting with its type, bounds and meaning."""

import ast
import inspect
import json
import typing
from itertools import pairwise
from typing import Any, cast, get_type_hints

import msgspec

from modelkeep import settings

PATH = "deploy/helm/modelkeep/values.schema.json"
_CHOSEN_BY_THE_CHART = {"data_dir"}
"""Settings that no value may change: the volume is mounted there."""
_PRIMITIVE = {bool: "boolean", int: "integer", float: "number", str: "string"}


def meanings() -> dict[str, str]:
    """What the docstring below each setting says, on one line."""
    (definition,) = ast.parse(inspect.getsource(settings.Settings)).body
    texts: dict[str, str] = {}
    for before, after in pairwise(cast(ast.ClassDef, definition).body):
        match before, after:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                texts[name] = " ".join(text.split())
            case _:
                pass
    return texts


def values_schema() -> str:
    """The whole schema, as JSON text (draft 7, which Helm 3 reads)."""
    secrets = [name.replace("_", "-") for name in settings.SECRETS] + ["aws-credentials"]
    string: dict[str, Any] = {"type": "string"}
    strings: dict[str, Any] = {"type": "array", "items": string}
    flag: dict[str, Any] = {"type": "boolean"}
    port: dict[str, Any] = {"type": "integer", "minimum": 1, "maximum": 65535}
    seconds: dict[str, Any] = {"type": "integer", "minimum": 0, "maximum": 86400}
    texts: dict[str, Any] = {"type": "object", "additionalProperties": string}
    objects: dict[str, Any] = {"type": "array", "items": {"type": "object"}}
    schema: dict[str, Any] = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Values of the chart modelkeep",
        "description": "Written by tools/chart.py; change the code, then run `make docs`.",
        **_object(
            {
                "global": {"type": "object"},
                "image": _object(
                    {
                        "repository": string | {"minLength": 1},
                        "tag": string,
                        "digest": {"type": "string", "pattern": "^(sha256:[0-9a-f]{64})?$"},
                        "pullPolicy": {"enum": ["Always", "IfNotPresent", "Never"]},
                    }
                ),
                "imagePullSecrets": objects,
                "nameOverride": string,
                "fullnameOverride": string,
                "replicas": {"type": "integer", "minimum": 0, "maximum": 100},
                "settings": _object(_settings()),
                "env": {
                    "type": "object",
                    "propertyNames": {"not": {"pattern": "^MODELKEEP_"}, "pattern": "^[A-Za-z_][A-Za-z0-9_]*$"},
                    "additionalProperties": {"type": ["string", "number", "boolean"]},
                },
                "existingSecret": _object(
                    {"name": string, "keys": {"type": "array", "uniqueItems": True, "items": {"enum": secrets}}}
                ),
                "secrets": _object(dict.fromkeys(secrets, string)),
                "persistence": _object(
                    {
                        "size": {"type": "string", "pattern": "^[0-9]+([.][0-9]+)?([KMGTP]i?)?$"},
                        "storageClass": string,
                        "accessModes": strings | {"minItems": 1},
                        "existingClaim": string,
                    }
                ),
                "service": _object(
                    {
                        "type": {"enum": ["ClusterIP", "NodePort", "LoadBalancer"]},
                        "port": port,
                        "annotations": texts,
                    }
                ),
                "ingress": _object(
                    {
                        "enabled": flag,
                        "className": string,
                        "annotations": texts,
                        "hosts": strings | {"uniqueItems": True},
                        "tlsSecret": string,
                    }
                )
                | {
                    "if": {"properties": {"enabled": {"const": True}}},
                    "then": {"properties": {"hosts": {"minItems": 1}}},
                },
                "serviceAccount": _object({"create": flag, "name": string, "annotations": texts}),
                "podDisruptionBudget": _object(
                    {
                        "enabled": flag,
                        "maxUnavailable": {
                            "oneOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": "^[0-9]+%$"}]
                        },
                    }
                ),
                "networkPolicy": _object({"enabled": flag, "from": objects, "egress": objects}),
                "resources": {"type": "object"},
                "podSecurityContext": {"type": "object"},
                "securityContext": {"type": "object"},
                "stopMarginSeconds": seconds | {"minimum": 15},
                "startSeconds": seconds | {"minimum": 2},
                "podAnnotations": texts,
                "podLabels": texts,
                "nodeSelector": texts,
                "tolerations": objects,
                "affinity": {"type": "object"},
                "topologySpreadConstraints": objects,
                "priorityClassName": string,
            }
        ),
    }
    return json.dumps(schema, indent=2) + "\n"


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _settings() -> dict[str, Any]:
    hints, descriptions = get_type_hints(settings.Settings, include_extras=True), meanings()
    return {
        field.name.upper(): _setting(hints[field.name]) | {"description": descriptions.get(field.name, "")}
        for field in msgspec.structs.fields(settings.Settings)
        if field.name not in _CHOSEN_BY_THE_CHART and field.name not in settings.SECRETS
    }


def _setting(kind: Any) -> dict[str, Any]:
    if typing.get_origin(kind) is typing.Literal:
        return {"enum": list(typing.get_args(kind))}
    base, *metas = typing.get_args(kind) or (kind,)
    bounds: dict[str, Any] = {"type": _PRIMITIVE[base]}
    for meta in metas:
        bounds |= {"minimum": meta.ge, "maximum": meta.le}
    return bounds
