"""Principals as identity providers see them: found by number, listed, changed as a whole."""

from collections import defaultdict
from collections.abc import Sequence
from typing import TypeVar

import msgspec

from modelkeep.domain.errors import AlreadyExists
from modelkeep.domain.lookalikes import look_key
from modelkeep.domain.model import Email, Identity, Principal, Related
from modelkeep.domain.names import fold_principal
from modelkeep.limits import INLINE_ROWS
from modelkeep.store import principals
from modelkeep.store.db import Params, Row, Tx, UniqueViolation, WriteTx, among

_COLUMNS = (
    "p.id, p.kind, p.name, p.display_name, p.active, p.account_admin, p.created_at, "
    "p.number, p.external_id, p.given_name, p.family_name, p.emails, p.updated_at, p.entitlements"
)
_MAX_NUMBER = 10**17
_AT_ONCE = 500  # ids in one statement

_Item = TypeVar("_Item")


def _identity(row: Row) -> Identity:
    emails = () if row[11] == "[]" else msgspec.json.decode(row[11], type=tuple[Email, ...])
    principal = Principal(row[0], row[1], row[2], row[3], bool(row[4]), bool(row[5]), row[6])
    entitlements = () if row[13] == "[]" else msgspec.json.decode(row[13], type=tuple[str, ...])
    return Identity(principal, row[7], row[8], row[9], row[10], emails, row[12], entitlements=entitlements)


def number_of(text: str) -> int:
    """A number as clients send it; 0, which nobody has, for everything else."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 18 and int(text) < _MAX_NUMBER else 0


async def by_number(tx: Tx, kind: str, number: int) -> Identity | None:
    row = await tx.one(
        f"SELECT {_COLUMNS} FROM principals p WHERE p.number = :number AND p.kind = :kind", number=number, kind=kind
    )
    return _identity(row) if row else None


async def by_id(tx: Tx, principal_id: str) -> Identity | None:
    row = await tx.one(f"SELECT {_COLUMNS} FROM principals p WHERE p.id = :id", id=principal_id)
    return _identity(row) if row else None


async def by_numbers(tx: Tx, numbers: Sequence[int]) -> dict[int, Principal]:
    """Principals of any kind."""
    by_number: dict[int, Principal] = {}
    for part in _parts(numbers):
        marks, names = among(part)
        read = tx.all if len(part) <= INLINE_ROWS else tx.scan
        for row in await read(f"SELECT {_COLUMNS} FROM principals p WHERE p.number IN ({marks})", **names):
            by_number[row[7]] = _identity(row).principal
    return by_number


async def member_counts(tx: Tx, group_ids: Sequence[str]) -> dict[str, int]:
    """Direct members by group; of groups that have some."""
    counts: dict[str, int] = {}
    for part in _parts(group_ids):
        marks, ids = among(part)
        for row in await tx.scan(
            f"SELECT group_id, COUNT(*) FROM memberships WHERE group_id IN ({marks}) GROUP BY group_id", **ids
        ):
            counts[row[0]] = row[1]
    return counts


def _parts(items: Sequence[_Item]) -> list[Sequence[_Item]]:
    return [items[i : i + _AT_ONCE] for i in range(0, len(items), _AT_ONCE)]


async def count(tx: Tx, kind: str) -> int:
    (row,) = await tx.scan("SELECT COUNT(*) FROM principals WHERE kind = :kind", kind=kind)
    return row[0] if row else 0


async def page(tx: Tx, kind: str, skip: int, limit: int) -> list[Identity]:
    """In the order of their names."""
    rows = await tx.scan(
        f"SELECT {_COLUMNS} FROM principals p WHERE p.kind = :kind ORDER BY p.name_key LIMIT :limit OFFSET :skip",
        kind=kind,
        limit=limit,
        skip=skip,
    )
    return [_identity(row) for row in rows]


async def candidates(
    tx: Tx, kind: str, *, number: int | None = None, name: str | None = None, external_id: str | None = None
) -> list[Identity]:
    """All of a kind, or those with this number, this folded name, this external id; in the order of their names."""
    where, params = "", Params()
    for column, value in (("number", number), ("name_key", name), ("external_id", external_id)):
        if value is not None:
            where += f" AND p.{column} = :{column}"
            params[column] = value
    rows = await tx.scan(
        f"SELECT {_COLUMNS} FROM principals p WHERE p.kind = :kind{where} ORDER BY p.name_key", kind=kind, **params
    )
    return [_identity(row) for row in rows]


async def related(tx: Tx, identities: Sequence[Identity]) -> list[Identity]:
    """The same with their groups (nested ones too) and members."""
    groups: dict[str, list[Related]] = defaultdict(list)
    members: dict[str, list[Related]] = defaultdict(list)
    for part in _parts([identity.principal.id for identity in identities]):
        marks, ids = among(part)
        for row in await tx.scan(
            "SELECT m.member_id, g.number, g.name, d.group_id IS NOT NULL FROM ("
            f"SELECT member_id, group_id FROM membership_closure WHERE member_id IN ({marks}) UNION "
            "SELECT direct.member_id, around.group_id FROM memberships direct "
            "JOIN membership_closure around ON around.member_id = direct.group_id "
            f"WHERE direct.member_id IN ({marks})) m JOIN principals g ON g.id = m.group_id "
            "LEFT JOIN memberships d ON d.group_id = m.group_id AND d.member_id = m.member_id "
            "WHERE m.group_id <> m.member_id ORDER BY g.name_key",
            **ids,
        ):
            groups[row[0]].append(Related(row[1], "GROUP", row[2], bool(row[3])))
        for row in await tx.scan(
            "SELECT m.group_id, p.number, p.kind, p.name FROM memberships m JOIN principals p ON p.id = m.member_id "
            f"WHERE m.group_id IN ({marks}) ORDER BY p.name_key",
            **ids,
        ):
            members[row[0]].append(Related(row[1], row[2], row[3]))
    return [
        msgspec.structs.replace(
            identity, groups=tuple(groups[identity.principal.id]), members=tuple(members[identity.principal.id])
        )
        for identity in identities
    ]


async def with_members(tx: Tx, identity: Identity, most: int | None = None) -> Identity:
    """The same with its direct members, without its groups. `most`: one more than these are enough."""
    limit = "" if most is None else f" LIMIT {most + 1}"
    rows = await tx.scan(
        "SELECT p.number, p.kind, p.name FROM memberships m JOIN principals p ON p.id = m.member_id "
        f"WHERE m.group_id = :id{limit}",
        id=identity.principal.id,
    )
    return msgspec.structs.replace(identity, members=tuple(Related(*row) for row in rows))


async def update(tx: WriteTx, identity: Identity, at: int) -> None:
    """Everything but groups and members. Raises AlreadyExists where the new name is taken, or looks like
    another one's."""
    principal = identity.principal
    await principals.check_looks(tx, principal.name, principal.id)
    try:
        await tx.run(
            "UPDATE principals SET name = :name, name_key = :key, look_key = :look, display_name = :display, active = :active, "
            "external_id = :external, given_name = :given, family_name = :family, emails = :emails, entitlements = :entitlements, "
            "updated_at = :at WHERE id = :id",
            id=principal.id,
            name=principal.name,
            key=fold_principal(principal.name),
            look=look_key(principal.name),
            display=principal.display_name,
            active=int(principal.active),
            external=identity.external_id,
            given=identity.given_name,
            family=identity.family_name,
            emails=msgspec.json.encode(identity.emails).decode(),
            entitlements=msgspec.json.encode(identity.entitlements).decode(),
            at=at,
        )
    except UniqueViolation as error:
        raise AlreadyExists(f"A principal named '{principal.name}' already exists.") from error
