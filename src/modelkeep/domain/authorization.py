"""Who may do what: one pure decision over the chain of securables from the metastore down to the target.

Rules: Databricks' privileges reference and permissions concepts, as cited at each rule.
"""

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from modelkeep.domain.kinds import RULES, Kind
from modelkeep.domain.model import Securable
from modelkeep.domain.privileges import IMPLIED_BY_ALL, Privilege


class Actor(msgspec.Struct, frozen=True):
    """Who asks. Its groups live in the store, and are read with each decision: never cached here."""

    id: str
    name: str
    kind: str
    account_admin: bool = False
    token_id: str = ""
    source: str = ""
    """The address it called from, '' when unknown."""
    workspace: str = ""
    """The id of the workspace that the request came through."""
    role: str = ""
    """There: USER or ADMIN; '' for who is not assigned to it."""

    @property
    def workspace_admin(self) -> bool:
        """Manages the workspace's assignments and experiments, and nothing of the metastore."""
        return self.account_admin or self.role == "ADMIN"


class Binding(StrEnum):
    """What a workspace may do in a catalog that is bound to it."""

    READ_WRITE = "READ_WRITE"
    READ_ONLY = "READ_ONLY"


class SecurableWithGrants(msgspec.Struct, frozen=True):
    """One securable of a chain, with what the actor (or a group of his) holds directly on it."""

    securable: Securable
    owned: bool
    granted: frozenset[str]
    binding: Binding | None = Binding.READ_WRITE
    """Of a catalog, to the actor's workspace; None where it is isolated and not bound to that one"""


class Requirement(msgspec.Struct, frozen=True):
    """What an operation asks for on one target. Any one of the ways suffices, after the usage of every parent."""

    any_of: tuple[Privilege, ...] = ()
    owner: bool = True
    manage: bool = False
    admin: bool = False
    """The metastore admin may."""
    browse: bool = False
    """BROWSE on the catalog suffices, without the usage of any parent ("view metadata", privileges reference)."""

    def words(self, kind: Kind) -> str:
        """For messages: the privilege that a caller needs first, of those that such a securable knows."""
        for privilege in self.any_of:
            if privilege in RULES[kind].grantable:
                return privilege.words
        if self.any_of:
            return self.any_of[0].words
        return "MANAGE" if self.manage else "OWNERSHIP"


class Decision(msgspec.Struct, frozen=True):
    allowed: bool
    reason: str


def holds(*privileges: Privilege, admin: bool = False) -> Requirement:
    """One of these privileges on the target (granted there or on a container above it), or its ownership."""
    return Requirement(any_of=privileges, admin=admin)


OWNER = Requirement()
OWNER_OR_ADMIN = Requirement(admin=True)
OWNER_OR_MANAGE = Requirement(manage=True, admin=True)
ADMIN = Requirement(owner=False, admin=True)
ANY_PRIVILEGE = Requirement(
    any_of=(Privilege.MANAGE, *sorted(set(Privilege) - {Privilege.MANAGE})), manage=True, admin=True
)
"""Every principal that holds something on the target."""
ANYONE = Requirement(owner=False)
"""Any signed-in caller who can reach the target's parents; lists are filtered row by row."""
CAN_REQUEST_ACCESS = Requirement(owner=False, browse=True)
"""As ANYONE, and all who may browse the catalog: they know of the target, and may request access to it."""
ANY_PRIVILEGE_OR_BROWSE = msgspec.structs.replace(ANY_PRIVILEGE, browse=True)
"""Every principal that holds something on the target, or may browse its catalog."""


def effective(chain: Sequence[SecurableWithGrants]) -> frozenset[str]:
    """The privileges that hold on the last securable of the chain and apply to its kind, inherited ones included.

    "A privilege on a catalog or schema applies to all current and future children"; metastore grants do not inherit;
    ALL PRIVILEGES is evaluated at check time and excludes MANAGE; the owner of a container has MANAGE on what lies in it.
    """
    privileges: set[str] = set()
    for link in chain:
        if link.securable.kind != Kind.METASTORE or len(chain) == 1:
            privileges |= link.granted
    if any(link.owned for link in chain[1:-1]):
        privileges.add(Privilege.MANAGE)
    if Privilege.ALL_PRIVILEGES in privileges:
        privileges |= IMPLIED_BY_ALL
    return RULES[chain[-1].securable.kind].grantable & privileges


def is_admin(chain: Sequence[SecurableWithGrants]) -> bool:
    """Metastore admin: the owner of the metastore, or a member of the group that owns it."""
    return bool(chain) and chain[0].owned


def passes(chain: Sequence[SecurableWithGrants]) -> bool:
    """May the actor reach into the last securable of the chain (a container)?"""
    usage = RULES[chain[-1].securable.kind].usage
    if usage is None or is_admin(chain) or chain[-1].owned:
        return True
    privileges = effective(chain)
    return usage in privileges or Privilege.MANAGE in privileges


def unbound(chain: Sequence[SecurableWithGrants]) -> Decision | None:
    """The refusal where the chain's catalog is not bound to the workspace, whatever is held on it; else None."""
    if len(chain) > 1 and chain[1].binding is None:
        return Decision(False, f"Catalog '{chain[1].securable.full_name}' is not accessible in current workspace.")
    return None


def as_if_bound(chain: Sequence[SecurableWithGrants]) -> list[SecurableWithGrants]:
    """For requests about a catalog that come from any workspace: the bindings themselves."""
    return [msgspec.structs.replace(link, binding=Binding.READ_WRITE) for link in chain]


def blocked_at(chain: Sequence[SecurableWithGrants]) -> Decision | None:
    """The first container of the chain, top-down, that the actor cannot reach into; None where all are open."""
    if closed := unbound(chain):
        return closed
    for depth in range(1, len(chain) + 1):
        if not passes(chain[:depth]):
            securable = chain[depth - 1].securable
            rules = RULES[securable.kind]
            assert rules.usage is not None
            return Decision(False, f"User does not have {rules.usage.words} on {rules.label} '{securable.full_name}'.")
    return None


def decide(need: Requirement, chain: Sequence[SecurableWithGrants], *, writes: bool = False) -> Decision:
    """May the actor whose links these are do what needs `need` on the last of them? The reason is a sentence either way.

    `writes`: it changes what lies in the catalog, which a read-only binding refuses to all."""
    if closed := unbound(chain):
        return closed
    decision = _decide_grants(need, chain)
    if writes and decision.allowed and len(chain) > 1 and chain[1].binding is Binding.READ_ONLY:
        catalog = chain[1].securable.full_name
        return Decision(False, f"Catalog '{catalog}' has been designated as read-only in current workspace.")
    return decision


def _decide_grants(need: Requirement, chain: Sequence[SecurableWithGrants]) -> Decision:
    if need.browse and Privilege.BROWSE in effective(chain[:2]):
        return Decision(True, Privilege.BROWSE.words)
    return blocked_at(chain[:-1]) or decide_here(need, chain)


def decide_here(need: Requirement, chain: Sequence[SecurableWithGrants]) -> Decision:
    """As `decide`, whatever is closed above the last of them."""
    target = chain[-1]
    privileges = effective(chain)
    if need.owner and target.owned:
        return Decision(True, "owner")
    if need.admin and is_admin(chain):
        return Decision(True, "metastore admin")
    if need.manage and Privilege.MANAGE in privileges:
        return Decision(True, "MANAGE")
    for privilege in need.any_of:
        if privilege in privileges:
            return Decision(True, privilege.words)
    if need in (ANYONE, CAN_REQUEST_ACCESS):
        return Decision(True, "any signed-in user")
    called = _called(target.securable)
    if need.any_of or need.manage:
        return Decision(False, f"User does not have {need.words(target.securable.kind)} on {called}.")
    return Decision(False, f"User is not an owner of {called}.")


def _called(securable: Securable) -> str:
    """There is one metastore, and nothing leads to it by name."""
    label, name = RULES[securable.kind].label, securable.full_name
    return f"{label} '{name}'" if name else label


def decide_inside(need: Requirement, chain: Sequence[SecurableWithGrants], *, writes: bool = False) -> Decision:
    """As `decide`, for what is made (or gets a new name) inside the last securable: its own usage is needed as well."""
    return blocked_at(chain) or decide(need, chain, writes=writes)


def knows(chain: Sequence[SecurableWithGrants]) -> bool:
    """Does the actor hold anything on the last securable (so that its existence is no news to him)?"""
    return chain[-1].owned or is_admin(chain) or bool(effective(chain) - _ABOUT_CONTAINERS)


_ABOUT_CONTAINERS = frozenset(
    {
        Privilege.CREATE_MODEL,
        Privilege.CREATE_FUNCTION,
        Privilege.CREATE_TABLE,
        Privilege.CREATE_VOLUME,
        Privilege.CREATE_SCHEMA,
        Privilege.EXTERNAL_USE_SCHEMA,
        Privilege.USE_SCHEMA,
        Privilege.USE_CATALOG,
        Privilege.BROWSE,
        Privilege.ALL_PRIVILEGES,
    }
)
