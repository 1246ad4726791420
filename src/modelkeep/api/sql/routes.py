"""Databricks' SQL Statement Execution API, and the one warehouse that its clients have to name."""

import msgspec

from modelkeep.api.sql import answers
from modelkeep.api.sql.comments import beginning
from modelkeep.api.sql.results import Results
from modelkeep.api.sql.scan import SqlSession
from modelkeep.api.sql.statement import Execute, executed
from modelkeep.core.engine import Engine
from modelkeep.domain.authorization import Actor
from modelkeep.domain.errors import InvalidArgument, NotFound
from modelkeep.domain.names import FullName
from modelkeep.http.binding import fields_of
from modelkeep.http.messages import Request, Response, json_response
from modelkeep.http.routing import Answer, NoFields, Route
from modelkeep.store import workspaces
from modelkeep.store.db import new_id, now_ms

STATEMENTS = "/api/2.0/sql/statements"
WAREHOUSES = "/api/2.0/sql/warehouses"
WAREHOUSE_ID = "0000000000000001"

_WAREHOUSE: answers.Warehouse = {
    "id": WAREHOUSE_ID,
    "name": "built-in",
    "state": "RUNNING",
    "warehouse_type": "PRO",
    "cluster_size": "2X-Small",
    "min_num_clusters": 1,
    "max_num_clusters": 1,
    "num_clusters": 1,
    "auto_stop_mins": 0,
    "enable_serverless_compute": False,
    "enable_photon": False,
}


_READING = ("SELECT", "WITH", "SHOW", "DESCRIBE")


class OneWarehouse(msgspec.Struct, frozen=True):
    id: str


class OneStatement(msgspec.Struct, frozen=True):
    statement_id: str


class Chunk(OneStatement, frozen=True):
    chunk_index: int


def _owner(actor: Actor) -> str:
    """Whose answer it is: what one workspace reaches, another may not."""
    return f"{actor.id}@{actor.workspace}"


async def home_of_workspace(engine: Engine, actor: Actor) -> FullName:
    """Where names are that say no catalog or schema. In a catalog that was set for the workspace the schema is always `default`
    (databricks-sdk, DefaultNamespaceAPI)."""
    async with engine.db.single() as tx:
        catalog, _ = await workspaces.default_catalog(tx, actor.workspace)
    return FullName((catalog, "default")) if catalog else engine.config.home


def routes(engine: Engine) -> list[Route]:
    results = Results(now_ms)

    async def execute_statement(request: Request, actor: Actor, path: dict[str, str]) -> Response:
        """Run one statement: its answer is final."""
        execute: Execute = await fields_of(request, Execute, path)
        if execute.warehouse_id != WAREHOUSE_ID:
            raise InvalidArgument(
                f"'{execute.warehouse_id[:100]}' is not a valid warehouse id. The only one is {WAREHOUSE_ID}."
            )
        if beginning(execute.statement).startswith(_READING):
            request.let_cancel()
        session = SqlSession(engine, actor, request.id, await home_of_workspace(engine, actor))
        answer = await executed(session, execute, new_id())
        response = json_response(answer)
        results.keep(_owner(actor), answer, len(response.body) if isinstance(response.body, bytes) else 0)
        return response

    async def get_statement(request: Request, actor: Actor, path: dict[str, str]) -> Response:
        """The answer of a statement that the caller ran, for as long as this process has it."""
        statement: OneStatement = await fields_of(request, OneStatement, path)
        return json_response(results.get(_owner(actor), statement.statement_id))

    async def cancel_execution(request: Request, actor: Actor, path: dict[str, str]) -> Response:
        """Changes nothing: the statement is finished."""
        statement: OneStatement = await fields_of(request, OneStatement, path)
        results.get(_owner(actor), statement.statement_id)
        return json_response({})

    async def get_statement_result_chunk(request: Request, actor: Actor, path: dict[str, str]) -> Response:
        """The rows of a statement that the caller ran: all of them are chunk 0."""
        chunk: Chunk = await fields_of(request, Chunk, path)
        data = results.get(_owner(actor), chunk.statement_id).get("result")
        if data is None or chunk.chunk_index != 0:
            raise NotFound(f"Statement '{chunk.statement_id[:100]}' has no chunk {chunk.chunk_index}.")
        return json_response(data)

    statement_path = f"{STATEMENTS}/{{statement_id}}"
    return [
        Route("POST", STATEMENTS, Execute, handler=execute_statement, answers=(Answer(type=answers.SqlStatement),)),
        Route(
            "POST", f"{STATEMENTS}/", Execute, handler=execute_statement, answers=(Answer(type=answers.SqlStatement),)
        ),
        Route("GET", statement_path, OneStatement, handler=get_statement, answers=(Answer(type=answers.SqlStatement),)),
        Route(
            "POST",
            f"{statement_path}/cancel",
            OneStatement,
            handler=cancel_execution,
            answers=(Answer(type=answers.Nothing),),
        ),
        Route(
            "GET",
            f"{statement_path}/result/chunks/{{chunk_index}}",
            Chunk,
            handler=get_statement_result_chunk,
            answers=(Answer(type=answers.ResultData),),
        ),
        Route("GET", WAREHOUSES, NoFields, handler=list_warehouses, answers=(Answer(type=answers.Warehouses),)),
        Route(
            "GET",
            f"{WAREHOUSES}/{{id}}",
            OneWarehouse,
            handler=get_warehouse,
            answers=(Answer(type=answers.Warehouse),),
        ),
    ]


async def list_warehouses(request: Request, actor: Actor, path: dict[str, str]) -> Response:
    """The one that there is: statements are answered by this server itself."""
    warehouses: answers.Warehouses = {"warehouses": [_WAREHOUSE]}
    return json_response(warehouses)


async def get_warehouse(request: Request, actor: Actor, path: dict[str, str]) -> Response:
    """The one that there is. Raises NotFound."""
    warehouse: OneWarehouse = await fields_of(request, OneWarehouse, path)
    if warehouse.id != WAREHOUSE_ID:
        raise NotFound(f"Warehouse '{warehouse.id[:100]}' does not exist. The only one is {WAREHOUSE_ID}.")
    return json_response(_WAREHOUSE)
