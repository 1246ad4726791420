"""Does a storage credential open a folder? The server tries it with a session of its own, and says what failed."""

from typing import Literal, NamedTuple

import msgspec

from modelkeep.core.context import ReadCtx, ServiceCtx
from modelkeep.core.operations.tables import storage
from modelkeep.core.operations.tables.storage import FolderGrant
from modelkeep.domain.errors import InvalidArgument, Unavailable, WrongState
from modelkeep.domain.locations import check_outside
from modelkeep.domain.model import Securable
from modelkeep.domain.names import FullName
from modelkeep.domain.storage_urls import parse_storage_url
from modelkeep.store import storage_paths
from modelkeep.store.db import Database

Result = Literal["PASS", "FAIL", "SKIP"]


class ValidateStorage(msgspec.Struct, frozen=True, kw_only=True):
    """A credential at a url, or an external location, with another credential where one is named."""

    credential: FullName | None
    location: FullName | None
    url: str = ""
    read_only: bool = False


class CheckResult(NamedTuple):
    operation: Literal["LIST", "READ", "WRITE", "DELETE"]
    result: Result
    message: str


async def validate_storage(
    ctx: ReadCtx, req: ValidateStorage, credential: Securable | None, location: Securable | None
) -> FolderGrant:
    """Raises InvalidArgument for a url outside of the location, or in this server's own storage."""
    details = (await storage_paths.details(ctx.tx, [location.id])).get(location.id) if location else None
    url = parse_storage_url(req.url, "url") if req.url else None
    if details is not None and url is not None and not url.inside(details.url):
        raise InvalidArgument(f"{str(url)!r} lies outside of the external location '{req.location}'.")
    url = url or (details.url if details else None)
    if url is None:
        raise InvalidArgument("Name an external_location_name, or a storage_credential_name with a url.")
    check_outside(str(url), ctx.config.managed)
    write = not req.read_only
    if credential is not None:
        write = write and credential.spec.get("read_only") != "true"
        return storage.credential_grant(url, credential.spec["role_arn"], credential.spec["external_id"], write=write)
    assert location is not None
    read_only = location.spec.get("read_only") == "true"
    return await storage.location_grant(ctx, "", url, location.id, write=write and not read_only)


async def try_storage(ctx: ServiceCtx, db: Database, grant: FolderGrant) -> list[CheckResult]:
    """LIST, and if it may be written WRITE, READ and DELETE of a small object."""
    if grant.role is None:
        return [CheckResult("LIST", "SKIP", "The operating system guards a folder of this machine.")]
    try:
        vended = await storage.vend(ctx, db, grant)
    except (Unavailable, WrongState) as error:
        return [CheckResult("LIST", "FAIL", error.message)]
    assert vended.credentials is not None and ctx.services.probe is not None
    failures = await ctx.services.probe.try_folder(grant.url, vended.credentials, write=grant.write)
    operations: tuple[Literal["LIST", "READ", "WRITE", "DELETE"], ...] = ("LIST", "WRITE", "READ", "DELETE")
    return [
        CheckResult(
            operation,
            ("FAIL" if failures[operation] else "PASS") if operation in failures else "SKIP",
            failures.get(operation, ""),
        )
        for operation in operations
    ]
