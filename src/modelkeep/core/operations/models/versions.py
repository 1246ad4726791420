"""Model versions: create, finalize, read, search, change, copy, delete."""

import re

import msgspec

from modelkeep.core.context import ReadCtx, ServiceCtx, WriteCtx
from modelkeep.core.operation import SourceOrigin, SourceRun, Target
from modelkeep.core.operations.governance.tag_policies import check_governed
from modelkeep.core.operations.models import lineage, models
from modelkeep.core.operations.models.feast_features import with_features
from modelkeep.core.operations.models.models import no_version
from modelkeep.core.operations.models.new_version import new_version
from modelkeep.core.operations.models.protected_aliases import check_movable
from modelkeep.core.operations.models.run_metrics import source_run
from modelkeep.core.operations.models.version_copies import (
    UNSIGNED,
    Provenance,
    create_destination,
    encode,
    refuse_unsigned,
    shared_files,
)
from modelkeep.domain.authorization import holds
from modelkeep.domain.errors import InvalidArgument, LimitExceeded, NotFound, WrongState
from modelkeep.domain.kinds import Kind
from modelkeep.domain.model import ModelVersion, Page, Securable, Status
from modelkeep.domain.names import MAX_SOURCE, FullName, check_comment, check_unchanged, parse_full_name
from modelkeep.domain.paging import page_size
from modelkeep.domain.privileges import Privilege
from modelkeep.limits import FEATURE_DEPS_CHARACTERS
from modelkeep.store import directories, files, jobs, securables, versions
from modelkeep.store.db import Database

MAX_VERSION = 2**63 - 1
NEWEST = "latest"
"""The source version that stands for the one with the highest number."""
_LINK = re.compile(r"https?://[^\s<>\"']{1,1990}")


_READ_FILES = Target("volume", holds(Privilege.READ_VOLUME), writes=False)


class CreateVersion(msgspec.Struct, frozen=True, kw_only=True):
    name: FullName
    source: str = ""
    source_model: FullName | None = None
    """Set where the source is a version of a registered model here: `models:/a.b.c/1` or `models:/a.b.c@alias`."""
    source_version: str = ""
    """Its number, or '@' and an alias"""
    run_id: str = ""
    logged_model_id: str = ""
    run_link: str = ""
    """Where a page shows the run; http or https, for pages make a link of it."""
    comment: str = ""
    tags: dict[str, str] = {}
    workspace_id: str = ""
    upstream: tuple[lineage.Entity, ...] = ()
    """What the client itself said of the version's lineage and dependencies."""
    feature_deps: str = ""
    """What it said of the version's features, word for word"""


class RegisterVersion(CreateVersion, frozen=True, kw_only=True):
    """A version whose files this server brings itself: those of `source_model` at once, those of `origin` by a job.

    With neither, the source is a pointer to somewhere else, which clients may follow and the server never does.
    """

    origin: SourceOrigin | None = None
    volume: FullName | None = None
    """Whose files they are, where `origin` says volume."""


class Sourced(msgspec.Struct, frozen=True):
    """What was learnt of a version's source before its transaction."""

    run: SourceRun | None = None
    places: tuple[SourceOrigin, ...] = ()
    """Where the files may lie that are to be brought."""


class VersionRequest(msgspec.Struct, frozen=True):
    """One version, by its number."""

    name: FullName
    version: int


class GetVersion(VersionRequest, frozen=True):
    pass


class DeleteVersion(VersionRequest, frozen=True):
    pass


class BrowseVersion(GetVersion, frozen=True):
    """As GetVersion; a caller who holds no more than BROWSE on the catalog gets metadata."""


class GetVersionByAlias(msgspec.Struct, frozen=True):
    name: FullName
    alias: str
    newest: bool = False
    """The version with the highest number instead: MLflow's `latest`, which no alias can be called."""


class UpdateVersion(msgspec.Struct, frozen=True):
    """A comment of None changes nothing."""

    name: FullName
    version: int
    comment: str | None = None
    etag: str = ""
    """Of the comment that the caller has read: a newer one is not overwritten."""


class ListVersions(msgspec.Struct, frozen=True):
    """All versions of one model, newest first."""

    name: FullName
    max_results: int | None = None
    page_token: str = ""


class BrowseVersions(ListVersions, frozen=True):
    """As ListVersions, also for principals who may only browse the model."""


class FindLoggedModel(msgspec.Struct, frozen=True):
    """Any version that came from this logged model and whose model the caller may read."""

    model_id: str


class CopyVersion(msgspec.Struct, frozen=True):
    """Server-side: the copy refers to the source's files, whatever their size."""

    name: FullName
    """of the source model"""
    version: int
    destination: FullName


async def read_source(
    ctx: ServiceCtx, db: Database, req: CreateVersion, model: Securable, source: Securable | None
) -> Sourced:
    """What the run or logged model says of itself, where the caller may read it; before the write transaction."""
    return Sourced(await with_features(ctx, db, await source_run(ctx, req.run_id, req.logged_model_id)))


async def read_origin(
    ctx: ServiceCtx,
    db: Database,
    req: RegisterVersion,
    model: Securable,
    source: Securable | None,
    volume: Securable | None,
) -> Sourced:
    """As `read_source`. Raises NotFound where the caller may not read the run or logged model that the files are of,
    InvalidArgument where the version's run is another one, or none that the caller knows."""
    origin, tracking = req.origin, ctx.services.tracking
    if origin is not None and origin.kind == "run" and req.run_id != origin.id:
        raise _another_run(req, "identify the resource that contains the source")
    places = (origin,) if origin else ()
    if origin is not None and req.volume is None:
        if tracking is None:
            raise NotFound(f"The source '{req.source}' is of a workspace, and this server runs without one.")
        places = await tracking.places(ctx.actor, origin)
    run = await with_features(ctx, db, await source_run(ctx, req.run_id, req.logged_model_id))
    here = not (req.run_link or req.source_model)  # `run_link` says that the run is elsewhere
    if req.run_id and here and tracking is not None and (run is None or run.source_run_id != req.run_id):
        raise _another_run(req, "identify the resource that contains the source")
    return Sourced(run, places)


def _another_run(req: CreateVersion, must: str) -> InvalidArgument:
    """In the words of MLflow's own server (server/handlers.py)."""
    return InvalidArgument(
        f"Invalid model version source: '{req.source[:300]}'. The run_id request parameter must {must}."
    )


async def create_version(ctx: WriteCtx, req: CreateVersion, model: Securable, source: Securable | None) -> ModelVersion:
    """PENDING, for the client to upload files and finalize it."""
    original = await _source_version(ctx, req, source) if source is not None else None
    set_id = await files.create_set(ctx.tx, "version", ctx.now)
    return await _create(ctx, req, model, original, artifact_set_id=set_id)


async def register_version(
    ctx: WriteCtx, req: RegisterVersion, model: Securable, source: Securable | None, volume: Securable | None
) -> ModelVersion:
    """READY at once, but for an origin: then PENDING, until the job that is queued here has brought the files."""
    if source is not None:
        original = await _source_version(ctx, req, source)
        if req.run_id and req.run_id != original.run_id:
            raise _another_run(req, "match the referenced model version")
        return await _create(ctx, req, model, original, **await shared_files(ctx, original, model))
    if req.origin is None:
        await refuse_unsigned(ctx, model)
        return await _create(ctx, req, model, None, status=Status.READY, signature=UNSIGNED)
    set_id = await files.create_set(ctx.tx, "version", ctx.now)
    version = await _create(ctx, req, model, None, artifact_set_id=set_id)
    await jobs.enqueue(ctx.tx, "bring", f"{version.id}/{await _files_at(ctx, req, volume)}")
    return version


async def _files_at(ctx: ReadCtx, req: RegisterVersion, volume: Securable | None) -> str:
    """`set/directory` of the first of the source's places that has files; that of the first one, where none has.
    Raises what the check of a volume raises, WrongState for one that keeps no files here."""
    known: Sourced = ctx.prepared
    locations: list[str] = []
    for place in known.places:
        if place.kind == "volume":
            at = volume or await ctx.reach(_READ_FILES, parse_full_name(place.id, Kind.VOLUME))
            artifact_set = await files.set_of(ctx.tx, files.volume_key(at.id))
            if artifact_set is None:
                raise WrongState(
                    f"Volume '{at.full_name}' is external: its files are elsewhere. Log the model to a run first."
                )
        else:
            artifact_set = await files.set_of(ctx.tx, files.tracked_key(ctx.actor.workspace, place.kind, place.id))
        locations.append(f"{artifact_set.id if artifact_set else ''}/{place.path}")
        if artifact_set and (await directories.children(ctx.tx, artifact_set.id, place.path, "", 1))[0]:
            return locations[-1]
    return locations[0]


async def _create(
    ctx: WriteCtx, req: CreateVersion, model: Securable, original: ModelVersion | None, **fields: str
) -> ModelVersion:
    if len(req.source) > MAX_SOURCE:
        raise LimitExceeded(f"The source is {len(req.source)} characters long; at most {MAX_SOURCE} are allowed.")
    if len(req.feature_deps) > FEATURE_DEPS_CHARACTERS:
        raise LimitExceeded(
            f"feature_deps is {len(req.feature_deps)} characters long; at most {FEATURE_DEPS_CHARACTERS} are kept."
        )
    if req.run_link and not _LINK.fullmatch(req.run_link):
        raise InvalidArgument("run_link must be an http or https address of at most 2000 characters, or left out.")
    await models.check_tags(ctx, req.tags)
    if original is not None:
        fields = {"copied_from": encode(Provenance(original.id, original.model, original.version))} | fields
    known: Sourced | None = ctx.prepared
    run = known.run if known else None
    number = await versions.next_number(ctx.tx, model, ctx.actor.name, ctx.now)
    version = new_version(
        ctx,
        model,
        number,
        **{
            "source": req.source,
            "run_id": req.run_id or (run.source_run_id if run else ""),
            "comment": check_comment(req.comment),
            "workspace_id": ctx.actor.workspace if run else req.workspace_id,
            "experiment_id": run.experiment_id if run else "",
            "logged_model_id": req.logged_model_id,
            "run_link": req.run_link,
            "feature_deps": req.feature_deps or (original.feature_deps if original else ""),
            "params_json": encode(run.params) if run else original.params_json if original else "[]",
            "metrics_json": encode(run.metrics) if run else original.metrics_json if original else "[]",
            **fields,
        },
    )
    await versions.insert(ctx.tx, version)
    if req.tags:
        await versions.put_tags(ctx.tx, model, version, req.tags, ctx.actor.name, ctx.now)
    await lineage.record(ctx, model, number, req.upstream, (*lineage.of_copy(original), *lineage.of_run(run)))
    ctx.changed("version", None, number)
    return await fetch_version(ctx, model, req.name, number)


async def _source_version(ctx: ReadCtx, req: CreateVersion, source: Securable) -> ModelVersion:
    """The version that a `models:/` source names; the caller's EXECUTE on its model has been checked."""
    assert req.source_model is not None
    if req.source_version == NEWEST:
        version = await versions.newest(ctx.tx, source)
    elif req.source_version.startswith("@"):
        version = await versions.by_alias(ctx.tx, source, req.source_version[1:])
    else:
        version = await versions.by_number(ctx.tx, source, int(req.source_version))
    if version is None:
        raise no_version(req.source_model, req.source_version)
    if version.status != Status.READY:
        raise WrongState(
            f"The source version {version.model}/{version.version} is {version.status}: only a READY one can be copied."
        )
    return version


async def fetch_version(ctx: ReadCtx, model: Securable, name: FullName, number: int) -> ModelVersion:
    version = await versions.by_number(ctx.tx, model, number)
    if version is None:
        raise no_version(name, number)
    return version


async def get_version(ctx: ReadCtx, req: GetVersion, model: Securable) -> ModelVersion:
    return await fetch_version(ctx, model, req.name, req.version)


async def browse_version(ctx: ReadCtx, req: BrowseVersion, model: Securable) -> models.Browsed[ModelVersion]:
    return models.Browsed(await fetch_version(ctx, model, req.name, req.version), not models.may_read(ctx, req.name))


async def get_version_by_alias(ctx: ReadCtx, req: GetVersionByAlias, model: Securable) -> ModelVersion:
    version = await (versions.newest(ctx.tx, model) if req.newest else versions.by_alias(ctx.tx, model, req.alias))
    if version is None:
        raise no_version(req.name, NEWEST) if req.newest else models.no_alias(req.name, req.alias)
    return version


async def update_version(ctx: WriteCtx, req: UpdateVersion, model: Securable) -> ModelVersion:
    if req.etag:
        await securables.lock(ctx.tx, model)
    version = await fetch_version(ctx, model, req.name, req.version)
    check_unchanged(version.comment, req.etag, f"{req.name}/{req.version}")
    if req.comment is not None:
        ctx.changed("comment", version.comment, req.comment)
        await versions.update(ctx.tx, version, ctx.actor.name, ctx.now, comment=check_comment(req.comment))
    return await fetch_version(ctx, model, req.name, req.version)


async def delete_version(ctx: WriteCtx, req: DeleteVersion, model: Securable) -> None:
    await securables.touch(ctx.tx, model, ctx.actor.name, ctx.now)
    version = await fetch_version(ctx, model, req.name, req.version)
    await check_movable(ctx, model, version.aliases)  # they go with it
    ctx.changed("version", version.version, None)
    await models.release_files(ctx, await versions.delete(ctx.tx, version))


# --- copy ------------------------------------------------------------------------------------------------------------


async def copy_version(
    ctx: WriteCtx, req: CopyVersion, source: Securable, destination: Securable | None
) -> ModelVersion:
    """The source's files, tags and description; not its aliases. A destination that is missing is created, as
    `MlflowClient.copy_model_version` does. Raises WrongState where the source is not READY."""
    original = await fetch_version(ctx, source, req.name, req.version)
    if original.status != Status.READY:
        raise WrongState(
            f"Version {req.version} of '{req.name}' is {original.status}: only a READY version can be copied."
        )
    if destination is None:
        destination = await create_destination(ctx, req.destination)
    number = await versions.next_number(ctx.tx, destination, ctx.actor.name, ctx.now)
    version = new_version(
        ctx,
        destination,
        number,
        **{
            "source": f"models:/{req.name}/{req.version}",
            "run_id": original.run_id,
            "experiment_id": original.experiment_id,
            "workspace_id": original.workspace_id,
            "logged_model_id": original.logged_model_id,
            "run_link": original.run_link,
            "comment": original.comment,
            "feature_deps": original.feature_deps,
            "params_json": original.params_json,
            "metrics_json": original.metrics_json,
            **await shared_files(ctx, original, destination),
        },
    )
    await versions.insert(ctx.tx, version)
    if original.tags:
        await check_governed(ctx, {}, original.tags)
        await versions.put_tags(ctx.tx, destination, version, original.tags, ctx.actor.name, ctx.now)
    await lineage.record(ctx, destination, number, lineage.of_copy(original))
    ctx.changed("version", None, number)
    return await fetch_version(ctx, destination, req.destination, number)


# --- lists ---------------------------------------------------------------------------------------------------------


async def list_versions(ctx: ReadCtx, req: ListVersions, model: Securable) -> Page[ModelVersion]:
    scope = f"versions of {model.id}|{ctx.actor.id}"
    after = ctx.config.page_tokens.open(scope, req.page_token, (int,)) or (MAX_VERSION,)
    limit = page_size(req.max_results, 100, 1000)
    page = await versions.page_of_model(ctx.tx, model, int(after[0]), limit + 1)
    has_next_page = len(page) > limit
    return Page(
        tuple(page[:limit]), ctx.config.page_tokens.seal(scope, (page[limit - 1].version,)) if has_next_page else ""
    )


async def browse_versions(ctx: ReadCtx, req: BrowseVersions, model: Securable) -> models.Browsed[Page[ModelVersion]]:
    return models.Browsed(await list_versions(ctx, req, model), not models.may_read(ctx, req.name))


async def find_logged_model(ctx: ReadCtx, req: FindLoggedModel) -> ModelVersion | None:
    return await versions.of_logged_model(ctx.tx, ctx.actor, req.model_id)
