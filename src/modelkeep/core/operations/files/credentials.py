"""Ways to a version's files for clients that know no signed URLs: the store's credentials, or a folder on this machine.

Credentials outlive whatever is decided later, so the ones that write are for a staging set beside the version's own, named
by the version's id: finalize copies out of it, and what is written there afterwards is in nobody's model.
"""

from functools import partial

import msgspec

from modelkeep.blobs.port import TemporaryCredentials
from modelkeep.core.context import ReadCtx, ServiceCtx, WriteCtx
from modelkeep.core.operations.files.staging import stage
from modelkeep.core.operations.models.version_states import check_pending, check_ready
from modelkeep.core.operations.models.versions import (
    CreateVersion,
    GetVersion,
    VersionRequest,
    fetch_version,
    get_version,
)
from modelkeep.domain.model import ModelVersion, Securable, Status
from modelkeep.store import files
from modelkeep.store.db import Database


class ReadCredentials(VersionRequest, frozen=True):
    pass


class WriteCredentials(VersionRequest, frozen=True):
    pass


class CreateInFolder(CreateVersion, frozen=True, kw_only=True):
    """As CreateVersion, with a directory in the shared folder to put the files into."""


class GetInFolder(GetVersion, frozen=True):
    """As GetVersion; the files of a READY version are put into the shared folder, where they are not there yet."""


class Vended(msgspec.Struct, frozen=True):
    """What a client may reach of a version's files."""

    version: ModelVersion
    set_id: str
    """what lies there: the version's own set to read, its staging set to write"""
    write: bool
    expires_at: int
    """epoch ms"""
    credentials: TemporaryCredentials | None = None
    """None where no STS is configured: there are signed URLs, or the folder"""


async def read_credentials(ctx: ReadCtx, req: ReadCredentials, model: Securable) -> Vended:
    """For a READY version whose files the caller may read. Raises WrongState."""
    version = await fetch_version(ctx, model, req.name, req.version)
    check_ready(version)
    return _vended(ctx, version, version.artifact_set_id, write=False)


async def write_credentials(ctx: WriteCtx, req: WriteCredentials, model: Securable) -> Vended:
    """For a PENDING version whose files the caller may write. Raises WrongState."""
    version = await fetch_version(ctx, model, req.name, req.version)
    check_pending(version)
    if ctx.config.credential_s:
        await stage(ctx.tx, version.id, ctx)
    return _vended(ctx, version, version.id, write=True)


def _vended(ctx: ReadCtx, version: ModelVersion, set_id: str, *, write: bool) -> Vended:
    ctx.touch("MODEL_VERSION", version.id, f"{version.model}/{version.version}")
    return Vended(version, set_id, write, ctx.now + ctx.config.url_ms)


async def issue(ctx: ServiceCtx, db: Database, vended: Vended) -> Vended:
    """With credentials, where there is an STS. Raises Unavailable."""
    if ctx.services.issuer is None:
        return vended
    credentials = await ctx.services.issuer.issue(vended.set_id, ctx.actor.name, write=vended.write)
    return msgspec.structs.replace(vended, credentials=credentials, expires_at=credentials.expires_at)


# --- the shared folder -----------------------------------------------------------------------------------------------


async def open_folder(ctx: ServiceCtx, db: Database, version: ModelVersion) -> ModelVersion:
    assert ctx.services.shared is not None
    await ctx.services.shared.open(version.id)
    return version


async def get_in_folder(ctx: ReadCtx, req: GetInFolder, model: Securable) -> ModelVersion:
    version = await get_version(ctx, req, model)
    ctx.touch("MODEL_VERSION", version.id, f"{version.model}/{version.version}")
    return version


async def export(ctx: ServiceCtx, db: Database, version: ModelVersion) -> ModelVersion:
    """Put the files of a READY version into the folder. Raises Unavailable."""
    assert ctx.services.shared is not None
    if version.status == Status.READY:
        async with db.read() as tx:
            manifest = await files.manifest(tx, version.artifact_set_id)
        readers = [
            (file.path, partial(files.read, db, ctx.services.blobs, version.artifact_set_id, file, file.size))
            for file in manifest
        ]
        await ctx.services.shared.export(version.id, readers)
    return version
