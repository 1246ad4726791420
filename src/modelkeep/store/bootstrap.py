"""What a first start makes: one metastore, the built-in group, an admin, the default schema, and the deployment's secrets."""

import secrets

import msgspec

from modelkeep.domain.authorization import Actor
from modelkeep.domain.errors import AlreadyExists
from modelkeep.domain.kinds import Kind
from modelkeep.domain.names import DEFAULT_HOME, METASTORE, FullName
from modelkeep.store import principals, securables, token_users
from modelkeep.store.db import Database, UniqueViolation, WriteTx, new_id, now_ms

ADMINS = "admins"
"""The built-in group whose members are account admins."""
ADMIN = "admin"
SYSTEM = Actor("", "modelkeep", "SERVICE_PRINCIPAL")
"""Who acts when no caller does: first start, jobs."""


class Deployment(msgspec.Struct, frozen=True):
    """Facts that every process of one deployment shares."""

    metastore_id: str
    account_id: str
    admin_id: str
    signing_key: str
    """hex; signs URLs"""


async def deployment(db: Database, home: FullName = DEFAULT_HOME) -> Deployment:
    """The deployment's facts, made on the first start (by whichever process comes first)."""
    async with db.read() as tx:
        row = await tx.one("SELECT value FROM deployment WHERE key = 'deployment'")
    if row is None:
        try:
            async with db.write() as tx:
                return await _first_start(tx, home)
        except (UniqueViolation, AlreadyExists):
            return await deployment(db, home)
    return msgspec.json.decode(row[0], type=Deployment)


async def _first_start(tx: WriteTx, home: FullName) -> Deployment:
    at, by = now_ms(), SYSTEM.name
    deployment = Deployment(new_id(), new_id(), "", secrets.token_hex(32))
    everyone = await principals.insert(tx, "GROUP", principals.ACCOUNT_USERS, by, at)
    await token_users.add(tx, [everyone.id], by, at)
    admins = await principals.insert(tx, "GROUP", ADMINS, by, at, principals.PrincipalDetails(account_admin=True))
    admin = await principals.insert(tx, "USER", ADMIN, by, at)
    await principals.add_member(tx, admins, admin)
    deployment = msgspec.structs.replace(deployment, admin_id=admin.id)
    await tx.run(
        "INSERT INTO deployment (key, value) VALUES ('deployment', :value)",
        value=msgspec.json.encode(deployment).decode(),
    )
    await tx.run(
        "INSERT INTO securables (id, kind, space, name, name_key, owner_id, created_at, created_by, updated_at, updated_by) "
        "VALUES (:id, 'METASTORE', 'metastore', 'metastore', 'metastore', :owner, :at, :by, :at, :by)",
        id=deployment.metastore_id,
        owner=admins.id,
        at=at,
        by=by,
    )
    parent = await securables.by_name(tx, METASTORE)
    assert parent is not None and parent.kind is Kind.METASTORE
    name = METASTORE
    for part in home.parts:  # a home for habits of one and two levels
        name = name.child(part)
        await securables.insert(tx, securables.NewSecurable(parent, FullName(name.parts), admins.id, by, at, "", {}))
        parent = await securables.by_name(tx, name)
        assert parent is not None
    return deployment
