"""Functions as metadata: their signature and body as text, which nothing here runs. They share their names with models."""

from typing import Literal

import msgspec

from modelkeep.core.context import ReadCtx, WriteCtx
from modelkeep.core.operations.catalog import catalogs
from modelkeep.core.operations.catalog.tables import ColumnType, Number
from modelkeep.core.operations.models import models
from modelkeep.domain.kinds import Kind
from modelkeep.domain.model import RegisteredModel, Securable
from modelkeep.domain.names import FullName, check_comment, check_in_urls, missing
from modelkeep.store import securables


class Parameter(msgspec.Struct, frozen=True, omit_defaults=True):
    name: str
    type_text: str
    type_name: ColumnType
    position: Number
    type_json: str | None = None
    type_precision: Number | None = None
    type_scale: Number | None = None
    type_interval_type: str | None = None
    parameter_mode: Literal["IN"] | None = None
    parameter_type: Literal["PARAM", "COLUMN"] | None = None
    parameter_default: str | None = None
    comment: str | None = None


class Parameters(msgspec.Struct, frozen=True):
    parameters: tuple[Parameter, ...] = ()


class TableDependency(msgspec.Struct, frozen=True):
    table_full_name: str


class FunctionDependency(msgspec.Struct, frozen=True):
    function_full_name: str


class Dependency(msgspec.Struct, frozen=True, omit_defaults=True):
    table: TableDependency | None = None
    function: FunctionDependency | None = None


class Dependencies(msgspec.Struct, frozen=True):
    dependencies: tuple[Dependency, ...] = ()


class FunctionDefinition(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a function says of itself."""

    input_params: Parameters
    data_type: ColumnType
    full_data_type: str
    routine_body: Literal["SQL", "EXTERNAL"]
    routine_definition: str
    parameter_style: Literal["S"]
    is_deterministic: bool
    sql_data_access: Literal["CONTAINS_SQL", "READS_SQL_DATA", "NO_SQL"]
    is_null_call: bool
    security_type: Literal["DEFINER"]
    specific_name: str
    return_params: Parameters | None = None
    routine_dependencies: Dependencies | None = None
    external_language: str | None = None
    external_name: str | None = None
    sql_path: str | None = None
    properties: str | None = None
    """A JSON object as text"""


class CreateFunction(msgspec.Struct, frozen=True):
    name: FullName
    definition: FunctionDefinition
    comment: str = ""


def definition(function: Securable) -> FunctionDefinition:
    return msgspec.json.decode(function.spec["definition"], type=FunctionDefinition)


class GetRoutine(msgspec.Struct, frozen=True):
    """A function or a model: SQL's FUNCTION is either."""

    name: FullName


class UpdateRoutineComment(msgspec.Struct, frozen=True):
    """Of a function or a model."""

    name: FullName
    comment: str


async def create_function(ctx: WriteCtx, req: CreateFunction, schema: Securable) -> Securable:
    check_in_urls(req.name)
    id = await securables.insert(
        ctx.tx,
        securables.NewSecurable(
            schema,
            req.name,
            ctx.actor.id,
            ctx.actor.name,
            ctx.now,
            check_comment(req.comment),
            {"definition": msgspec.json.encode(req.definition).decode()},
        ),
    )
    ctx.touch(req.name.kind, id, str(req.name))
    return await models.fetch(ctx, req.name)


async def get_routine(ctx: ReadCtx, req: GetRoutine, routine: Securable) -> Securable | RegisteredModel:
    _refuse_prompt(req.name, routine)
    return await models.get_model(ctx, models.GetModel(req.name), routine) if routine.kind is Kind.MODEL else routine


async def update_routine_comment(ctx: WriteCtx, req: UpdateRoutineComment, routine: Securable) -> Securable:
    _refuse_prompt(req.name, routine)
    return await catalogs.update_comment(ctx, catalogs.UpdateComment(req.name, req.comment), routine)


def _refuse_prompt(name: FullName, routine: Securable) -> None:
    """Prompts share the name space, and have operations of their own. Raises NotFound."""
    if routine.kind is Kind.PROMPT:
        raise missing(str(name), name.leaf)
