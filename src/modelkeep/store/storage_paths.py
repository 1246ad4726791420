"""Which folder belongs to which securable, and until when credentials that write are valid there."""

from collections.abc import Sequence

import msgspec

from modelkeep.domain.errors import InvalidArgument
from modelkeep.domain.storage_urls import StorageUrl, parse_storage_url
from modelkeep.limits import IDS_PER_STATEMENT, INLINE_ROWS
from modelkeep.store.db import Database, Params, Tx, WriteTx, among
from modelkeep.store.securables import attached

EXTERNAL_LOCATION = "EXTERNAL_LOCATION"


class StoragePath(msgspec.Struct, frozen=True):
    """One row: a folder of an external location, a storage root, an external table or an external volume."""

    securable_id: str
    kind: str
    path: str
    location_id: str
    """Of the external location that the securable was created under; '' where there was none."""
    owner_id: str
    """Of the securable."""


class CredentialOfPath(msgspec.Struct, frozen=True):
    """What an external location says about the sessions below it."""

    location_id: str
    url: str
    read_only: bool
    role_arn: str
    """'' for a folder of this machine"""
    external_id: str
    """What the role's trust policy may demand."""


_SELECT = (
    "SELECT p.securable_id, p.kind, p.path, COALESCE(p.location_id, ''), x.owner_id FROM storage_paths p "
    f"JOIN securables x ON x.id = p.securable_id AND {attached('x')} "
)


def _folded(url: StorageUrl) -> str:
    """SeaweedFS reads the resources of a policy without regard to case, so folders that differ in case alone are one here."""
    return str(url).casefold()


async def insert(
    tx: WriteTx, securable_id: str, kind: str, url: StorageUrl, location_id: str = "", credential_id: str = ""
) -> None:
    """Or replace. `credential_id`: of an external location."""
    await tx.run(
        "INSERT INTO storage_paths (securable_id, kind, path, folded, location_id, credential_id) VALUES (:id, :kind, :path, "
        ":folded, :location, :credential) ON CONFLICT (securable_id) DO UPDATE SET path = excluded.path, "
        "folded = excluded.folded, location_id = excluded.location_id, "
        "credential_id = excluded.credential_id",
        id=securable_id,
        kind=kind,
        path=str(url),
        folded=_folded(url),
        location=location_id or None,
        credential=credential_id or None,
    )


async def remove(tx: WriteTx, securable_id: str) -> None:
    await tx.run("DELETE FROM storage_paths WHERE securable_id = :id", id=securable_id)


async def above(tx: Tx, url: StorageUrl) -> list[StoragePath]:
    """Of this folder and of each folder above it, the nearest first. Case does not count: see `_folded`."""
    marks, params = among(_folded(folder) for folder in url.ancestors())
    rows = await tx.all(f"{_SELECT}WHERE p.folded IN ({marks})", **params)
    return sorted((StoragePath(*row) for row in rows), key=lambda path: len(path.path), reverse=True)


async def below(tx: Tx, url: StorageUrl, limit: int, kinds: Sequence[str] = ()) -> list[StoragePath]:
    """Up to `limit` of folders below this one, by path. `kinds`: only these; () is all."""
    params: Params = {}
    among_kinds = ""
    if kinds:
        marks, params = among(kinds)
        among_kinds = f"AND p.kind IN ({marks}) "
    rows = await tx.all(
        f"{_SELECT}WHERE p.folded >= :low AND p.folded < :high {among_kinds}ORDER BY p.folded, p.securable_id LIMIT :limit",
        low=f"{_folded(url)}/",
        high=f"{_folded(url)}0",  # the character after the slash
        limit=limit,
        **params,
    )
    return [StoragePath(*row) for row in rows]


async def credential_of(tx: Tx, location_id: str) -> CredentialOfPath | None:
    """Of an external location that is there, with its storage credential."""
    row = await tx.one(
        f"SELECT p.path, x.spec, c.spec FROM storage_paths p JOIN securables x ON x.id = p.securable_id AND {attached('x')} "
        "LEFT JOIN securables c ON c.id = p.credential_id AND c.kind = 'STORAGE_CREDENTIAL' "
        "WHERE p.securable_id = :id AND p.kind = 'EXTERNAL_LOCATION'",
        id=location_id,
    )
    if row is None:
        return None
    location, credential = (msgspec.json.decode(spec or "{}", type=dict[str, str]) for spec in row[1:])
    read_only = "true" in (location.get("read_only"), credential.get("read_only"))
    return CredentialOfPath(
        location_id, row[0], read_only, credential.get("role_arn", ""), credential.get("external_id", "")
    )


async def keep_write_expiry(tx: WriteTx, storage_id: str, expires_at: int) -> None:
    """The latest expiry (epoch ms) of credentials that write here."""
    await tx.run(
        "INSERT INTO write_credentials (storage_id, expires_at) VALUES (:id, :at) ON CONFLICT (storage_id) DO UPDATE SET "
        "expires_at = CASE WHEN excluded.expires_at > write_credentials.expires_at THEN excluded.expires_at "
        "ELSE write_credentials.expires_at END",
        id=storage_id,
        at=expires_at,
    )


async def write_expiry(tx: Tx, storage_id: str) -> int:
    """Until when (epoch ms) somebody may still write there; 0: nobody."""
    row = await tx.one("SELECT expires_at FROM write_credentials WHERE storage_id = :id", id=storage_id)
    return row[0] if row else 0


async def forget_write_expiry(tx: WriteTx, storage_id: str) -> None:
    """Once the folder is gone."""
    await tx.run("DELETE FROM write_credentials WHERE storage_id = :id", id=storage_id)


class LocationDetails(msgspec.Struct, frozen=True):
    """What an external location has beside a securable's own fields."""

    url: StorageUrl
    credential_id: str
    credential_name: str


async def details(tx: Tx, location_ids: Sequence[str]) -> dict[str, LocationDetails]:
    """By the location's id."""
    by_id: dict[str, LocationDetails] = {}
    for start in range(0, len(location_ids), IDS_PER_STATEMENT):
        marks, params = among(location_ids[start : start + IDS_PER_STATEMENT])
        read = tx.all if len(params) <= INLINE_ROWS else tx.scan
        for row in await read(
            "SELECT p.securable_id, p.path, COALESCE(c.id, ''), COALESCE(c.name_key, '') FROM storage_paths p "
            "LEFT JOIN securables c ON c.id = p.credential_id AND c.kind = 'STORAGE_CREDENTIAL' "
            f"WHERE p.kind = 'EXTERNAL_LOCATION' AND p.securable_id IN ({marks})",
            **params,
        ):
            by_id[row[0]] = LocationDetails(parse_storage_url(row[1], "url"), row[2], row[3])
    return by_id


async def below_of_others(tx: Tx, url: StorageUrl, owner_id: str, own_id: str = "") -> StoragePath | None:
    """A folder below this one whose securable belongs to somebody else, and was not created under the location `own_id`."""
    row = await tx.one(
        f"{_SELECT}WHERE p.folded >= :low AND p.folded < :high AND x.owner_id <> :owner AND p.securable_id <> :own "
        "AND COALESCE(p.location_id, '') <> :own LIMIT 1",
        low=f"{_folded(url)}/",
        high=f"{_folded(url)}0",
        owner=owner_id,
        own=own_id or "-",
    )
    return StoragePath(*row) if row else None


async def adopt(tx: WriteTx, url: StorageUrl, location_id: str) -> None:
    """Tables and volumes below the folder that are under no location belong to this one from now on."""
    await tx.bulk(
        "UPDATE storage_paths SET location_id = :location WHERE location_id IS NULL AND kind <> 'EXTERNAL_LOCATION' "
        "AND folded >= :low AND folded < :high AND SUBSTR(path, 1, :length) = :prefix",
        location=location_id,
        low=f"{_folded(url)}/",
        high=f"{_folded(url)}0",
        prefix=f"{url}/",
        length=len(str(url)) + 1,
    )


async def is_used(tx: Tx, location_id: str) -> bool:
    """Was something that is there created under the location?"""
    return await tx.one(f"{_SELECT}WHERE p.location_id = :id LIMIT 1", id=location_id) is not None


async def is_credential_used(tx: Tx, credential_id: str) -> bool:
    return await tx.one(f"{_SELECT}WHERE p.credential_id = :id LIMIT 1", id=credential_id) is not None


async def lock(tx: WriteTx, securable_id: str) -> None:
    """Hold the row until commit: another change in the same location waits."""
    await tx.run("UPDATE storage_paths SET kind = kind WHERE securable_id = :id", id=securable_id)


async def fill(db: Database) -> None:
    """Once: folders of tables and volumes that an older program registered, under no location."""
    async with db.read() as tx:
        if await tx.one("SELECT 1 FROM deployment WHERE key = :key", key=_FILLED) is not None:
            return
    after = ""
    while True:
        async with db.write() as tx:
            rows = await tx.all(
                "SELECT x.id, x.kind, x.spec FROM securables x WHERE x.kind IN ('TABLE', 'VOLUME') AND x.id > :after "
                "ORDER BY x.id LIMIT 500",
                after=after,
            )
            for id, kind, spec in rows:
                if (url := _location_in(spec)) is not None:
                    await insert(tx, id, kind, url)
            if not rows:
                await tx.run(
                    "INSERT INTO deployment (key, value) VALUES (:key, '1') ON CONFLICT DO NOTHING", key=_FILLED
                )
                return
            after = rows[-1][0]


_FILLED = "storage_paths"


class _Definition(msgspec.Struct):
    """What a table says of itself, as far as it matters here."""

    storage_location: str = ""


def _location_in(spec: str) -> StorageUrl | None:
    fields = msgspec.json.decode(spec, type=dict[str, str])
    definition = msgspec.json.decode(fields.get("definition", "{}"), type=_Definition)
    text = fields.get("storage_location") or definition.storage_location
    try:
        return parse_storage_url(text)
    except InvalidArgument:
        return None
