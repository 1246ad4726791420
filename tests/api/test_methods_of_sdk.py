"""Of each service of databricks-sdk that Modelkeep answers, every method has a route, or docs/dev/api-quirks.md says why not."""

import ast
import re
from pathlib import Path

import databricks.sdk.service
from api.serving import Site, site

from modelkeep.tracking.route_rules import OWN_ROUTES, ROUTES

__all__ = ["site"]
SERVICES = Path(next(iter(databricks.sdk.service.__path__)))
PAGE = Path(__file__).parents[2] / "docs" / "dev" / "api-quirks.md"
GENERIC = frozenset({"Permissions"})
"""Services whose paths name any kind of object."""


def methods() -> list[tuple[str, str, str]]:
    """(service.method, HTTP method, path with x for each parameter)."""
    calls: list[tuple[str, str, str]] = []
    for file in sorted(SERVICES.glob("*.py")):
        for service in ast.parse(file.read_text()).body:
            if isinstance(service, ast.ClassDef) and service.name.endswith("API"):
                for method in service.body:
                    if isinstance(method, ast.FunctionDef) and (call := _call(method)):
                        calls.append((f"{service.name.removesuffix('API')}.{method.name}", *call))
    return calls


def _call(method: ast.FunctionDef) -> tuple[str, str] | None:
    """The first request that a method sends."""
    for node in ast.walk(method):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "do":
            http_method, path = node.args[0], node.args[1] if len(node.args) > 1 else None
            assert isinstance(http_method, ast.Constant)
            return str(http_method.value), _path(path) if path is not None else ""
    return None


def _path(node: ast.expr) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "x" for part in node.values)
    return str(node.value) if isinstance(node, ast.Constant) else ""


def excused() -> set[str]:
    section = PAGE.read_text().partition("## Methods of databricks-sdk without an answer")[2].partition("\n## ")[0]
    names: set[str] = set()
    for line in section.splitlines():
        if line.startswith("| `"):
            service = ""
            for word in re.findall(r"`([^`]+)`", line.split("|")[1]):
                service = service if word.startswith(".") else word.partition(".")[0]
                names.add(f"{service}.{word.rpartition('.')[2]}")
    return names


def test_every_method_has_a_route_or_a_reason(site: Site) -> None:
    tracked = {(route.method, f"/api{route.path}") for route in (*ROUTES, *OWN_ROUTES)}
    routes = {
        (route.method, route.path) for route in site.routes if not route.path.endswith("scim/v2/{rest*}")
    } | tracked
    patterns = [
        (
            method,
            re.compile(re.sub(r"\\\{[^/]*?\\\}", lambda found: ".+" if "*" in found[0] else "[^/]+", re.escape(path))),
        )
        for method, path in routes
    ]
    answered: dict[str, bool] = {}
    for name, method, path in methods():
        usual = path.replace("/api/2.0/unity-catalog", "/api/2.1/unity-catalog")
        answered[name] = any(m == method and pattern.fullmatch(usual) for m, pattern in patterns)
    services = {name.partition(".")[0] for name, known in answered.items() if known} - GENERIC
    assert len(services) > 30
    missing = {name for name, known in answered.items() if not known and name.partition(".")[0] in services}
    assert missing == excused()
