"""`modelkeep check`: do the database and the storage tell the same story?"""

from collections.abc import AsyncIterator

from modelkeep.blobs.port import Blobs
from modelkeep.domain.privileges import Privilege
from modelkeep.store import checks, files, jobs, securables
from modelkeep.store.db import Database, now_ms

_FRESH_MS = 60 * 60_000  # objects of an open set may be younger than their rows: a write that is under way


async def findings(db: Database, blobs: Blobs, *, repair: bool = False) -> AsyncIterator[str]:
    """One sentence for each disagreement. With `repair`, what nothing refers to is queued for deletion."""
    async for text in _sets(db, blobs, repair):
        yield text
    async for text in _storage(db, blobs, repair):
        yield text
    async with db.read() as tx:
        refs, dangling, homeless = await checks.miscounted(tx), await checks.dangling(tx), await checks.homeless(tx)
        unowned, bare = await checks.unowned(tx), await checks.volumes_without_set(tx)
        short = await checks.cut_short(tx)
    for set_id, path, recorded, stored in short:
        yield f"File '{path}' of artifact set {set_id}: {recorded} bytes are recorded, its row holds {stored}."
    for set_id in unowned:
        yield f"Artifact set {set_id} is a volume's and belongs to no volume."
    for volume_id in bare:
        yield f"Volume {volume_id} is managed and has no artifact set."
    for set_id, counted, real in refs:
        yield f"Artifact set {set_id} counts {counted} references and has {real}."
    for model_id, alias in dangling:
        yield f"Alias '{alias}' of model or prompt {model_id} points at a version that does not exist."
    for version_id in homeless:
        yield f"Version {version_id} is READY and has no live artifact set."


async def notes(db: Database) -> AsyncIterator[str]:
    """One sentence for each thing that is no disagreement, and that an operator may want to change."""
    async with db.read() as tx:
        for privilege, principal, securable_id in await checks.outdated_grants(tx, sorted(Privilege)):
            if (name := await securables.name_of(tx, securable_id)) is None:
                continue  # deleted; a job removes its rows
            yield (
                f"'{principal}' was granted {privilege} on '{name}' when that meant nothing here: it has no effect until it is "
                "granted again."
            )


async def _sets(db: Database, blobs: Blobs, repair: bool) -> AsyncIterator[str]:
    """Every file of every manifest against what lies in storage."""
    async with db.read() as tx:
        rows = await checks.every_set(tx)
    for set_id, state, created_at in rows:
        if state == "deleting":
            if repair:
                async with db.write() as tx:
                    await jobs.enqueue(tx, "purge", set_id)
            continue
        async with db.read() as tx:
            manifest = await files.manifest(tx, set_id)
            known = {
                s.object for p in await files.uploads_of(tx, set_id) for s in (await files.parts(tx, p.id)).values()
            }
        there = {listed.object: listed.size for listed in await blobs.list_set(set_id)}
        for file in manifest:
            for segment in files.segments(file):
                known.add(segment.object)
                if there.get(segment.object) != segment.size:
                    size = there.get(segment.object, "nothing")
                    yield f"File '{file.path}' of artifact set {set_id}: {segment.size} bytes are recorded, {size} found."
        if state == "live" or now_ms() - created_at > _FRESH_MS:
            strays = [name for name in there if name not in known and not (blobs.direct and state == "open")]
            for name in strays:
                yield f"Object {name} of artifact set {set_id} is in no manifest."
            if repair and strays:
                async with db.write() as tx:
                    for name in strays:
                        await jobs.enqueue(tx, "drop", f"{set_id}/{name}")


async def _storage(db: Database, blobs: Blobs, repair: bool) -> AsyncIterator[str]:
    """Sets in storage that the database does not know."""
    async for set_id in blobs.sets():
        async with db.read() as tx:
            row = await files.get_set(tx, set_id)
        if row is None:
            yield f"Artifact set {set_id} lies in storage and is not in the database."
            if repair:
                await blobs.delete_set(set_id)
