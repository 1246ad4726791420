"""Functions in native Unity Catalog REST: metadata alone."""

from collections.abc import Sequence
from typing import Any

import msgspec

from modelkeep.core.kinds import Kind
from modelkeep.core.model import Page, Securable
from modelkeep.core.names import METASTORE, parse_full_name
from modelkeep.core.ops import functions
from modelkeep.core.ops import objects as core
from modelkeep.wire.route import Route
from modelkeep.wire.unity import objects

FUNCTIONS = "/api/2.1/unity-catalog/functions"


class FunctionInfo(functions.Definition, frozen=True, kw_only=True):
    name: str
    catalog_name: str
    schema_name: str
    full_name: str = ""
    comment: str = ""


class CreateFunction(msgspec.Struct, frozen=True):
    function_info: FunctionInfo


class GetFunction(msgspec.Struct, frozen=True):
    name: str
    include_browse: bool = False


class UpdateFunction(msgspec.Struct, frozen=True):
    """`name` is the full name, in path and body."""

    name: str
    owner: str | None = None


def _create(f: CreateFunction) -> functions.CreateFunction:
    info = f.function_info
    name = METASTORE.child(info.catalog_name).child(info.schema_name).child(info.name, Kind.FUNCTION)
    objects.agreed(name, full_name=info.full_name)
    told = {field: getattr(info, field) for field in functions.Definition.__struct_fields__}
    return functions.CreateFunction(name, functions.Definition(**told), info.comment)


def _update(f: UpdateFunction) -> Sequence[msgspec.Struct]:
    return objects.changes(parse_full_name(f.name, Kind.FUNCTION), None, None, f.owner, "owner")


def _parameters(told: functions.Parameters) -> dict[str, Any]:
    """unitycatalog-client refuses a parameter without type_json."""
    shown: list[dict[str, Any]] = msgspec.to_builtins(told.parameters)
    return {"parameters": [{"type_json": "", **parameter} for parameter in shown]}


def routes(metastore_id: str) -> list[Route]:
    def brief(x: Securable) -> dict[str, Any]:
        return objects.brief(x, metastore_id, "function_id", browse_only=True)

    def info(x: Securable) -> dict[str, Any]:
        told = functions.definition(x)
        shown = brief(x) | {"browse_only": False} | msgspec.to_builtins(told)
        shown["input_params"] = _parameters(told.input_params)
        if told.return_params is not None:
            shown["return_params"] = _parameters(told.return_params)
        return shown

    def one(result: Any, _: Any) -> Any:
        return objects.shown(result, info, brief)

    def page(result: Page[Any], _: Any) -> Any:
        return objects.page("functions", result, info, brief)

    path = f"{FUNCTIONS}/{{name}}"
    return [
        Route("POST", FUNCTIONS, CreateFunction, _create, one),
        Route("GET", FUNCTIONS, objects.ListIn, lambda f: objects.in_schema(f, Kind.FUNCTION), page),
        Route("GET", path, GetFunction, lambda f: objects.one(f.name, Kind.FUNCTION, browse=f.include_browse), one),
        Route("PATCH", path, UpdateFunction, _update, one),
        Route("DELETE", path, GetFunction, lambda f: core.DeleteObject(parse_full_name(f.name, Kind.FUNCTION))),
    ]
