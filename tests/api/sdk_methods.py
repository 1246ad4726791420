"""What databricks-sdk sends and says, read from its source: each method of each service with its first request."""

import ast
import re
from dataclasses import dataclass, field
from pathlib import Path

import databricks.sdk.service

SERVICES = Path(next(iter(databricks.sdk.service.__path__)))
ANY = "{}"
"""In a path, where a parameter stands."""


@dataclass(frozen=True)
class Method:
    service: str
    name: str
    http_method: str
    path: str
    optional: dict[str, str] = field(default_factory=dict[str, str])
    """What the docstring says of each optional parameter."""

    @property
    def full_name(self) -> str:
        return f"{self.service}.{self.name}"


def methods() -> list[Method]:
    results: list[Method] = []
    for file in sorted(SERVICES.glob("*.py")):
        for service in ast.parse(file.read_text()).body:
            if isinstance(service, ast.ClassDef) and service.name.endswith("API"):
                name = service.name.removesuffix("API")
                results += [
                    m for node in service.body if isinstance(node, ast.FunctionDef) and (m := _method(name, node))
                ]
    return results


def _method(service: str, node: ast.FunctionDef) -> Method | None:
    for call in ast.walk(node):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "do":
            http_method = call.args[0]
            assert isinstance(http_method, ast.Constant)
            path = _path(call.args[1]) if len(call.args) > 1 else ""
            return Method(service, node.name, str(http_method.value), path, _optional(ast.get_docstring(node) or ""))
    return None


def _path(node: ast.expr) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else ANY for part in node.values)
    return str(node.value) if isinstance(node, ast.Constant) else ""


def _optional(text: str) -> dict[str, str]:
    parts = re.split(r"\n(?=:param|:return)", text)
    matches = [re.match(r":param (\w+): .*?\(optional\)(.*)", part, re.DOTALL) for part in parts]
    return {match[1]: " ".join(match[2].split()) for match in matches if match}
