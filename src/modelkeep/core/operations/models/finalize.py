"""Finalize: what makes a PENDING version READY, and its files final."""

import hashlib
from collections.abc import Sequence

import msgspec

from modelkeep.blobs.port import Blobs, Segment
from modelkeep.core.context import ServiceCtx, WriteCtx
from modelkeep.core.operations.files import staging
from modelkeep.core.operations.models import lineage, models
from modelkeep.core.operations.models.lineage import Entity
from modelkeep.core.operations.models.version_copies import UNSIGNED, Provenance, encode, requires_signature
from modelkeep.core.operations.models.versions import VersionRequest, fetch_version
from modelkeep.domain import mlmodel, mlmodel_reader
from modelkeep.domain.errors import Conflict, InvalidArgument, Unavailable, WrongState
from modelkeep.domain.mlmodel import ModelFile
from modelkeep.domain.model import ArtifactFile, ModelVersion, Securable, Status
from modelkeep.domain.paths import breaks_urls, changed_by_stores
from modelkeep.store import announced_changes, files, jobs, securables, versions
from modelkeep.store.db import Database

META = "registered_model_meta"
"""Clients before 3.18 write this file when they download a version, and upload it again with a copy."""


class FinalizeVersion(VersionRequest, frozen=True):
    unsigned: bool = False
    """The caller's dialect knows no signatures: then one is needed only where the catalog says so."""


class Checked(msgspec.Struct, frozen=True):
    """What finalize found in storage before its transaction."""

    manifest: tuple[ArtifactFile, ...]
    signature: str
    """As ModelVersion has it"""
    revision: int
    """Of the version's set, before its files were listed"""
    taken: str = ""
    """The set that holds the files, where it is not yet the version's."""
    warning: str = ""
    """What some clients will not find of the files, in a sentence"""
    resources: tuple[Entity, ...] = ()
    """What the MLmodel file says that the model needs"""


async def check_files(ctx: ServiceCtx, db: Database, req: FinalizeVersion, model: Securable) -> Checked | None:
    """Read the manifest and the MLmodel file; None where there is nothing to finalize any more.
    Raises InvalidArgument."""
    async with db.read() as tx:
        version = await versions.by_number(tx, model, req.version)
        if version is None or version.status != Status.PENDING:
            return None
        known = await files.manifest(tx, version.artifact_set_id)
        revision = await announced_changes.revision(tx, version.artifact_set_id, ctx.now)
    if revision.under_way:
        raise _busy(req)
    if taken := await staging.take(ctx, db, version):
        set_id, manifest = taken.set_id, list(taken.manifest)
    else:
        set_id = version.artifact_set_id
        manifest = await read_manifest(ctx.services.blobs, set_id, known, ctx.now)
    async with db.read() as tx:
        needed = not req.unsigned or await requires_signature(tx, model)
    if not any(file.path == "MLmodel" for file in manifest):
        raise InvalidArgument(
            f"Version {req.version} of '{req.name}' has no MLmodel file. Upload the model's files, then finalize again."
        )
    model_file = await check_manifest(db, ctx.services.blobs, set_id, manifest, needed=needed)
    warning = what_clients_miss(manifest, credentials=ctx.services.issuer is not None)
    taken_set, resources = taken.set_id if taken else "", lineage.of_resources(model_file.resources)
    return Checked(tuple(manifest), kept_signature(model_file), revision.number, taken_set, warning, resources)


def what_clients_miss(manifest: Sequence[ArtifactFile], *, credentials: bool = False) -> str:
    """What to say of names that some clients do not find again; '' where all do. `credentials`: clients read the store itself."""
    directories = (part for file in manifest for part in file.path.split("/")[:-1])
    sentences = list[str]()
    if directory := next(filter(breaks_urls, directories), ""):
        sentences.append(
            f"The directory '{directory[:100]}' has '#', '?' or a percent escape in its name: clients that do not quote it in a "
            "URL find it when they download the whole version, and not when they ask for it alone."
        )
    if credentials and (path := next((file.path for file in manifest if changed_by_stores(file.path)), "")):
        sentences.append(
            f"The file {path[:100]!r} has a backslash or control character in its name: clients with temporary credentials "
            "of the store find it under another name."
        )
    return " ".join(sentences)


async def check_manifest(
    db: Database, blobs: Blobs, set_id: str, manifest: Sequence[ArtifactFile], *, needed: bool, root: str = ""
) -> ModelFile:
    """What a model's files say of it. `needed`: it must have a signature of inputs and outputs. `root`: where in the set they lie.
    Raises InvalidArgument for what is no MLflow model."""
    described = next((file for file in manifest if file.path == f"{root}MLmodel"), None)
    if described is None:
        raise InvalidArgument("There is no MLmodel file: this is no model.")
    _refuse_clash(manifest)
    mlmodel.check_size(described.size)
    data = b"".join([chunk async for chunk in files.read(db, blobs, set_id, described, described.size)])
    model_file = await mlmodel_reader.read_model_file(data)
    if needed:
        mlmodel.require_signature(model_file.signature)
    return model_file


def kept_signature(model_file: ModelFile) -> str:
    """As ModelVersion has it."""
    return encode(model_file.signature) if model_file.signature != mlmodel.Signature() else UNSIGNED


def _refuse_clash(manifest: Sequence[ArtifactFile]) -> None:
    """A store takes an object `a` beside `a/b`; nobody could download both. Raises InvalidArgument."""
    paths = {file.path for file in manifest}
    for path in paths:
        parts = path.split("/")
        if clash := next((p for i in range(1, len(parts)) if (p := "/".join(parts[:i])) in paths), None):
            raise InvalidArgument(
                f"'{clash}' is a file and, with '{path}', a directory. Delete one of them, then finalize again."
            )


async def read_manifest(blobs: Blobs, set_id: str, known: list[ArtifactFile], now: int) -> list[ArtifactFile]:
    """The files of an open set: our own records, or, where clients write to the store themselves, what lies there."""
    if not blobs.direct:
        return known
    hashes = {(file.path, file.checksum, file.size): file.sha256 for file in known}
    manifest: list[ArtifactFile] = []
    for listed in await blobs.list_set(set_id):
        sha256 = hashes.get((listed.object, listed.checksum, listed.size), "")
        segment = files.segments_json([Segment(listed.object, listed.size, sha256)])
        manifest.append(
            ArtifactFile(listed.object, listed.size, sha256, listed.checksum, segment, listed.modified_ms or now)
        )
    return manifest


def fingerprint(manifest: "tuple[ArtifactFile, ...] | list[ArtifactFile]") -> str:
    """Equal for the same paths with the same bytes; the file that clients add on their own does not count."""
    parts = sorted((f.path, f.size, f.sha256 or f.checksum) for f in manifest if f.path != META)
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()


def same_files(manifest: list[ArtifactFile], other: list[ArtifactFile]) -> bool:
    """The same paths with the same bytes, as far as hashes tell: SHA-256 where both have it, else the checksum of both
    (the store's, or the one over a multipart upload's parts)."""
    left, right = ({f.path: f for f in listing if f.path != META} for listing in (manifest, other))
    return left.keys() == right.keys() and all(_same_bytes(f, right[path]) for path, f in left.items())


def _same_bytes(file: ArtifactFile, other: ArtifactFile) -> bool:
    if file.sha256 and other.sha256:
        return (file.size, file.sha256) == (other.size, other.sha256)
    return file.checksum != "" and (file.size, file.checksum) == (other.size, other.checksum)


async def finalize_version(ctx: WriteCtx, req: FinalizeVersion, model: Securable) -> ModelVersion:
    """PENDING becomes READY: the files are frozen and the manifest is complete. A READY version stays as it is.
    Raises Conflict, WrongState."""
    await securables.lock(ctx.tx, model)
    version = await fetch_version(ctx, model, req.name, req.version)
    if version.status == Status.READY:
        return version  # delivered twice: harmless
    if version.status == Status.FAILED:
        raise WrongState(
            f"Version {req.version} of '{req.name}' is FAILED_REGISTRATION ({version.status_message}). Register the model again."
        )
    checked: Checked | None = ctx.prepared
    await files.lock_open(ctx.tx, version.artifact_set_id)
    if checked is not None and checked.taken:
        await files.adopt_set(ctx.tx, checked.taken)
        await models.release_files(ctx, [version.artifact_set_id])
        version, manifest = msgspec.structs.replace(version, artifact_set_id=checked.taken), list(checked.manifest)
    else:
        manifest = await _unchanged(ctx, req, version, checked)
    if checked is None or fingerprint(manifest) != fingerprint(checked.manifest):
        raise _changed(req)
    if ctx.config.direct or checked.taken:
        await files.replace_manifest(ctx.tx, version.artifact_set_id, manifest)
    await files.freeze(ctx.tx, version.artifact_set_id, manifest)
    set_id, provenance = await _settle_copy(ctx, version, manifest)
    if not await versions.set_status(
        ctx.tx,
        version,
        Status.READY,
        checked.warning,
        ctx.actor.name,
        ctx.now,
        signature=checked.signature,
        artifact_set_id=set_id,
        copied_from=provenance,
    ):
        raise Conflict(
            f"Version {req.version} of '{req.name}' expired while it was being finalized. Register the model again."
        )
    await lineage.record_resources(ctx.tx, model, version, checked.resources, ctx.now)
    if set_id == version.artifact_set_id and not all(file.sha256 for file in manifest):
        await jobs.enqueue(ctx.tx, "hash", set_id)
    if set_id == version.artifact_set_id and any(file.segments_json != files.NO_SEGMENTS for file in manifest):
        # Objects in no manifest: stored by a process that died before it could record them, or by URLs that are still out.
        wait = ctx.config.url_ms + 60_000 if ctx.config.direct else 0
        await jobs.enqueue(ctx.tx, "sweep", set_id, delay_ms=wait)
    ctx.changed("status", version.status, Status.READY)
    if checked.warning:
        ctx.changed("warning", None, checked.warning)
    return await fetch_version(ctx, model, req.name, req.version)


async def _unchanged(
    ctx: WriteCtx, req: FinalizeVersion, version: ModelVersion, checked: Checked | None
) -> list[ArtifactFile]:
    """The files now: our records; or what the store listed, where nothing was changed there through this registry since.

    What a client adds there by a URL after the listing is in no manifest, and swept. Raises Conflict, Unavailable."""
    set_id = version.artifact_set_id
    if not ctx.config.direct or checked is None:
        return await files.manifest(ctx.tx, set_id)
    revision = await announced_changes.revision(ctx.tx, set_id, ctx.now)
    if revision.under_way:
        raise _busy(req)
    if revision.number != checked.revision:
        raise _changed(req)
    return list(checked.manifest)


def _changed(req: FinalizeVersion) -> Conflict:
    return Conflict(
        f"Files of version {req.version} of '{req.name}' changed while it was being finalized. Finalize again."
    )


def _busy(req: FinalizeVersion) -> Unavailable:
    return Unavailable(
        f"A file of version {req.version} of '{req.name}' is still being written. Finalize again in a moment."
    )


async def _settle_copy(ctx: WriteCtx, version: ModelVersion, manifest: list[ArtifactFile]) -> tuple[str, str]:
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
    return version.artifact_set_id, encode(msgspec.structs.replace(provenance, kind="modified copy"))
