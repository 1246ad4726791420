"""Artifact sets, their manifests, and multipart uploads as rows. Bytes are the blobs' business.

States: open (files come and go), live (frozen: a finalized version's), deleting (no reference left; a job frees the bytes).
"""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import NamedTuple

import msgspec

from modelkeep.blobs.port import Blobs, Segment
from modelkeep.domain.errors import FileNotFound, WrongState
from modelkeep.domain.model import ArtifactFile
from modelkeep.store.db import Database, Params, Row, Tx, UniqueViolation, WriteTx, among, new_id


class ArtifactSet(msgspec.Struct, frozen=True):
    id: str
    kind: str
    """version, volume, run, logged_model or trace; staging: files that clients hand over, before they are a version's"""
    state: str
    refs: int
    hashed: bool
    """every file of the manifest has its SHA-256"""
    size: int
    created_at: int


class Upload(msgspec.Struct, frozen=True):
    """A multipart upload that is under way."""

    id: str
    set_id: str
    path: str
    principal_id: str
    store_upload: str
    created_at: int


NO_SEGMENTS = "[]"
"""Of a small file, whose bytes lie in its row"""
_SET = "id, kind, state, refs, hashed, size, created_at"


def _set(row: Row) -> ArtifactSet:
    columns: Row = (*row[:4], bool(row[4]), *row[5:])
    return ArtifactSet(*columns)


async def create_set(tx: WriteTx, kind: str, at: int, owner_key: str | None = None) -> str:
    set_id = new_id()
    await tx.run(
        "INSERT INTO artifact_sets (id, kind, owner_key, state, created_at) VALUES (:id, :kind, :key, 'open', :at)",
        id=set_id,
        kind=kind,
        key=owner_key,
        at=at,
    )
    return set_id


async def own_set(db: Database, kind: str, at: int, key: str) -> str:
    """The id of this owner's set, made where there is none: its first files may come side by side. Raises WrongState."""
    for _ in range(2):
        # PostgreSQL tells so who was slower, once the quicker has committed; SQLite shows it what waits for the same commit.
        with suppress(UniqueViolation):
            async with db.write() as tx:
                artifact_set = await set_of(tx, key)
                return artifact_set.id if artifact_set is not None else await create_set(tx, kind, at, key)
    raise WrongState("Its files are being deleted at this moment. Try again.")


def volume_key(volume_id: str) -> str:
    return f"volume:{volume_id}"


def tracked_key(workspace: str, kind: str, id: str) -> str:
    """Of a run, logged model or trace: clients choose the ids of traces, and two workspaces may have the same."""
    return f"{workspace}/{kind}:{id}"


async def stage_set(tx: WriteTx, set_id: str, at: int) -> None:
    """A set of kind `staging` under this id, for files that are no version's yet; requested at this time, again or first."""
    await tx.run(
        "INSERT INTO artifact_sets (id, kind, state, created_at) VALUES (:id, 'staging', 'open', :at) "
        "ON CONFLICT (id) DO UPDATE SET created_at = excluded.created_at",
        id=set_id,
        at=at,
    )


async def adopt_set(tx: WriteTx, set_id: str) -> None:
    """A staged set becomes a version's. Raises WrongState where it was freed meanwhile."""
    changed = await tx.run(
        "UPDATE artifact_sets SET kind = 'version' WHERE id = :id AND kind = 'staging' AND state = 'open'", id=set_id
    )
    if changed != 1:
        raise WrongState("The files of this version were freed before it was finalized. Register the model again.")


async def set_of(tx: Tx, owner_key: str) -> ArtifactSet | None:
    """The set of a volume, run, logged model or trace, by its key."""
    row = await tx.one(f"SELECT {_SET} FROM artifact_sets WHERE owner_key = :key", key=owner_key)
    return _set(row) if row else None


async def get_set(tx: Tx, set_id: str) -> ArtifactSet | None:
    row = await tx.one(f"SELECT {_SET} FROM artifact_sets WHERE id = :id", id=set_id)
    return _set(row) if row else None


async def lock_open(tx: WriteTx, set_id: str) -> None:
    """Hold an open set's row until commit: others that write into it, or remove from it, wait. Raises WrongState."""
    if await tx.run("UPDATE artifact_sets SET state = 'open' WHERE id = :id AND state = 'open'", id=set_id) != 1:
        raise WrongState("These files are final, or gone: nothing can be written here any more.")


async def freeze(tx: WriteTx, set_id: str, files: Sequence[ArtifactFile]) -> None:
    """open -> live. Raises WrongState where it is not open."""
    changed = await tx.run(
        "UPDATE artifact_sets SET state = 'live', size = :size, hashed = :hashed WHERE id = :id AND state = 'open'",
        id=set_id,
        size=sum(f.size for f in files),
        hashed=int(all(f.sha256 for f in files)),
    )
    if changed != 1:
        raise WrongState("The files of this version are no longer open for changes.")


async def share(tx: WriteTx, set_id: str) -> None:
    """One more reference, to a live set only: the row is locked until commit. Raises WrongState."""
    if await tx.run("UPDATE artifact_sets SET refs = refs + 1 WHERE id = :id AND state = 'live'", id=set_id) != 1:
        raise WrongState("The source version's files are being deleted or are not complete: it cannot be copied.")


async def release(tx: WriteTx, set_id: str) -> bool:
    """One reference less; True where it was the last (the set is then `deleting`, and its purge must be queued)."""
    row = await tx.one(
        "UPDATE artifact_sets SET refs = refs - 1, state = CASE WHEN refs <= 1 THEN 'deleting' ELSE state END "
        "WHERE id = :id RETURNING refs",
        id=set_id,
    )
    return row is not None and row[0] <= 0


async def release_all(tx: WriteTx, dialect: str, set_ids: Sequence[str]) -> list[str]:
    """As `release`, one reference for each time that a set is named; those sets that have none left."""
    times = Counter(set_ids)
    if times and dialect == "postgresql":  # in one order for all, so that no two requests wait for each other
        marks, params = among(times)
        await tx.all(f"SELECT id FROM artifact_sets WHERE id IN ({marks}) ORDER BY id FOR UPDATE", **params)
    freed: list[str] = []
    for count in sorted(set(times.values())):
        marks, params = among(set_id for set_id, named in times.items() if named == count)
        rows = await tx.all(
            "UPDATE artifact_sets SET refs = refs - :count, state = CASE WHEN refs <= :count THEN 'deleting' ELSE state END "
            f"WHERE id IN ({marks}) RETURNING id, refs",
            count=count,
            **params,
        )
        freed += [row[0] for row in rows if row[1] <= 0]
    return freed


async def forget_files(tx: WriteTx, set_id: str, limit: int) -> int:
    """Up to `limit` files of a set that is being deleted, with the bytes in their rows; how many."""
    return await tx.bulk(
        "DELETE FROM artifact_files WHERE set_id = :set AND path IN "
        "(SELECT path FROM artifact_files WHERE set_id = :set ORDER BY path LIMIT :limit)",
        set=set_id,
        limit=limit,
    )


async def forget_set(tx: WriteTx, set_id: str) -> None:
    """After its bytes are gone: the row and the manifest."""
    await tx.run("DELETE FROM artifact_sets WHERE id = :id AND state = 'deleting'", id=set_id)


_PUT_FILE = (
    "INSERT INTO artifact_files (set_id, path, size, sha256, checksum, segments, modified_at, data) "
    "VALUES (:set, :path, :size, :sha256, :checksum, :segments_json, :modified_at, :data) "
    "ON CONFLICT (set_id, path) DO UPDATE SET size = excluded.size, sha256 = excluded.sha256, "
    "checksum = excluded.checksum, segments = excluded.segments, modified_at = excluded.modified_at, data = excluded.data"
)


def _file_row(set_id: str, file: ArtifactFile) -> Params:
    return {"set": set_id, **{name: getattr(file, name) for name in ArtifactFile.__struct_fields__}}


async def put_file(tx: WriteTx, set_id: str, file: ArtifactFile) -> None:
    """Add or replace one file of a set that the caller holds open (`lock_open`)."""
    await tx.run(_PUT_FILE, **_file_row(set_id, file))


async def replace_manifest(tx: WriteTx, set_id: str, files: Sequence[ArtifactFile]) -> None:
    await tx.bulk("DELETE FROM artifact_files WHERE set_id = :set", set=set_id)
    await tx.run_many(_PUT_FILE, [_file_row(set_id, file) for file in files])


async def remove_file(tx: WriteTx, set_id: str, path: str) -> str:
    """The segments (JSON) that it had; '' where there was none."""
    row = await tx.one(
        "DELETE FROM artifact_files WHERE set_id = :set AND path = :path RETURNING segments", set=set_id, path=path
    )
    return row[0] if row else ""


_FILE = "path, size, sha256, checksum, segments, modified_at"


async def file(tx: Tx, set_id: str, path: str) -> ArtifactFile | None:
    """With its bytes, where they lie in its row."""
    row = await tx.one(
        f"SELECT {_FILE}, data FROM artifact_files WHERE set_id = :set AND path = :path", set=set_id, path=path
    )
    return ArtifactFile(*row) if row else None


async def read(db: Database, blobs: Blobs, set_id: str, file: ArtifactFile, end: int) -> AsyncIterator[bytes]:
    """The first `end` bytes of a file of a manifest, which does not hold the bytes of small ones. Raises as `Blobs.read`."""
    if file.segments_json != NO_SEGMENTS:
        async for chunk in blobs.read(set_id, segments(file), 0, end):
            yield chunk
        return
    async with db.read() as tx:
        row = await tx.one(
            "SELECT data FROM artifact_files WHERE set_id = :set AND path = :path", set=set_id, path=file.path
        )
    if row is None or row[0] is None:
        raise FileNotFound(f"The file '{file.path}' was replaced or deleted meanwhile. Read it again.")
    yield row[0][:end]


async def manifest(tx: Tx, set_id: str) -> list[ArtifactFile]:
    """All files, by path."""
    rows = await tx.scan(f"SELECT {_FILE} FROM artifact_files WHERE set_id = :set ORDER BY path", set=set_id)
    return [ArtifactFile(*row) for row in rows]


async def below(tx: Tx, set_id: str, directory: str) -> list[ArtifactFile]:
    """Files whose path begins with `directory` + '/' (all where it is ''), by path: a range of the primary key."""
    if not directory:
        return await manifest(tx, set_id)
    rows = await tx.scan(
        f"SELECT {_FILE} FROM artifact_files WHERE set_id = :set AND path > :first AND path < :last ORDER BY path",
        set=set_id,
        first=directory + "/",
        last=directory + "0",  # '0' follows '/'
    )
    return [ArtifactFile(*row) for row in rows if row[0].startswith(directory + "/")]


class FilesAtPath(NamedTuple):
    """Each '' where there is none, and never both."""

    segments_json: str
    """Of the file at the path"""
    obstacle: str
    """What a file cannot stand beside there: one of its parents, or something below it"""


async def place(tx: Tx, set_id: str, path: str, parents: Sequence[str]) -> FilesAtPath:
    """What is at `path`, or in its way."""
    names, params = among((path, *parents))
    row = await tx.one(  # two ranges of the primary key: with OR, SQLite reads the whole set
        f"SELECT path, segments FROM artifact_files WHERE set_id = :set AND path IN ({names}) UNION ALL "
        "SELECT path, '' FROM artifact_files WHERE set_id = :set AND path >= :first AND path < :last LIMIT 1",
        set=set_id,
        first=path + "/",
        last=path + "0",
        **params,
    )
    if row is None:
        return FilesAtPath("", "")
    return FilesAtPath(row[1], "") if row[0] == path else FilesAtPath("", row[0])


async def uses(tx: Tx, set_id: str, path: str, name: str) -> bool:
    """Is this object part of the file at `path`, or of an upload to there?"""
    stored = await file(tx, set_id, path)
    if stored is not None and any(segment.object == name for segment in segments(stored)):
        return True
    rows = await tx.scan(
        "SELECT p.segment FROM uploads u JOIN upload_parts p ON p.upload_id = u.id WHERE u.set_id = :set AND u.path = :path",
        set=set_id,
        path=path,
    )
    return any(msgspec.json.decode(row[0], type=Segment).object == name for row in rows)


async def set_sha256(tx: WriteTx, set_id: str, path: str, sha256: str) -> None:
    """Fill in what the hashing job read."""
    statement = "UPDATE artifact_files SET sha256 = :sha WHERE set_id = :set AND path = :path"
    await tx.run(statement, set=set_id, path=path, sha=sha256)


async def mark_hashed(tx: WriteTx, set_id: str) -> None:
    await tx.run("UPDATE artifact_sets SET hashed = 1 WHERE id = :id", id=set_id)


def segments(file: ArtifactFile) -> list[Segment]:
    return msgspec.json.decode(file.segments_json, type=list[Segment])


def segments_json(segments: Sequence[Segment]) -> str:
    return msgspec.json.encode(segments).decode()


# --- multipart uploads -----------------------------------------------------------------------------------------------


async def start_upload(tx: WriteTx, set_id: str, path: str, principal_id: str, store_upload: str, at: int) -> str:
    upload_id = new_id()
    await tx.run(
        "INSERT INTO uploads (id, set_id, path, principal_id, store_upload, created_at) "
        "VALUES (:id, :set, :path, :principal, :store, :at)",
        id=upload_id,
        set=set_id,
        path=path,
        principal=principal_id,
        store=store_upload,
        at=at,
    )
    return upload_id


async def upload(tx: Tx, upload_id: str) -> Upload | None:
    row = await tx.one(
        "SELECT id, set_id, path, principal_id, store_upload, created_at FROM uploads WHERE id = :id", id=upload_id
    )
    return Upload(*row) if row else None


async def put_part(tx: WriteTx, upload_id: str, number: int, segment: Segment) -> Segment | None:
    """Add or replace a part; the segment it replaced. The upload must still exist (checked by the foreign key)."""
    before = await tx.one(
        "SELECT segment FROM upload_parts WHERE upload_id = :id AND part_number = :number", id=upload_id, number=number
    )
    await tx.run(
        "INSERT INTO upload_parts (upload_id, part_number, segment) VALUES (:id, :number, :segment) "
        "ON CONFLICT (upload_id, part_number) DO UPDATE SET segment = excluded.segment",
        id=upload_id,
        number=number,
        segment=msgspec.json.encode(segment).decode(),
    )
    return msgspec.json.decode(before[0], type=Segment) if before else None


async def parts(tx: Tx, upload_id: str) -> dict[int, Segment]:
    rows = await tx.scan(
        "SELECT part_number, segment FROM upload_parts WHERE upload_id = :id ORDER BY part_number", id=upload_id
    )
    return {row[0]: msgspec.json.decode(row[1], type=Segment) for row in rows}


async def end_upload(tx: WriteTx, upload_id: str) -> bool:
    """False where it had ended already."""
    return await tx.run("DELETE FROM uploads WHERE id = :id", id=upload_id) == 1


async def uploads_of(tx: Tx, set_id: str) -> list[Upload]:
    rows = await tx.all(
        "SELECT id, set_id, path, principal_id, store_upload, created_at FROM uploads WHERE set_id = :set", set=set_id
    )
    return [Upload(*row) for row in rows]


async def uploads_before(tx: Tx, before: int) -> list[Upload]:
    """Uploads that were started before this time and never ended."""
    rows = await tx.all(
        "SELECT id, set_id, path, principal_id, store_upload, created_at FROM uploads WHERE created_at < :before LIMIT 500",
        before=before,
    )
    return [Upload(*row) for row in rows]
