"""Two families of clients share the native routes and not the words: which one a client is of, how it is spoken to."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from modelkeep.api.app import App, TrackingHandler
from modelkeep.api.authentication import Authenticator
from modelkeep.api.errors import databricks
from modelkeep.api.model_shapes import FileAccess, named
from modelkeep.api.request_workspace import WorkspaceResolver
from modelkeep.api.unity_catalog import (
    external_lineage,
    external_metadata,
    functions,
    locations,
    metastores,
    models,
    rfa,
    staged_tables,
    tables,
    tags,
    temporary_credentials,
    versions,
    volumes,
)
from modelkeep.api.unity_catalog import routes as containers
from modelkeep.api.unity_catalog.errors import oss
from modelkeep.core.engine import Engine
from modelkeep.http.messages import Receive, Scope, Send
from modelkeep.http.routing import Renderer, Route


class Words(msgspec.Struct, frozen=True):
    """How one family is spoken to."""

    render: Renderer
    privilege: Callable[[str], str | None]
    """None for one that the family's clients do not know: one such word makes them refuse the whole answer."""
    signed_urls: bool
    """Do its clients fetch files by signed URLs when a version's location is DEFAULT_STORAGE?"""


# unitycatalog/client/models/privilege.py, 0.4 to 0.7; the second half means nothing here.
_OSS_PRIVILEGES = frozenset(
    {
        "CREATE CATALOG",
        "USE CATALOG",
        "CREATE SCHEMA",
        "USE SCHEMA",
        "CREATE FUNCTION",
        "EXECUTE",
        "CREATE MODEL",
        "CREATE TABLE",
        "SELECT",
        "MODIFY",
        "CREATE VOLUME",
        "READ VOLUME",
        "CREATE EXTERNAL LOCATION",
        "CREATE EXTERNAL TABLE",
        "CREATE EXTERNAL VOLUME",
        "CREATE MANAGED STORAGE",
        "CREATE STORAGE CREDENTIAL",
        "READ FILES",
        "WRITE FILES",
    }
)


def _with_spaces(privilege: str) -> str | None:
    words = privilege.replace("_", " ")
    return words if words in _OSS_PRIVILEGES else None


DATABRICKS = Words(databricks, str, True)
OSS = Words(oss, _with_spaces, False)


def speaks_oss(user_agent: bytes) -> bool:
    """`unitycatalog-client` and MLflow's plain HTTP client (`uc:`); the Databricks SDK names itself otherwise."""
    return user_agent.startswith((b"OpenAPI-Generator/", b"mlflow-python-client/"))


def routes(metastore_id: str, words: Words, access: FileAccess) -> list[Route]:
    """All native routes as one family of clients hears them. `access`: how clients without signed URLs get to files."""
    file_access = None if words.signed_urls else access
    return spoken(
        [
            *containers.routes(metastore_id),
            *metastores.routes(metastore_id),
            *models.routes(metastore_id, file_access.place if file_access else named),
            *versions.routes(metastore_id, file_access),
            *volumes.routes(metastore_id),
            *tables.routes(metastore_id),
            *staged_tables.routes(),
            *functions.routes(metastore_id),
            *tags.routes(),
            *rfa.routes(metastore_id),
            *temporary_credentials.routes(),
            *locations.routes(metastore_id),
            *external_metadata.routes(metastore_id),
            *external_lineage.routes(),
        ],
        words,
    )


def spoken(routes: Sequence[Route], words: Words) -> list[Route]:
    """The same routes with refusals and privileges in these words."""
    return [msgspec.structs.replace(route, render=words.render, write=_assignments(route, words)) for route in routes]


def _assignments(route: Route, words: Words) -> Callable[..., Any] | None:
    write = route.write
    if write is None or not any(word in route.path for word in ("permissions/", "privilege-assignments/")):
        return write
    key = "effective_privilege_assignments" if "effective-privilege" in route.path else "privilege_assignments"

    @functools.wraps(write)
    def answer(result: Any, fields: Any) -> Any:
        said = write(result, fields)
        assignments = [_spelled(holder, words) for holder in said.get(key, ())]
        return {**said, key: [holder for holder in assignments if holder["privileges"]]} if said else said

    return answer


def _spelled(assignment: dict[str, Any], words: Words) -> dict[str, Any]:
    """A principal's privileges: words, or (effective ones) objects with a word."""
    privileges: list[Any] = []
    for privilege in assignment["privileges"]:
        known = words.privilege(privilege if isinstance(privilege, str) else privilege["privilege"])
        if known is not None:
            privileges.append(known if isinstance(privilege, str) else {**privilege, "privilege": known})
    spelled = {**assignment, "privileges": privileges}
    if inert := assignment.get("inert_privileges"):
        spelled["inert_privileges"] = [known for word in inert if (known := words.privilege(word)) is not None]
    return spelled


class UserAgentDispatcher(App):
    """An application whose other vocabulary has routes of its own; the User-Agent chooses."""

    def __init__(
        self,
        engine: Engine,
        authenticator: Authenticator,
        routes: Sequence[Route],
        other: Sequence[Route],
        resolver: WorkspaceResolver,
        tracking: TrackingHandler | None = None,
    ) -> None:
        """`other`: all routes as clients of open-source Unity Catalog are answered."""
        super().__init__(engine, authenticator, routes, resolver, tracking)
        self.other = App(engine, authenticator, other, resolver, tracking)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and speaks_oss(dict(scope["headers"]).get(b"user-agent", b"")):
            await self.other(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)
