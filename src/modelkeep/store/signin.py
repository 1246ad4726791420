"""What tokens are made from: client secrets, federation policies, and who somebody is to an OpenID provider."""

import msgspec

from modelkeep.domain.errors import AlreadyExists
from modelkeep.domain.model import ClientSecret, ExternalIdentity, FederationPolicy
from modelkeep.store.acts_as import acts_as
from modelkeep.store.db import Row, Tx, UniqueViolation, WriteTx, new_id

# --- client secrets --------------------------------------------------------------------------------------------------


async def add_secret(tx: WriteTx, principal_id: str, hash: str, by: str, at: int, expires_at: int) -> ClientSecret:
    secret = ClientSecret(new_id(), hash, at, expires_at)
    await tx.run(
        "INSERT INTO client_secrets (id, hash, principal_id, created_at, created_by, expires_at) "
        "VALUES (:id, :hash, :principal, :at, :by, :expires)",
        id=secret.id,
        hash=hash,
        principal=principal_id,
        at=at,
        by=by,
        expires=expires_at,
    )
    return secret


async def secrets_of(tx: Tx, principal_id: str) -> list[ClientSecret]:
    """Oldest first."""
    rows = await tx.all(
        "SELECT id, hash, created_at, expires_at FROM client_secrets WHERE principal_id = :id ORDER BY created_at, id",
        id=principal_id,
    )
    return [ClientSecret(*row) for row in rows]


async def drop_secret(tx: WriteTx, principal_id: str, id: str) -> bool:
    return bool(
        await tx.run(
            "DELETE FROM client_secrets WHERE id = :id AND principal_id = :principal", id=id, principal=principal_id
        )
    )


async def holder_of_secret(tx: Tx, hash: str) -> Row | None:
    """(secret's id, its expires_at, principal's id, name, active)."""
    return await tx.one(
        "SELECT s.id, s.expires_at, p.id, p.name, p.active FROM client_secrets s "
        "JOIN principals p ON p.id = s.principal_id WHERE s.hash = :hash",
        hash=hash,
    )


async def hold_secret(tx: WriteTx, id: str) -> bool:
    """Is it there, and stays until this transaction is over? What deletes it ends the tokens that were made before."""
    return bool(await tx.run("UPDATE client_secrets SET hash = hash WHERE id = :id", id=id))


async def lock_secret(tx: WriteTx, id: str) -> int | None:
    """When it expires (epoch milliseconds); it stays until this transaction is over. None if it is gone."""
    row = await tx.one("UPDATE client_secrets SET hash = hash WHERE id = :id RETURNING expires_at", id=id)
    return row[0] if row else None


# --- federation policies ---------------------------------------------------------------------------------------------

_POLICY = (
    "f.id, f.policy_id, p.number, f.description, f.issuer, f.subject, f.subject_claim, f.audiences, f.keys, f.created_at, "
    "f.updated_at FROM federation_policies f LEFT JOIN principals p ON p.id = f.principal_id"
)


def _policy(row: Row) -> FederationPolicy:
    audiences = msgspec.json.decode(row[7], type=tuple[str, ...])
    return FederationPolicy(row[0], row[1], row[2], row[3], row[4], row[5], row[6], audiences, row[8], row[9], row[10])


async def policies(tx: Tx, scope: str) -> list[FederationPolicy]:
    """Of a principal, by its id, or of the account (''), in the order of their names."""
    rows = await tx.all(f"SELECT {_POLICY} WHERE f.scope = :scope ORDER BY f.policy_id", scope=scope)
    return [_policy(row) for row in rows]


async def policy(tx: Tx, scope: str, policy_id: str) -> FederationPolicy | None:
    row = await tx.one(
        f"SELECT {_POLICY} WHERE f.scope = :scope AND f.policy_id = :policy", scope=scope, policy=policy_id
    )
    return _policy(row) if row else None


async def add_policy(tx: WriteTx, scope: str, policy: FederationPolicy) -> None:
    """Raises AlreadyExists."""
    try:
        await tx.run(
            "INSERT INTO federation_policies (id, policy_id, principal_id, scope, description, issuer, subject, subject_claim, "
            "audiences, keys, created_at, updated_at) VALUES (:id, :policy, :principal, :scope, :description, :issuer, :subject, "
            ":claim, :audiences, :keys, :at, :at)",
            id=policy.id,
            policy=policy.policy_id,
            principal=scope or None,
            scope=scope,
            at=policy.created_at,
            **_columns(policy),
        )
    except UniqueViolation as error:
        raise AlreadyExists(f"A federation policy '{policy.policy_id}' already exists there.") from error


async def change_policy(tx: WriteTx, policy: FederationPolicy) -> None:
    await tx.run(
        "UPDATE federation_policies SET description = :description, issuer = :issuer, subject = :subject, subject_claim = :claim, "
        "audiences = :audiences, keys = :keys, updated_at = :at WHERE id = :id",
        id=policy.id,
        at=policy.updated_at,
        **_columns(policy),
    )


def _columns(policy: FederationPolicy) -> dict[str, str]:
    return {
        "description": policy.description,
        "issuer": policy.issuer,
        "subject": policy.subject,
        "claim": policy.subject_claim,
        "audiences": msgspec.json.encode(policy.audiences).decode(),
        "keys": policy.keys,
    }


async def drop_policy(tx: WriteTx, id: str) -> None:
    await tx.run("DELETE FROM federation_policies WHERE id = :id", id=id)


async def hold_policy(tx: WriteTx, used: FederationPolicy) -> bool:
    """Is it there as it was read, and stays so until this transaction is over?"""
    return bool(
        await tx.run(
            "UPDATE federation_policies SET scope = scope WHERE id = :id AND updated_at = :at",
            id=used.id,
            at=used.updated_at,
        )
    )


async def lock_policy(tx: WriteTx, id: str) -> bool:
    """Is it there, and stays as it is until this transaction is over?"""
    return bool(await tx.run("UPDATE federation_policies SET scope = scope WHERE id = :id", id=id))


# --- external identities ---------------------------------------------------------------------------------------------


async def link(tx: WriteTx, issuer: str, subject: str, principal_id: str, by: str, at: int) -> str:
    """The link's id. Raises AlreadyExists where the identity is somebody's."""
    id = new_id()
    try:
        await tx.run(
            "INSERT INTO external_identities (id, issuer, subject, principal_id, created_at, created_by) "
            "VALUES (:id, :issuer, :subject, :principal, :at, :by)",
            id=id,
            issuer=issuer,
            subject=subject,
            principal=principal_id,
            at=at,
            by=by,
        )
    except UniqueViolation as error:
        raise AlreadyExists("This subject of that issuer is linked to somebody already. Unlink it first.") from error
    return id


async def linked(tx: Tx, issuer: str, subject: str) -> Row | None:
    """(link's id, principal's id)."""
    return await tx.one(
        "SELECT id, principal_id FROM external_identities WHERE issuer = :issuer AND subject = :subject",
        issuer=issuer,
        subject=subject,
    )


async def hold_link(tx: WriteTx, id: str) -> bool:
    return bool(await tx.run("UPDATE external_identities SET issuer = issuer WHERE id = :id", id=id))


async def links_of(tx: Tx, principal_id: str) -> list[ExternalIdentity]:
    rows = await tx.all(
        "SELECT id, issuer, subject, created_at FROM external_identities WHERE principal_id = :id ORDER BY created_at, id",
        id=principal_id,
    )
    return [ExternalIdentity(*row) for row in rows]


async def unlink(tx: WriteTx, id: str) -> None:
    await tx.run("DELETE FROM external_identities WHERE id = :id", id=id)


async def use_once(tx: WriteTx, state: str, at: int) -> bool:
    """False where this sign-in was finished before, by whatever process."""
    try:
        await tx.run("INSERT INTO used_sign_ins (state, at) VALUES (:state, :at)", state=state, at=at)
    except UniqueViolation:
        return False
    return True


async def forget_used(tx: WriteTx, before: int) -> None:
    await tx.bulk("DELETE FROM used_sign_ins WHERE at < :before", before=before)


async def grants_admin(tx: Tx, group_id: str) -> bool:
    """Does a member of this group become an account, metastore or workspace admin by it, nested groups included?"""
    row = await tx.one(
        f"SELECT 1 FROM {acts_as(':id')} m JOIN principals g ON g.id = m.group_id WHERE "
        "(g.account_admin = 1 OR g.id IN (SELECT owner_id FROM securables WHERE kind = 'METASTORE') "
        "OR EXISTS (SELECT 1 FROM workspace_assignments w WHERE w.principal_id = g.id AND w.level = 'ADMIN')) LIMIT 1",
        id=group_id,
    )
    return row is not None


async def direct_groups(tx: Tx, principal_id: str) -> set[str]:
    """Ids of the groups that somebody is a member of, without those above."""
    rows = await tx.all("SELECT group_id FROM memberships WHERE member_id = :id", id=principal_id)
    return {row[0] for row in rows}
