"""Who may use personal access tokens: principals that account admins name, groups with all their members. Admins always may."""

from collections.abc import Collection

from modelkeep.store.db import Tx, WriteTx, among


async def add(tx: WriteTx, principal_ids: Collection[str], by: str, at: int) -> None:
    """One that is there already stays. `at`: epoch ms."""
    await tx.run_many(
        "INSERT INTO token_users (principal_id, created_at, created_by) VALUES (:id, :at, :by) ON CONFLICT DO NOTHING",
        [{"id": principal_id, "at": at, "by": by} for principal_id in sorted(principal_ids)],
    )


async def remove(tx: WriteTx, principal_ids: Collection[str]) -> None:
    """One that is not there is no error."""
    if principal_ids:
        marks, ids = among(sorted(principal_ids))
        await tx.bulk(f"DELETE FROM token_users WHERE principal_id IN ({marks})", **ids)


async def rests_on_personal_token(tx: Tx, token_id: str) -> bool:
    """Is it a personal access token, a session that began with one, or an access token that a client got in such a session?"""
    row = await tx.one(
        "SELECT t.kind, t.origin_kind, o.kind, o.origin_kind FROM tokens t LEFT JOIN tokens o ON o.id = t.origin_id "
        "WHERE t.id = :id",
        id=token_id,
    )
    if row is None:
        return True
    kind, origin_kind, of_kind, of_origin_kind = row
    if kind == "PERSONAL":
        return True
    # What an OAuth client refreshes is a token of kind ACCESS, with the origin of the session in which it was allowed.
    return origin_kind == "TOKEN" and (of_kind != "ACCESS" or of_origin_kind == "TOKEN")
