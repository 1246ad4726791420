"""Which folder belongs to which securable, and until when credentials that write are valid there."""

from collections.abc import Sequence

import msgspec

from modelkeep.domain.storage_urls import StorageUrl
from modelkeep.store.db import Tx, WriteTx, among
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
    params: dict[str, str] = {}
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
