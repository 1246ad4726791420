"""Of each service of databricks-sdk that Modelkeep answers, every method has a route, or docs/dev/api-quirks.md says why not."""

import re
from pathlib import Path

from api.sdk_methods import ANY, methods
from api.serving import Site, site

from modelkeep.tracking.route_rules import OWN_ROUTES, ROUTES

__all__ = ["site"]
PAGE = Path(__file__).parents[2] / "docs" / "dev" / "api-quirks.md"
GENERIC = frozenset({"Permissions"})
"""Services whose paths name any kind of object."""
KIND_IN_PATH = f"/permissions/{ANY}/{ANY}"
"""Of `Workspace`, whose kinds are directories, files and notebooks."""


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
            re.compile(
                re.sub(r"\\\{[^/]*?\\\}", lambda result: ".+" if "*" in result[0] else "[^/]+", re.escape(path))
            ),
        )
        for method, path in routes
    ]
    answered: dict[str, bool] = {}
    for sent in methods():
        path = (
            sent.path.replace(KIND_IN_PATH, "/permissions/directories/x")
            .replace(ANY, "x")
            .replace("/api/2.0/unity-catalog", "/api/2.1/unity-catalog")
        )
        answered[sent.full_name] = any(m == sent.http_method and pattern.fullmatch(path) for m, pattern in patterns)
    services = {name.partition(".")[0] for name, known in answered.items() if known} - GENERIC
    assert len(services) > 30
    missing = {name for name, known in answered.items() if not known and name.partition(".")[0] in services}
    assert missing == excused()
