"""Users, groups, service principals, their memberships (with the closure that decisions read) and their tokens."""

import secrets
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from modelkeep import limits
from modelkeep.domain.authorization import Actor
from modelkeep.domain.errors import AlreadyExists, InvalidArgument
from modelkeep.domain.lookalikes import look_key
from modelkeep.domain.model import Principal
from modelkeep.domain.names import fold_principal
from modelkeep.store import memberships, principal_rows
from modelkeep.store import token_users as token_rows
from modelkeep.store.acts_as import acts_as
from modelkeep.store.db import Contended, Database, Row, Tx, UniqueViolation, WriteTx, among, new_id

ACCOUNT_USERS = "account users"
"""The built-in group that every user and service principal belongs to."""

WORKSPACE_USERS = "users"
"""Databricks' name for a workspace's own group: everyone who is assigned to the workspace. It is in access lists of experiments alone,
and in the list of who may use tokens, where it stands for the account's group."""

UNKNOWN_TOKEN = "The access token is not known here."
NOT_PERMITTED = "The token's principal may not use personal access tokens. Ask an account admin for CAN_USE on tokens."

_COLUMNS = "p.id, p.kind, p.name, p.display_name, p.active, p.account_admin, p.created_at"


def _principal(row: Row) -> Principal:
    return Principal(row[0], row[1], row[2], row[3], bool(row[4]), bool(row[5]), row[6])


# Account admins are flagged on a principal, often a group: a member is one while the membership lasts.
_ADMIN = f"EXISTS (SELECT 1 FROM {acts_as('p.id')} m JOIN principals g ON g.id = m.group_id WHERE g.account_admin = 1)"
ROLE = (
    f"(SELECT MIN(a.level) FROM {acts_as('p.id')} m CROSS JOIN workspace_assignments a "
    "WHERE a.principal_id = m.group_id AND a.workspace_id = :workspace)"
)
"""What principal p, or a group of his, is assigned to a workspace as; the words' order makes ADMIN win."""
MAY_USE_TOKENS = f"EXISTS (SELECT 1 FROM {acts_as('p.id')} m JOIN token_users u ON u.principal_id = m.group_id)"
"""May principal p use personal access tokens? Account admins may in any case."""
_BY_TOKEN = (
    f"SELECT p.id, p.name, p.kind, {_ADMIN}, t.id, t.expires_at, t.revoked_at, p.active, t.kind, {ROLE}, {MAY_USE_TOKENS} "
    "FROM tokens t JOIN principals p ON p.id = t.principal_id WHERE t.hash = :hash"
)


async def actor_of_token(
    tx: Tx, token_hash: str, now: int, source: str, workspace: str, *, session: bool = False
) -> Actor | str:
    """The token's bearer in a workspace, or the sentence that says why it is refused: one indexed read a request.

    `session`: it came in a browser's cookie, where a session belongs and nothing else does."""
    row = await tx.one(_BY_TOKEN, hash=token_hash, workspace=workspace)
    if row is None or (row[8] == "SESSION") is not session:
        return UNKNOWN_TOKEN
    if row[6] is not None:
        return "The access token was revoked."
    if row[5] is not None and row[5] <= now:
        return "The access token has expired."
    if not row[7]:
        return "The token's principal is deactivated."
    if not row[10] and not row[3] and await token_rows.rests_on_personal_token(tx, row[4]):
        return NOT_PERMITTED
    return Actor(row[0], row[1], row[2], bool(row[3]), row[4], source, workspace, row[9] or "")


_BY_ID = (
    f"SELECT p.id, p.name, p.kind, {_ADMIN}, {ROLE}, t.id, t.expires_at, t.revoked_at "
    "FROM principals p LEFT JOIN tokens t ON t.id = :token WHERE p.id = :id AND p.active = 1"
)


async def actor_of_id(
    tx: Tx, principal_id: str, now: int, source: str, workspace: str, *, token_id: str = ""
) -> Actor | None:
    """An active principal as the one who acts in a workspace (signed URLs); None, too, where the token that he came with is
    no longer valid. One indexed read."""
    row = await tx.one(_BY_ID, id=principal_id, workspace=workspace, token=token_id)
    if row is None:
        return None
    if token_id and (row[5] is None or row[7] is not None or (row[6] is not None and row[6] <= now)):
        return None
    return Actor(row[0], row[1], row[2], bool(row[3]), token_id, source, workspace, row[4] or "")


async def by_name(tx: Tx, name: str) -> Principal | None:
    row = await tx.one(f"SELECT {_COLUMNS} FROM principals p WHERE p.name_key = :key", key=fold_principal(name))
    return _principal(row) if row else None


async def by_names(tx: Tx, names: Iterable[str]) -> dict[str, Principal]:
    """Those of these names that exist, by folded name."""
    by_name: dict[str, Principal] = {}
    keys = list({fold_principal(name) for name in names})
    for start in range(0, len(keys), limits.IDS_PER_STATEMENT):
        marks, part = among(keys[start : start + limits.IDS_PER_STATEMENT])
        read = tx.all if len(part) <= limits.INLINE_ROWS else tx.scan
        for row in await read(f"SELECT {_COLUMNS}, p.name_key FROM principals p WHERE p.name_key IN ({marks})", **part):
            by_name[row[-1]] = _principal(row)
    return by_name


async def names_of(tx: Tx, ids: Sequence[str]) -> dict[str, str]:
    """By id."""
    names: dict[str, str] = {}
    for start in range(0, len(ids), limits.IDS_PER_STATEMENT):
        marks, part = among(ids[start : start + limits.IDS_PER_STATEMENT])
        read = tx.all if len(part) <= limits.INLINE_ROWS else tx.scan
        names.update(
            {row[0]: row[1] for row in await read(f"SELECT id, name FROM principals WHERE id IN ({marks})", **part)}
        )
    return names


async def in_access_list(tx: Tx, name: str) -> Principal | None:
    """Whom an access list, a grant or an owner names: a principal by its name, else the service principal with this display name,
    as Databricks' own tools write it. Raises InvalidArgument if several service principals have it."""
    principal = await by_name(tx, name)
    if principal is not None:
        return principal
    rows = await tx.all(
        f"SELECT {_COLUMNS} FROM principals p WHERE p.display_name = :name AND p.kind = 'SERVICE_PRINCIPAL' "
        "ORDER BY p.name_key LIMIT 2",
        name=name,
    )
    if len(rows) > 1:
        raise InvalidArgument(f"Several service principals are called '{name[:255]}'. Name one by its application id.")
    return _principal(rows[0]) if rows else None


async def by_id(tx: Tx, principal_id: str) -> Principal | None:
    row = await tx.one(f"SELECT {_COLUMNS} FROM principals p WHERE p.id = :id", id=principal_id)
    return _principal(row) if row else None


async def like(tx: Tx, name: str) -> list[str]:
    """The names that come before and after this one: the principal that a misspelled name means is probably among them."""
    key, half = fold_principal(name)[: limits.NEAR_CHARACTERS], limits.NEAR_NAMES // 2
    before = await tx.all(
        "SELECT name FROM principals WHERE name_key < :key ORDER BY name_key DESC LIMIT :half", key=key, half=half
    )
    after = await tx.all(
        "SELECT name FROM principals WHERE name_key >= :key ORDER BY name_key LIMIT :half", key=key, half=half
    )
    return [row[0] for row in (*reversed(before), *after)]


class PrincipalPage(NamedTuple):
    principals: list[Principal]
    following: str
    """The name key after which the list continues; '' at its end"""


async def page(tx: Tx, kind: str, text: str, after: str, limit: int) -> PrincipalPage:
    """Those of a kind whose name or display name has this text in it, in the order of their names."""
    where = ""
    if text:
        where = " AND (p.name_key LIKE :like ESCAPE '!' OR LOWER(p.display_name) LIKE :like ESCAPE '!')"
    rows = await tx.scan(
        f"SELECT {_COLUMNS}, p.name_key FROM principals p WHERE p.kind = :kind AND p.name_key > :after{where} "
        "ORDER BY p.name_key LIMIT :limit",
        kind=kind,
        after=after,
        limit=limit + 1,
        **({"like": _like(text)} if text else {}),
    )
    following = rows[limit - 1][-1] if len(rows) > limit else ""
    return PrincipalPage([_principal(row) for row in rows[:limit]], following)


def _like(text: str) -> str:
    literal = fold_principal(text).replace("!", "!!").replace("%", "!%").replace("_", "!_")
    return f"%{literal}%"


class PrincipalDetails(msgspec.Struct, frozen=True):
    """What a new principal is besides its kind and name."""

    display_name: str = ""
    """'' for its name"""
    account_admin: bool = False


_NO_DETAILS = PrincipalDetails()


async def insert(
    tx: WriteTx, kind: str, name: str, by: str, at: int, details: PrincipalDetails = _NO_DETAILS
) -> Principal:
    """Raises AlreadyExists: users, groups and service principals share one name space, as grants name them all alike."""
    account_admin = details.account_admin
    await lock_account(tx)
    await check_looks(tx, name)
    principal = Principal(new_id(), kind, name, details.display_name or name, True, account_admin, at)
    try:
        await tx.run(
            "INSERT INTO principals (id, number, kind, name, name_key, display_name, account_admin, created_at, created_by, updated_at, "
            "look_key) "
            "VALUES (:id, :number, :kind, :name, :key, :display, :admin, :at, :by, :at, :look)",
            id=principal.id,
            number=10**15 + secrets.randbelow(8 * 10**15),
            kind=kind,
            name=name,
            key=fold_principal(name),
            display=principal.display_name,
            admin=int(account_admin),
            at=at,
            by=by,
            look=look_key(name),
        )
    except UniqueViolation as error:
        raise AlreadyExists(f"A principal named '{name}' already exists.") from error
    await tx.run("INSERT INTO membership_closure (member_id, group_id) VALUES (:id, :id)", id=principal.id)
    if kind != "GROUP":
        await tx.run(
            "INSERT INTO membership_closure (member_id, group_id) SELECT :id, id FROM principals WHERE name_key = :everyone",
            id=principal.id,
            everyone=ACCOUNT_USERS,
        )
    return principal


async def check_looks(tx: Tx, name: str, besides: str = "") -> None:
    """`besides`: the id of the principal that gets this name. Raises AlreadyExists if another one's name looks like it; the
    caller holds the account's lock."""
    if look_key(name) == look_key(WORKSPACE_USERS) and not await _has_name(tx, besides, name):
        raise AlreadyExists(
            f"'{WORKSPACE_USERS}' is each workspace's own group, of everyone who is assigned to it. Choose another name."
        )
    row = await tx.one(
        "SELECT name FROM principals WHERE look_key = :look AND name_key <> :key AND id <> :id LIMIT 1",
        look=look_key(name),
        key=fold_principal(name),
        id=besides,
    )
    if row is not None:
        raise AlreadyExists(f"The name '{name}' looks like '{row[0]}', which already exists. Choose another name.")


async def _has_name(tx: Tx, principal_id: str, name: str) -> bool:
    row = await tx.one("SELECT name_key FROM principals WHERE id = :id", id=principal_id)
    return row is not None and row[0] == fold_principal(name)


async def fill_look_keys(db: Database) -> None:
    """Of principals that were written by an older program."""
    while True:
        async with db.write() as tx:
            rows = await tx.all("SELECT id, name FROM principals WHERE look_key = '' LIMIT 1000")
            if rows:
                await tx.run_many(
                    "UPDATE principals SET look_key = :look WHERE id = :id",
                    [{"id": row[0], "look": look_key(row[1])} for row in rows],
                )
        if not rows:
            return


async def set_active(tx: WriteTx, principal: Principal, active: bool) -> None:
    await tx.run("UPDATE principals SET active = :active WHERE id = :id", id=principal.id, active=int(active))


async def members(tx: Tx, group: Principal, after: str, limit: int) -> PrincipalPage:
    """In the order of their names, from behind the name key `after` on."""
    rows = await tx.scan(
        f"SELECT {_COLUMNS}, p.name_key FROM memberships m JOIN principals p ON p.id = m.member_id "
        "WHERE m.group_id = :id AND p.name_key > :after ORDER BY p.name_key LIMIT :limit",
        id=group.id,
        after=after,
        limit=limit + 1,
    )
    following = rows[limit - 1][-1] if len(rows) > limit else ""
    return PrincipalPage([_principal(row) for row in rows[:limit]], following)


async def groups_of(tx: Tx, principal_id: str) -> list[str]:
    """Names of all groups that the principal acts as, nested ones included."""
    rows = await tx.all(
        f"SELECT p.name FROM principals p WHERE p.id IN {acts_as(':id')} AND p.id <> :id ORDER BY p.name_key",
        id=principal_id,
    )
    return [row[0] for row in rows]


async def belongs(tx: Tx, principal_id: str, group: str) -> bool:
    """Is it a member of the group of this name, through others too?"""
    row = await tx.one(
        f"SELECT 1 FROM principals g WHERE g.name_key = :key AND g.kind = 'GROUP' AND g.id IN {acts_as(':id')}",
        key=fold_principal(group),
        id=principal_id,
    )
    return row is not None


async def hold(tx: WriteTx, principal_id: str) -> None:
    """Changes that count what a principal, or ('') the account, has queue here."""
    where = "id = :who" if principal_id else "name_key = :who"
    await tx.run(f"UPDATE principals SET active = active WHERE {where}", who=principal_id or ACCOUNT_USERS)


async def lock_account(tx: WriteTx) -> None:
    """Changes of principals and memberships queue here until commit, each before it reads what it decides on: the closure
    of memberships, who is still an account admin, the principal that it writes back."""
    await hold(tx, "")


async def token_users(tx: Tx) -> list[Principal]:
    """Who may use personal access tokens, besides account admins, in the order of their names."""
    rows = await tx.scan(
        f"SELECT {_COLUMNS} FROM token_users u JOIN principals p ON p.id = u.principal_id ORDER BY p.name_key"
    )
    return [_principal(row) for row in rows]


async def may_use_tokens(tx: Tx, principal_id: str) -> bool:
    """By its own name, by a group's, or as an account admin."""
    row = await tx.one(f"SELECT {MAY_USE_TOKENS}, {_ADMIN} FROM principals p WHERE p.id = :id", id=principal_id)
    return row is not None and bool(row[0] or row[1])


async def any_account_admin(tx: Tx) -> bool:
    """Is there an active user or service principal who is an account admin?"""
    active = "g.account_admin = 1 AND p.active = 1 AND p.kind <> 'GROUP'"
    # In this order, which begins with the few that are flagged: SQLite would begin with all principals.
    rows = await tx.scan(
        "SELECT 1 FROM principals g CROSS JOIN membership_closure c CROSS JOIN principals p "
        f"WHERE c.group_id = g.id AND p.id = c.member_id AND {active} UNION ALL "
        "SELECT 1 FROM principals g CROSS JOIN membership_closure c CROSS JOIN memberships d CROSS JOIN principals p "
        f"WHERE c.group_id = g.id AND d.group_id = c.member_id AND p.id = d.member_id AND {active} LIMIT 1"
    )
    return bool(rows)


async def is_account_admin(tx: Tx, principal_id: str) -> bool:
    """By membership, nested ones too; active or not."""
    return await tx.one(f"SELECT 1 FROM principals p WHERE p.id = :id AND {_ADMIN}", id=principal_id) is not None


async def account_admins(tx: Tx) -> list[Principal]:
    """All users and service principals who are account admins, deactivated ones too, in the order of their names."""
    rows = await tx.scan(
        f"SELECT {_COLUMNS} FROM principals p WHERE p.kind <> 'GROUP' AND {_ADMIN} ORDER BY p.name_key"
    )
    return [_principal(row) for row in rows]


async def delete(tx: WriteTx, principal: Principal) -> None:
    """Its tokens, grants and memberships go with it: few of them (`principal_rows`). Raises InvalidArgument while it owns
    anything, Contended where others delete much of what it owned."""
    await lock_account(tx)
    await principal_rows.give_up_detached(tx, principal.id, limits.MEMBERS_PER_STEP)
    if name := await principal_rows.owned(tx, principal.id):
        raise InvalidArgument(f"'{principal.name}' still owns '{name}' or more. Transfer the ownership first.")
    if await tx.one("SELECT 1 FROM securables WHERE owner_id = :id LIMIT 1", id=principal.id):
        raise Contended(f"Others delete what '{principal.name}' owned at the same time. Try again in a moment.")
    await memberships.remove_all(tx, principal.id)
    await tx.bulk("DELETE FROM principals WHERE id = :id", id=principal.id)


async def add_member(tx: WriteTx, group: Principal, member: Principal) -> None:
    """Raises InvalidArgument where the group would contain itself."""
    await lock_account(tx)
    await memberships.add(tx, group, [member.id])


async def remove_member(tx: WriteTx, group: Principal, member: Principal) -> None:
    await lock_account(tx)
    await memberships.remove(tx, group, [member.id])


async def account_users(tx: Tx) -> str:
    """The id of the group of all users of the account."""
    row = await tx.one("SELECT id FROM principals WHERE kind = 'GROUP' AND name_key = :name", name=ACCOUNT_USERS)
    assert row is not None
    return row[0]
