"""Model versions: create, finalize, read, search, change, copy, delete."""

import hashlib

import msgspec

from modelkeep.blobs.port import Blobs, Segment
from modelkeep.core import mlmodel
from modelkeep.core.errors import Conflict, InvalidArgument, LimitExceeded, WrongState
from modelkeep.core.filters import Condition, matches, parse_filter
from modelkeep.core.model import ArtifactFile, ModelVersion, Page, Securable, Status
from modelkeep.core.names import MAX_SOURCE, FullName, check_comment
from modelkeep.core.operation import Ctx, SourceRun
from modelkeep.core.ops import lineage, models
from modelkeep.core.ops.models import no_version
from modelkeep.core.paging import make_token, page_size, read_token
from modelkeep.store import files, jobs, securables, versions
from modelkeep.store.db import Database, Tx, new_id

MAX_PAGE = 10_000
SEARCH_BUDGET = 10_000
"""Versions that one page of a search over all models may look at before it is handed out short."""
MAX_VERSION = 2**63 - 1
META = "registered_model_meta"
"""Clients before 3.18 write this file when they download a version, and upload it again with a copy."""


class Provenance(msgspec.Struct, frozen=True):
    """Which version another one was copied from. `kind`: server copy, copy (same files) or modified copy."""

    version_id: str
    model: str
    version: int
    kind: str = "copy"


class CreateVersion(msgspec.Struct, frozen=True, kw_only=True):
    name: FullName
    source: str = ""
    source_model: FullName | None = None
    """Set where the source is a version of a registered model here: `models:/a.b.c/1` or `models:/a.b.c@alias`."""
    source_version: str = ""
    """Its number, or '@' and an alias"""
    run_id: str = ""
    logged_model_id: str = ""
    comment: str = ""
    tags: dict[str, str] = {}
    workspace_id: str = ""
    upstream: tuple[lineage.Entity, ...] = ()
    """What the client itself said of the version's lineage and dependencies."""


class VersionRequest(msgspec.Struct, frozen=True):
    """One version, by its number."""

    name: FullName
    version: int


class GetVersion(VersionRequest, frozen=True):
    pass


class FinalizeVersion(VersionRequest, frozen=True):
    pass


class DeleteVersion(VersionRequest, frozen=True):
    pass


class ReadCredentials(VersionRequest, frozen=True):
    pass


class WriteCredentials(VersionRequest, frozen=True):
    pass


class BrowseVersion(GetVersion, frozen=True):
    """As GetVersion; a caller who holds no more than BROWSE on the catalog gets metadata."""


class GetVersionByAlias(msgspec.Struct, frozen=True):
    name: FullName
    alias: str


class UpdateVersion(msgspec.Struct, frozen=True):
    """A comment of None changes nothing."""

    name: FullName
    version: int
    comment: str | None = None


class SearchVersions(msgspec.Struct, frozen=True):
    filter: str = ""
    max_results: int | None = None
    page_token: str = ""


class ListVersions(msgspec.Struct, frozen=True):
    """All versions of one model, newest first."""

    name: FullName
    max_results: int | None = None
    page_token: str = ""


class BrowseVersions(ListVersions, frozen=True):
    """As ListVersions, for whoever may only browse the model, too."""


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
    ctx: Ctx, db: Database, req: CreateVersion, model: Securable, source: Securable | None
) -> SourceRun | None:
    """What the run or logged model says of itself, where the caller may read it; before the write transaction."""
    tracking = ctx.services.tracking
    if tracking is None:
        return None
    found = await tracking.source_logged_model(ctx.actor, req.logged_model_id) if req.logged_model_id else None
    run_id = req.run_id or (found.source_run_id if found else "")
    run = await tracking.source_run(ctx.actor, run_id) if run_id else None
    if found is None or run is None:
        return found or run
    # A logged model has its own parameters and metrics; the datasets are the run's.
    return SourceRun(found.experiment_id, found.params or run.params, found.metrics or run.metrics, run.inputs, run_id)


async def create_version(ctx: Ctx, req: CreateVersion, model: Securable, source: Securable | None) -> ModelVersion:
    if len(req.source) > MAX_SOURCE:
        raise LimitExceeded(f"The source is {len(req.source)} characters long; at most {MAX_SOURCE} are allowed.")
    models.check_tags(ctx, req.tags)
    provenance, original = "", None
    if source is not None:
        original = await _source_version(ctx, req, source)
        provenance = _encode(Provenance(original.id, original.model, original.version))
    run: SourceRun | None = ctx.prepared
    number = await versions.next_number(ctx.tx, model)
    version = _new(
        ctx, model, number, source=req.source, run_id=req.run_id, comment=check_comment(req.comment), copied_from=provenance,
        workspace_id=req.workspace_id, experiment_id=run.experiment_id if run else "",
        logged_model_id=req.logged_model_id,
        params_json=_encode(run.params) if run else original.params_json if original else "[]",
        metrics_json=_encode(run.metrics) if run else original.metrics_json if original else "[]",
        artifact_set_id=await files.create_set(ctx.tx, "version", ctx.now),
    )  # fmt: skip
    await versions.insert(ctx.tx, version)
    if req.tags:
        await versions.put_tags(ctx.tx, model, version, req.tags, ctx.actor.name, ctx.now)
    await lineage.record(ctx, model, number, (*req.upstream, *lineage.of_run(run), *lineage.of_copy(original)))
    ctx.changed("version", None, number)
    return await _fetch(ctx, model, req.name, number)


def _new(ctx: Ctx, model: Securable, number: int, **fields: str) -> ModelVersion:
    id = new_id()
    # Clients refuse to copy or re-register a version whose model_id is empty (mlflow#22012), so every version has one.
    fields["logged_model_id"] = fields.get("logged_model_id") or f"m-{id.replace('-', '')}"
    made = {
        "status": Status.PENDING, "aliases_json": "[]", "tags_json": "{}", "params_json": "[]", "metrics_json": "[]", **fields,
        "id": id, "model_id": model.id, "version": number, "created_at": ctx.now, "created_by": ctx.actor.name,
        "updated_at": ctx.now, "updated_by": ctx.actor.name, "model": model.full_name,
    }  # fmt: skip
    return msgspec.convert({name: made.get(name, "") for name in ModelVersion.__struct_fields__}, ModelVersion)


async def _source_version(ctx: Ctx, req: CreateVersion, source: Securable) -> ModelVersion:
    """The version that a `models:/` source names; the caller's EXECUTE on its model has been checked."""
    assert req.source_model is not None
    if req.source_version.startswith("@"):
        found = await versions.by_alias(ctx.tx, source, req.source_version[1:])
    else:
        found = await versions.by_number(ctx.tx, source, int(req.source_version))
    if found is None:
        raise no_version(req.source_model, req.source_version)
    if found.status != Status.READY:
        raise WrongState(
            f"The source version {found.model}/{found.version} is {found.status}: only a READY one can be copied."
        )
    return found


async def _fetch(ctx: Ctx, model: Securable, name: FullName, number: int) -> ModelVersion:
    found = await versions.by_number(ctx.tx, model, number)
    if found is None:
        raise no_version(name, number)
    return found


async def get_version(ctx: Ctx, req: GetVersion, model: Securable) -> ModelVersion:
    return await _fetch(ctx, model, req.name, req.version)


async def browse_version(ctx: Ctx, req: BrowseVersion, model: Securable) -> models.Browsed[ModelVersion]:
    return models.Browsed(await _fetch(ctx, model, req.name, req.version), not models.may_read(ctx, req.name))


async def get_version_by_alias(ctx: Ctx, req: GetVersionByAlias, model: Securable) -> ModelVersion:
    found = await versions.by_alias(ctx.tx, model, req.alias)
    if found is None:
        raise models.no_alias(req.name, req.alias)
    return found


async def update_version(ctx: Ctx, req: UpdateVersion, model: Securable) -> ModelVersion:
    version = await _fetch(ctx, model, req.name, req.version)
    if req.comment is not None:
        ctx.changed("comment", version.comment, req.comment)
        await versions.update(ctx.tx, version, ctx.actor.name, ctx.now, comment=check_comment(req.comment))
    return await _fetch(ctx, model, req.name, req.version)


async def delete_version(ctx: Ctx, req: DeleteVersion, model: Securable) -> None:
    await securables.lock(ctx.tx, model)
    version = await _fetch(ctx, model, req.name, req.version)
    ctx.changed("version", version.version, None)
    await models.release_files(ctx, await versions.delete(ctx.tx, version))


# --- finalize --------------------------------------------------------------------------------------------------------


class Checked(msgspec.Struct, frozen=True):
    """What finalize found in storage before its transaction."""

    manifest: tuple[ArtifactFile, ...]
    signature: str


async def check_files(ctx: Ctx, db: Database, req: FinalizeVersion, model: Securable) -> Checked | None:
    """Read the manifest and the MLmodel file; None where there is nothing to finalize any more."""
    async with db.read() as tx:
        version = await versions.by_number(tx, model, req.version)
        if version is None or version.status != Status.PENDING:
            return None
        manifest = await read_manifest(tx, ctx.services.blobs, version.artifact_set_id, ctx.now)
    described = next((file for file in manifest if file.path == "MLmodel"), None)
    if described is None:
        raise InvalidArgument(
            f"Version {req.version} of '{req.name}' has no MLmodel file. Upload the model's files, then finalize again."
        )
    _refuse_clash(manifest)
    data = bytearray()
    end = min(described.size, mlmodel.MAX_BYTES + 1)
    async for chunk in ctx.services.blobs.read(version.artifact_set_id, files.segments(described), 0, end):
        data += chunk
    signature = mlmodel.read_mlmodel(bytes(data))
    mlmodel.require_signature(signature)
    return Checked(tuple(manifest), _encode(signature))


def _refuse_clash(manifest: list[ArtifactFile]) -> None:
    """A store takes an object `a` beside `a/b`; nobody could download both. Raises InvalidArgument."""
    paths = {file.path for file in manifest}
    for path in paths:
        parts = path.split("/")
        if clash := next((p for i in range(1, len(parts)) if (p := "/".join(parts[:i])) in paths), None):
            raise InvalidArgument(
                f"'{clash}' is a file and, with '{path}', a directory. Delete one of them, then finalize again."
            )


async def read_manifest(tx: Tx, blobs: Blobs, set_id: str, now: int) -> list[ArtifactFile]:
    """The files of an open set: our own records, or, where clients write to the store themselves, what lies there."""
    known = await files.manifest(tx, set_id)
    if not blobs.direct:
        return known
    hashes = {(file.path, file.checksum, file.size): file.sha256 for file in known}
    found: list[ArtifactFile] = []
    for listed in await blobs.list_set(set_id):
        sha256 = hashes.get((listed.object, listed.checksum, listed.size), "")
        segment = files.segments_json([Segment(listed.object, listed.size, sha256)])
        found.append(
            ArtifactFile(listed.object, listed.size, sha256, listed.checksum, segment, listed.modified_ms or now)
        )
    return found


def fingerprint(manifest: "tuple[ArtifactFile, ...] | list[ArtifactFile]") -> str:
    """Equal for the same paths with the same bytes; the file that clients add on their own does not count."""
    parts = sorted((f.path, f.size, f.sha256 or f.checksum) for f in manifest if f.path != META)
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()


def same_files(one: list[ArtifactFile], other: list[ArtifactFile]) -> bool:
    """The same paths with the same bytes, as far as hashes tell: SHA-256 where both have it, else the checksum of both
    (the store's, or the one over a multipart upload's parts)."""
    left, right = ({f.path: f for f in manifest if f.path != META} for manifest in (one, other))
    return left.keys() == right.keys() and all(_same_bytes(f, right[path]) for path, f in left.items())


def _same_bytes(one: ArtifactFile, other: ArtifactFile) -> bool:
    if one.sha256 and other.sha256:
        return (one.size, one.sha256) == (other.size, other.sha256)
    return one.checksum != "" and (one.size, one.checksum) == (other.size, other.checksum)


async def finalize_version(ctx: Ctx, req: FinalizeVersion, model: Securable) -> ModelVersion:
    await securables.lock(ctx.tx, model)
    version = await _fetch(ctx, model, req.name, req.version)
    if version.status == Status.READY:
        return version  # delivered twice: harmless
    if version.status == Status.FAILED:
        raise WrongState(
            f"Version {req.version} of '{req.name}' is FAILED_REGISTRATION ({version.status_message}). Register the model again."
        )
    checked: Checked | None = ctx.prepared
    await files.lock_open(ctx.tx, version.artifact_set_id)
    manifest = await read_manifest(ctx.tx, ctx.services.blobs, version.artifact_set_id, ctx.now)
    if checked is None or fingerprint(manifest) != fingerprint(checked.manifest):
        raise Conflict(
            f"Files of version {req.version} of '{req.name}' changed while it was being finalized. Finalize again."
        )
    if ctx.services.blobs.direct:
        await files.replace_manifest(ctx.tx, version.artifact_set_id, manifest)
    await files.freeze(ctx.tx, version.artifact_set_id, manifest)
    set_id, provenance = await _settle_copy(ctx, version, manifest)
    if not await versions.set_status(
        ctx.tx, version, Status.READY, "", ctx.actor.name, ctx.now,
        signature=checked.signature, artifact_set_id=set_id, copied_from=provenance,
    ):  # fmt: skip
        raise Conflict(
            f"Version {req.version} of '{req.name}' expired while it was being finalized. Register the model again."
        )
    if set_id == version.artifact_set_id and not all(file.sha256 for file in manifest):
        await jobs.enqueue(ctx.tx, "hash", set_id, ctx.now)
    if set_id == version.artifact_set_id:
        # Objects in no manifest: stored by a process that died before it could record them, or by URLs that are still out.
        wait = ctx.services.url_ms + 60_000 if ctx.services.blobs.direct else 0
        await jobs.enqueue(ctx.tx, "sweep", set_id, ctx.now + wait)
    ctx.changed("status", version.status, Status.READY)
    return await _fetch(ctx, model, req.name, req.version)


async def _settle_copy(ctx: Ctx, version: ModelVersion, manifest: list[ArtifactFile]) -> tuple[str, str]:
    """A client's copy whose files equal its source's shares the source's set, and the upload is freed."""
    if not version.copied_from:
        return version.artifact_set_id, ""
    provenance = msgspec.json.decode(version.copied_from, type=Provenance)
    source_set = await versions.set_of_version(ctx.tx, provenance.version_id)
    if source_set:
        try:
            if same_files(await files.manifest(ctx.tx, source_set), manifest):
                await files.share(ctx.tx, source_set)
                await models.release_files(ctx, [version.artifact_set_id])
                return source_set, version.copied_from
        except WrongState:
            pass  # the source is being deleted: the uploaded files stay
    return version.artifact_set_id, _encode(msgspec.structs.replace(provenance, kind="modified copy"))


# --- copy ------------------------------------------------------------------------------------------------------------


async def copy_version(ctx: Ctx, req: CopyVersion, source: Securable, destination: Securable) -> ModelVersion:
    """The source's files, tags and description; not its aliases. Raises WrongState where the source is not READY."""
    original = await _fetch(ctx, source, req.name, req.version)
    if original.status != Status.READY:
        raise WrongState(
            f"Version {req.version} of '{req.name}' is {original.status}: only a READY version can be copied."
        )
    number = await versions.next_number(ctx.tx, destination)
    await files.share(ctx.tx, original.artifact_set_id)
    version = _new(
        ctx, destination, number, status=Status.READY, source=f"models:/{req.name}/{req.version}", run_id=original.run_id,
        experiment_id=original.experiment_id, workspace_id=original.workspace_id, logged_model_id=original.logged_model_id,
        comment=original.comment, params_json=original.params_json, metrics_json=original.metrics_json,
        signature=original.signature, artifact_set_id=original.artifact_set_id,
        copied_from=_encode(Provenance(original.id, original.model, original.version, "server copy")),
    )  # fmt: skip
    await versions.insert(ctx.tx, version)
    if original.tags:
        await versions.put_tags(ctx.tx, destination, version, original.tags, ctx.actor.name, ctx.now)
    await lineage.record(ctx, destination, number, lineage.of_copy(original))
    ctx.changed("version", None, number)
    return await _fetch(ctx, destination, req.destination, number)


# --- search ----------------------------------------------------------------------------------------------------------

FIELDS = ("name", "run_id", "source_path", "version_number")


def _attribute(version: ModelVersion, field: str) -> str:
    match field:
        case "name":
            return version.model
        case "source_path":
            return version.source
        case "version_number":
            return str(version.version)
        case _:
            return version.run_id


def _equals(conditions: tuple[Condition, ...], field: str) -> str | None:
    return next((c.value for c in conditions if c.field == field and c.comparator == "="), None)


def search_name(filter: str) -> str | None:
    """The model that a filter names with `=`, if it does."""
    return _equals(parse_filter(filter, FIELDS), "name")


async def search_versions(ctx: Ctx, req: SearchVersions) -> Page[ModelVersion]:
    """Versions whose model the caller may read and that match; a page may be short and not the last."""
    conditions = _folded(parse_filter(req.filter, FIELDS))
    limit = page_size(req.max_results, MAX_PAGE, MAX_PAGE)
    run_id = _equals(conditions, "run_id")
    model = _equals(conditions, "name")
    scope = f"versions|{req.filter}|{ctx.actor.id}"
    after = read_token(scope, req.page_token, (str, int)) or ("", MAX_VERSION if model else 0)
    position = (str(after[0]), int(after[1]))
    if model is not None:
        rows = await _of_named(ctx, model, position[1])
        budget = len(rows) if len(rows) > SEARCH_BUDGET else SEARCH_BUDGET + 1
    else:
        rows = await versions.page_of_all(ctx.tx, ctx.actor.id, run_id, position, SEARCH_BUDGET)
        budget = SEARCH_BUDGET
    found: list[ModelVersion] = []
    for index, (version, readable) in enumerate(rows):
        if readable and matches(conditions, lambda field, v=version: _attribute(v, field), version.tags):
            found.append(version)
        last = index + 1 == len(rows)
        if (len(found) == limit and not last) or (last and len(rows) >= budget):
            return Page(tuple(found), make_token(scope, (version.model_id, version.version)))
    return Page(tuple(found))


def _folded(conditions: tuple[Condition, ...]) -> tuple[Condition, ...]:
    """Names are identities in lower case, whatever case they are asked in."""
    return tuple(msgspec.structs.replace(c, value=c.value.lower()) if c.field == "name" else c for c in conditions)


async def _of_named(ctx: Ctx, name: str, before: int) -> list[tuple[ModelVersion, bool]]:
    """Of one model; nothing where it does not exist or may not be read: a search filters, it does not refuse."""
    model = await securables.readable_model(ctx.tx, ctx.actor.id, name)
    if model is None:
        return []
    return [(v, True) for v in await versions.page_of_model(ctx.tx, model, before, SEARCH_BUDGET + 1)]


async def list_versions(ctx: Ctx, req: ListVersions, model: Securable) -> Page[ModelVersion]:
    scope = f"versions of {model.id}|{ctx.actor.id}"
    after = read_token(scope, req.page_token, (int,)) or (MAX_VERSION,)
    limit = page_size(req.max_results, 100, 1000)
    found = await versions.page_of_model(ctx.tx, model, int(after[0]), limit + 1)
    more = len(found) > limit
    return Page(tuple(found[:limit]), make_token(scope, (found[limit - 1].version,)) if more else "")


async def browse_versions(ctx: Ctx, req: BrowseVersions, model: Securable) -> models.Browsed[Page[ModelVersion]]:
    return models.Browsed(await list_versions(ctx, req, model), not models.may_read(ctx, req.name))


async def find_logged_model(ctx: Ctx, req: FindLoggedModel) -> ModelVersion | None:
    return await versions.of_logged_model(ctx.tx, ctx.actor.id, req.model_id)


# --- credentials -----------------------------------------------------------------------------------------------------


async def read_credentials(ctx: Ctx, req: ReadCredentials, model: Securable) -> ModelVersion:
    """The version, READY, whose files the caller may read. Raises WrongState."""
    version = await _fetch(ctx, model, req.name, req.version)
    ready(version)
    ctx.touch("MODEL_VERSION", version.id, f"{version.model}/{version.version}")
    return version


async def write_credentials(ctx: Ctx, req: WriteCredentials, model: Securable) -> ModelVersion:
    """The version, PENDING, whose files the caller may write. Raises WrongState."""
    version = await _fetch(ctx, model, req.name, req.version)
    pending(version)
    ctx.touch("MODEL_VERSION", version.id, f"{version.model}/{version.version}")
    return version


def ready(version: ModelVersion) -> None:
    if version.status != Status.READY:
        raise WrongState(
            f"Version {version.version} of '{version.model}' is {version.status}: its files can be read once it is READY."
        )


def pending(version: ModelVersion) -> None:
    if version.status != Status.PENDING:
        raise WrongState(
            f"Version {version.version} of '{version.model}' is {version.status}: its files are final. Register a new version."
        )


def _encode(value: object) -> str:
    return msgspec.json.encode(value).decode()
