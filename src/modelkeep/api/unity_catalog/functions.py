"""Functions in native Unity Catalog REST: metadata alone."""

from collections.abc import Sequence
from typing import Any

import msgspec

from modelkeep.api.model_shapes import next_page
from modelkeep.api.unity_catalog import answers, objects
from modelkeep.core.operations.catalog import functions
from modelkeep.core.operations.models.models import Browsed
from modelkeep.domain.kinds import Kind
from modelkeep.domain.model import Page, Securable
from modelkeep.domain.names import METASTORE, parse_full_name
from modelkeep.http.routing import Route

FUNCTIONS = "/api/2.1/unity-catalog/functions"


class UnityCatalogFunctionInfoRequest(functions.FunctionDefinition, frozen=True, kw_only=True):
    name: str
    catalog_name: str
    schema_name: str
    full_name: str = ""
    comment: str = ""


class UnityCatalogCreateFunction(msgspec.Struct, frozen=True):
    function_info: UnityCatalogFunctionInfoRequest


class UpdateFunction(msgspec.Struct, frozen=True):
    """`name` is the full name, in path and body."""

    name: str
    owner: str | None = None
    comment: str | None = None
    """Ours: Databricks changes it with SQL alone."""


def _create(f: UnityCatalogCreateFunction) -> functions.CreateFunction:
    info = f.function_info
    name = METASTORE.child(info.catalog_name).child(info.schema_name).child(info.name, Kind.FUNCTION)
    objects.agreed(name, full_name=info.full_name)
    fields = {field: getattr(info, field) for field in functions.FunctionDefinition.__struct_fields__}
    return functions.CreateFunction(name, functions.FunctionDefinition(**fields), info.comment)


def _update(f: UpdateFunction) -> Sequence[msgspec.Struct]:
    return objects.changes(parse_full_name(f.name, Kind.FUNCTION), f.comment, None, f.owner, "comment or owner")


def _parameters(parameters: functions.Parameters) -> functions.Parameters:
    """unitycatalog-client refuses a parameter without type_json."""
    return functions.Parameters(
        tuple(
            msgspec.structs.replace(parameter, type_json=parameter.type_json or "")
            for parameter in parameters.parameters
        )
    )


def routes(metastore_id: str) -> list[Route]:
    def brief(x: Securable) -> answers.UnityCatalogFunctionInfo:
        return {**objects.brief(x, metastore_id, browse_only=True), "function_id": x.id}

    def info(x: Securable) -> answers.UnityCatalogFunctionInfo:
        definition = functions.definition(x)
        answer: answers.UnityCatalogFunctionInfo = {
            **objects.brief(x, metastore_id, browse_only=False),
            "function_id": x.id,
            "input_params": _parameters(definition.input_params),
            "data_type": definition.data_type,
            "full_data_type": definition.full_data_type,
            "routine_body": definition.routine_body,
            "routine_definition": definition.routine_definition,
            "parameter_style": definition.parameter_style,
            "is_deterministic": definition.is_deterministic,
            "sql_data_access": definition.sql_data_access,
            "is_null_call": definition.is_null_call,
            "security_type": definition.security_type,
            "specific_name": definition.specific_name,
        }
        if definition.return_params is not None:
            answer["return_params"] = _parameters(definition.return_params)
        if definition.routine_dependencies is not None:
            answer["routine_dependencies"] = definition.routine_dependencies
        for field in ("external_language", "external_name", "sql_path", "properties"):
            if (value := getattr(definition, field)) is not None:
                answer[field] = value
        return answer

    def whole_or_brief(result: Securable | Browsed[Securable], _: Any) -> answers.UnityCatalogFunctionInfo:
        return objects.visible_info(result, info, brief)

    def page(result: Page[Securable | Browsed[Securable]], _: Any) -> answers.FunctionPage:
        items = [objects.visible_info(item, info, brief) for item in result.items]
        return {"functions": items, **next_page(result.next_token)}

    changes = objects.ObjectChanges(UnityCatalogCreateFunction, _create, UpdateFunction, _update)
    return objects.object_routes(Kind.FUNCTION, FUNCTIONS, changes, whole_or_brief, page)
