"""Tag policies (governed tags) as rows, and who may do what with them."""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from modelkeep.domain.errors import AlreadyExists
from modelkeep.store.acts_as import acts_as
from modelkeep.store.db import Tx, UniqueViolation, WriteTx, among, new_id
from modelkeep.store.principals import ACCOUNT_USERS

ACCOUNT = ""
"""The policy id of rules that hold for every policy."""


class GovernedTag(msgspec.Struct, frozen=True):
    id: str
    key: str
    description: str
    allowed_json: str
    created_at: int
    updated_at: int

    @property
    def allowed(self) -> tuple[str, ...]:
        """The values that the tag may have; with none, it is a key alone."""
        return msgspec.json.decode(self.allowed_json, type=tuple[str, ...])


class AssignmentRule(msgspec.Struct, frozen=True):
    role: str
    """CREATE, MANAGE, ASSIGN"""
    kind: str
    principal: str


_ME = acts_as(":actor")
_COLUMNS = "id, tag_key, description, allowed, created_at, updated_at"


async def by_key(tx: Tx, key: str) -> GovernedTag | None:
    row = await tx.one(f"SELECT {_COLUMNS} FROM tag_policies WHERE tag_key = :key", key=key)
    return GovernedTag(*row) if row else None


async def by_id(tx: Tx, id: str) -> GovernedTag | None:
    row = await tx.one(f"SELECT {_COLUMNS} FROM tag_policies WHERE id = :id", id=id)
    return GovernedTag(*row) if row else None


async def page(tx: Tx, after: str, limit: int) -> list[GovernedTag]:
    """By key."""
    rows = await tx.all(
        f"SELECT {_COLUMNS} FROM tag_policies WHERE tag_key > :after ORDER BY tag_key LIMIT :limit",
        after=after,
        limit=limit,
    )
    return [GovernedTag(*row) for row in rows]


class TagForActor(NamedTuple):
    tag: GovernedTag
    may_assign: bool


async def of_keys(tx: Tx, keys: Iterable[str], actor_id: str) -> list[TagForActor]:
    """Those that govern one of these keys, and whether the actor may assign it."""
    marks, params = among(sorted(keys))
    rows = await tx.all(
        f"SELECT {_COLUMNS}, EXISTS (SELECT 1 FROM tag_policy_rules r WHERE r.principal_id IN {_ME} "
        f"AND r.policy_id IN ('', tag_policies.id) AND r.role IN ('ASSIGN', 'MANAGE')) "
        f"FROM tag_policies WHERE tag_key IN ({marks}) ORDER BY tag_key",
        actor=actor_id,
        **params,
    )
    return [TagForActor(GovernedTag(*row[:-1]), bool(row[-1])) for row in rows]


async def may(tx: Tx, policy_id: str, actor_id: str, role: str) -> bool:
    """Does the actor, or a group of his, have this role on the policy or on all of them?"""
    row = await tx.one(
        f"SELECT 1 FROM tag_policy_rules r WHERE r.principal_id IN {_ME} "
        "AND r.policy_id IN ('', :id) AND r.role = :role LIMIT 1",
        actor=actor_id,
        id=policy_id,
        role=role,
    )
    return row is not None


async def governs(tx: Tx, actor_id: str) -> bool:
    """May he make policies, or change one?"""
    row = await tx.one(
        f"SELECT 1 FROM tag_policy_rules r WHERE r.principal_id IN {_ME} AND r.role IN ('CREATE', 'MANAGE') LIMIT 1",
        actor=actor_id,
    )
    return row is not None


async def insert(tx: WriteTx, key: str, description: str, allowed: tuple[str, ...], at: int) -> str:
    """The new policy's id. Raises AlreadyExists."""
    id = new_id()
    try:
        await tx.run(
            "INSERT INTO tag_policies (id, tag_key, description, allowed, created_at, updated_at) "
            "VALUES (:id, :key, :description, :allowed, :at, :at)",
            id=id,
            key=key,
            description=description,
            allowed=_json(allowed),
            at=at,
        )
    except UniqueViolation as error:
        raise AlreadyExists(f"Tag key '{key}' has a tag policy already. Update that one.") from error
    return id


async def update(tx: WriteTx, policy: GovernedTag, description: str, allowed: tuple[str, ...], at: int) -> None:
    await tx.run(
        "UPDATE tag_policies SET description = :description, allowed = :allowed, updated_at = :at WHERE id = :id",
        id=policy.id,
        description=description,
        allowed=_json(allowed),
        at=at,
    )


async def delete(tx: WriteTx, policy: GovernedTag) -> None:
    """With its rules; tags that were set stay as they are."""
    await tx.run("DELETE FROM tag_policy_rules WHERE policy_id = :id", id=policy.id)
    await tx.run("DELETE FROM tag_policies WHERE id = :id", id=policy.id)


async def rules(tx: Tx, policy_id: str) -> list[AssignmentRule]:
    rows = await tx.all(
        "SELECT r.role, p.kind, p.name FROM tag_policy_rules r JOIN principals p ON p.id = r.principal_id "
        "WHERE r.policy_id = :id ORDER BY r.role, p.name_key",
        id=policy_id,
    )
    return [AssignmentRule(*row) for row in rows]


async def put_rules(tx: WriteTx, policy_id: str, granted: Iterable[tuple[str, str]]) -> None:
    """Make these (role, principal id), and no others, the rules."""
    await tx.run("DELETE FROM tag_policy_rules WHERE policy_id = :id", id=policy_id)
    await tx.run_many(
        "INSERT INTO tag_policy_rules (policy_id, role, principal_id) VALUES (:id, :role, :principal)",
        [{"id": policy_id, "role": role, "principal": principal} for role, principal in sorted(set(granted))],
    )


async def lock(tx: WriteTx, policy_id: str) -> None:
    """Changes of a policy's rules queue on its row; those of the rules for all of them on the group of all users."""
    if policy_id == ACCOUNT:
        await tx.run("UPDATE principals SET active = active WHERE name_key = :everyone", everyone=ACCOUNT_USERS)
    else:
        await tx.run("UPDATE tag_policies SET updated_at = updated_at WHERE id = :id", id=policy_id)


def _json(values: tuple[str, ...]) -> str:
    return msgspec.json.encode(values).decode()
