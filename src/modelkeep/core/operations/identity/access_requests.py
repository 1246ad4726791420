"""Requests for access: who knows of something asks, who manages it sees that and decides; approving grants.

Limits: databricks-sdk, RfaAPI. Nothing is sent anywhere: destinations are shown, the inbox is here.
"""

import msgspec

from modelkeep.core.context import ReadCtx, WriteCtx
from modelkeep.core.operation import Target
from modelkeep.core.operations.governance.grants import ChangeGrants, GrantChange, change_grants, grantee, parse
from modelkeep.domain import authorization
from modelkeep.domain.errors import InvalidArgument, LimitExceeded, NotFound, PermissionDenied, WrongState
from modelkeep.domain.kinds import RULES
from modelkeep.domain.model import Page, Principal, Securable
from modelkeep.domain.names import METASTORE, FullName
from modelkeep.domain.paging import page_size
from modelkeep.limits import PENDING_ACCESS_REQUESTS_PER_REQUESTER
from modelkeep.store import access_requests, identities, principals, securables
from modelkeep.store.access_requests import AccessRequest, Destination

MAX_ASKS, MAX_COMMENT, MAX_REASON = 30, 200, 1000
MAX_OF_A_SORT = 5
STATES = ("PENDING", "APPROVED", "REJECTED", "WITHDRAWN")
TYPES = ("EMAIL", "SLACK", "MICROSOFT_TEAMS", "GENERIC_WEBHOOK", "URL")
_KNOWN = Target("name", authorization.CAN_REQUEST_ACCESS, any_kind=True)
_MANAGED = Target("name", authorization.OWNER_OR_MANAGE, any_kind=True)
_GRANTS = msgspec.structs.replace(_MANAGED, writes=True)
_LAST = "~"
"""after every id"""


class RequestedPrivileges(msgspec.Struct, frozen=True):
    """Privileges on one securable."""

    name: FullName
    privileges: tuple[str, ...]


class Ask(msgspec.Struct, frozen=True):
    """For one principal: '' is the caller; else a name, or the number that identity providers know."""

    wanted: tuple[RequestedPrivileges, ...]  # house: name because the audit log records requests by field
    principal: str = ""
    comment: str = ""


class AskAccess(msgspec.Struct, frozen=True):
    """All of the requests are made, or none."""

    asks: tuple[Ask, ...]


class Answered(msgspec.Struct, frozen=True):
    """What became of one Ask."""

    principal: Principal
    number: int
    requests: tuple[str, ...]
    destinations: "tuple[Destinations, ...]"


class Destinations(msgspec.Struct, frozen=True):
    """Where to ask for access to a securable: those of the nearest one that has some; with none, its owner."""

    securable: Securable
    source: Securable
    found: tuple[Destination, ...]  # house: name because the answer has this field


class ListAccessRequests(msgspec.Struct, frozen=True):
    """Newest first: those on what the caller manages, and his own. `state` ALL is any."""

    state: str = "PENDING"
    max_results: int | None = None
    page_token: str = ""


class DecideAccess(msgspec.Struct, frozen=True):
    """Approving grants the requested privileges, in the same transaction."""

    id: str
    approve: bool
    reason: str = ""


class WithdrawAccess(msgspec.Struct, frozen=True):
    id: str


class GetAccessDestinations(msgspec.Struct, frozen=True):
    name: FullName


class ChangeAccessDestinations(msgspec.Struct, frozen=True):
    """None at all: those of the containers above hold again."""

    name: FullName
    destinations: tuple[Destination, ...]


class VisibleAccessRequest(msgspec.Struct, frozen=True):
    """A request with the names of this moment."""

    request: AccessRequest
    securable: Securable
    mine: bool
    """the caller is its requester or its principal"""
    to_decide: bool
    """pending, and the caller may decide it"""


async def ask_access(ctx: WriteCtx, req: AskAccess) -> list[Answered]:
    """Several requests of one call, each for a principal of its own: all of them are stored, or none.
    Raises InvalidArgument."""
    if not 1 <= len(req.asks) <= MAX_ASKS:
        raise InvalidArgument(f"A call has 1 to {MAX_ASKS} requests, got {len(req.asks)}.")
    answers = [await _ask(ctx, ask) for ask in req.asks]
    if len({answer.principal.id for answer in answers}) != len(answers):
        raise InvalidArgument("Two requests are for the same principal. Put what it needs into one.")
    return answers


async def _ask(ctx: WriteCtx, ask: Ask) -> Answered:
    if len(ask.comment) > MAX_COMMENT:
        raise LimitExceeded(f"The comment is {len(ask.comment)} characters long; at most {MAX_COMMENT} are allowed.")
    if not 1 <= len(ask.wanted) <= MAX_ASKS or len({str(w.name) + w.name.kind for w in ask.wanted}) != len(ask.wanted):
        raise InvalidArgument(f"A request names 1 to {MAX_ASKS} securables, each of them once.")
    principal = await _for_whom(ctx, ask.principal)
    known = await identities.by_id(ctx.tx, principal.id)
    assert known is not None
    filed = [await _want(ctx, principal, item, ask.comment) for item in ask.wanted]
    return Answered(
        principal, known.number, tuple(id for id, _ in filed), tuple(destinations for _, destinations in filed)
    )


async def _for_whom(ctx: ReadCtx, who: str) -> Principal:
    if not who:
        return await grantee(ctx, ctx.actor.name)
    number = identities.number_of(who)
    identity = (await identities.by_numbers(ctx.tx, [number])).get(number) if number else None
    return identity or await grantee(ctx, who)


async def _want(
    ctx: WriteCtx, principal: Principal, item: RequestedPrivileges, comment: str
) -> tuple[str, Destinations]:
    securable = await ctx.reach(_KNOWN, item.name)
    chain = [link.securable for link in ctx.chains[item.name.chain_key]]
    if not item.privileges:
        raise InvalidArgument(
            f"No privilege on '{item.name}' is asked for. Name one: {', '.join(_grantable(securable))}."
        )
    privileges = {parse(text, securable.kind).value for text in item.privileges}
    await principals.hold(ctx.tx, ctx.actor.id)  # the requester's requests are counted
    await securables.lock(ctx.tx, securable)
    before = await access_requests.pending(ctx.tx, securable.id, principal.id)
    requested = sorted(privileges | set(before.privileges if before else ()))
    if before is not None and requested != list(before.privileges):
        # Under an id of its own: a decision on the old request does not grant what was added meanwhile.
        await access_requests.decide(ctx.tx, before.id, "WITHDRAWN", "Asked anew, for more.", ctx.actor.name, ctx.now)
    elif (
        before is None
        and await access_requests.count_pending(ctx.tx, ctx.actor.id) >= PENDING_ACCESS_REQUESTS_PER_REQUESTER
    ):
        raise LimitExceeded(
            f"{PENDING_ACCESS_REQUESTS_PER_REQUESTER} of your requests for access are not decided yet. Withdraw requests, or wait."
        )
    id = await access_requests.put(
        ctx.tx, access_requests.NewAccessRequest(securable.id, principal.id, ctx.actor.id, requested, comment, ctx.now)
    )
    ctx.touch(securable.kind, securable.id, securable.full_name)
    ctx.touch(principal.kind, principal.id, principal.name)
    ctx.changed(f"asked for on {securable.full_name}", list(before.privileges) if before else None, requested)
    return id, await _destinations(ctx, chain)


def _grantable(securable: Securable) -> list[str]:
    return sorted(RULES[securable.kind].grantable)


async def list_access_requests(ctx: ReadCtx, req: ListAccessRequests) -> Page[VisibleAccessRequest]:
    """A page may be short, even empty, and not the last: others' requests are looked at and left out.
    Raises InvalidArgument."""
    if req.state not in (*STATES, "ALL"):
        raise InvalidArgument(f"State '{req.state[:100]}' is not known. Use one of: {', '.join(STATES)}, ALL.")
    scope = f"access requests|{req.state}|{ctx.actor.id}"
    after = ctx.config.page_tokens.open(scope, req.page_token, (str,)) or (_LAST,)
    limit = page_size(req.max_results, 100, 200)
    requests = await access_requests.page(ctx.tx, req.state.replace("ALL", ""), str(after[0]), limit + 1)
    managed: dict[str, _Standing] = {}
    visible = [
        request_shown
        for request in requests[:limit]
        if (request_shown := await _visible(ctx, request, managed)) is not None
    ]
    return Page(
        tuple(visible), ctx.config.page_tokens.seal(scope, (requests[limit - 1].id,)) if len(requests) > limit else ""
    )


class _Standing(msgspec.Struct, frozen=True):
    """What the caller is to the securable of a request."""

    securable: Securable
    manages: bool
    decides: bool
    """and may grant on it in this workspace"""


async def _visible(ctx: ReadCtx, request: AccessRequest, managed: dict[str, _Standing]) -> VisibleAccessRequest | None:
    if request.securable_id not in managed:
        managed[request.securable_id] = await _standing(ctx, request)
    standing = managed[request.securable_id]
    mine = ctx.actor.id in (request.requester_id, request.principal_id)
    to_decide = standing.decides and request.state == "PENDING"
    return VisibleAccessRequest(request, standing.securable, mine, to_decide) if mine or standing.manages else None


async def _standing(ctx: ReadCtx, request: AccessRequest) -> _Standing:
    name = await securables.name_of(ctx.tx, request.securable_id) or METASTORE
    securable = await securables.by_name(ctx.tx, name)
    assert securable is not None  # requests go with their securable
    try:
        await ctx.reach(_MANAGED, name)
    except (PermissionDenied, NotFound):
        return _Standing(securable, False, False)
    return _Standing(securable, True, _GRANTS.decide(securable.kind, ctx.chains[name.chain_key]).allowed)


async def decide_access(ctx: WriteCtx, req: DecideAccess) -> VisibleAccessRequest:
    """Approves (grants in the same transaction) or rejects with a reason.
    Raises InvalidArgument, LimitExceeded, PermissionDenied."""
    request, securable, may = await _known_request(ctx, req.id)
    if not may:
        label = RULES[securable.kind].label
        raise PermissionDenied(f"User does not have MANAGE on {label} '{securable.full_name}'.", kind=securable.kind)
    if len(req.reason) > MAX_REASON:
        raise LimitExceeded(f"The reason is {len(req.reason)} characters long; at most {MAX_REASON} are allowed.")
    if not req.approve and not req.reason.strip():
        raise InvalidArgument("Whoever is refused should know why. Give a reason.")
    name = await securables.name_of(ctx.tx, securable.id) or METASTORE
    await ctx.reach(_GRANTS, name)
    await _close(ctx, request, "APPROVED" if req.approve else "REJECTED", req.reason)
    if req.approve:
        await change_grants(ctx, ChangeGrants(name, (GrantChange(request.principal, request.privileges),)), securable)
    return await _again(ctx, req.id)


async def withdraw_access(ctx: WriteCtx, req: WithdrawAccess) -> VisibleAccessRequest:
    """By the requester, or the principal of the request. Raises PermissionDenied."""
    request, _, _ = await _known_request(ctx, req.id)
    if ctx.actor.id not in (request.requester_id, request.principal_id):
        raise PermissionDenied("Only who asked for access can withdraw the request. Reject it instead.")
    await _close(ctx, request, "WITHDRAWN", "")
    return await _again(ctx, req.id)


async def _known_request(ctx: ReadCtx, id: str) -> tuple[AccessRequest, Securable, bool]:
    """To others the request does not exist. Raises NotFound."""
    request = await access_requests.by_id(ctx.tx, id)
    managed: dict[str, _Standing] = {}
    if request is None or await _visible(ctx, request, managed) is None:
        raise NotFound(f"There is no access request '{id[:100]}'.", kind="ACCESS_REQUEST")
    securable, may = managed[request.securable_id].securable, managed[request.securable_id].manages
    ctx.touch(securable.kind, securable.id, securable.full_name)
    holder = await principals.by_name(ctx.tx, request.principal)
    assert holder is not None
    ctx.touch(holder.kind, holder.id, holder.name)
    return request, securable, may


async def _close(ctx: WriteCtx, request: AccessRequest, state: str, reason: str) -> None:
    if not await access_requests.decide(ctx.tx, request.id, state, reason, ctx.actor.name, ctx.now):
        now = await access_requests.by_id(ctx.tx, request.id)
        raise WrongState(f"The access request is {now.state if now else 'gone'}: only a PENDING one can be decided.")
    ctx.changed("state", "PENDING", state)


async def _again(ctx: ReadCtx, id: str) -> VisibleAccessRequest:
    request = await access_requests.by_id(ctx.tx, id)
    assert request is not None
    request_shown = await _visible(ctx, request, {})
    assert request_shown is not None
    return request_shown


# --- destinations ----------------------------------------------------------------------------------------------------


async def get_access_destinations(ctx: ReadCtx, req: GetAccessDestinations, securable: Securable) -> Destinations:
    return await _destinations(ctx, [link.securable for link in ctx.chains[req.name.chain_key]])


async def _destinations(ctx: ReadCtx, chain: list[Securable]) -> Destinations:
    for securable in reversed(chain):
        if destinations := await access_requests.destinations(ctx.tx, securable.id):
            return Destinations(chain[-1], securable, destinations)
    return Destinations(chain[-1], chain[-1], ())


async def change_access_destinations(
    ctx: WriteCtx, req: ChangeAccessDestinations, securable: Securable
) -> Destinations:
    """Replaces the addresses where people can request access besides the inbox.
    Raises InvalidArgument, LimitExceeded."""
    for destination in req.destinations:
        _check(destination)
    emails = sum(destination.type == "EMAIL" for destination in req.destinations)
    urls = sum(destination.type == "URL" for destination in req.destinations)
    others = len(req.destinations) - emails
    if emails > MAX_OF_A_SORT or others > MAX_OF_A_SORT:
        raise LimitExceeded(
            f"At most {MAX_OF_A_SORT} e-mail addresses and {MAX_OF_A_SORT} other destinations can be set."
        )
    if urls and len(req.destinations) > 1:
        raise InvalidArgument("A URL stands alone: leave the other destinations out.")
    await securables.lock(ctx.tx, securable)
    ctx.changed("access destinations", await access_requests.destinations(ctx.tx, securable.id), req.destinations)
    await access_requests.put_destinations(ctx.tx, securable.id, req.destinations)
    return await _destinations(ctx, [link.securable for link in ctx.chains[req.name.chain_key]])


def _check(destination: Destination) -> None:
    """Raises InvalidArgument."""
    if destination.type not in TYPES:
        raise InvalidArgument(f"destination_type is one of {', '.join(TYPES)}, got {destination.type[:100]!r}.")
    if not 1 <= len(destination.id) <= 2000 or not destination.id.isprintable():
        raise InvalidArgument("destination_id has 1 to 2000 printable characters.")
    if destination.type == "EMAIL" and "@" not in destination.id[1:-1]:
        raise InvalidArgument(f"'{destination.id[:100]}' is not an e-mail address.")
    if destination.type == "URL" and not destination.id.startswith(("https://", "http://")):
        raise InvalidArgument("The destination of type URL begins with https:// or http://.")
