"""Protected aliases: who may move them, beside being allowed to move aliases at all. A protection only ever takes away."""

from collections.abc import Iterable

import msgspec

from modelkeep.core.context import ReadCtx, WriteCtx
from modelkeep.core.operations.governance.grants import grantee
from modelkeep.domain.errors import InvalidArgument, NotFound, PermissionDenied
from modelkeep.domain.kinds import RULES, Kind
from modelkeep.domain.model import Securable
from modelkeep.domain.names import FullName, check_alias
from modelkeep.store import protected_aliases, securables
from modelkeep.store.protected_aliases import Protection

MAX_MOVERS = 100


class ListProtectedAliases(msgspec.Struct, frozen=True):
    """Those that hold for a model, or for the models of a container: its own and those of the containers above it."""

    name: FullName


class ProtectAlias(msgspec.Struct, frozen=True):
    """From now on only these principals may set or delete the alias; with nobody named, nobody may."""

    name: FullName
    alias: str
    principals: tuple[str, ...]


class UnprotectAlias(msgspec.Struct, frozen=True):
    name: FullName
    alias: str


class Protected(msgspec.Struct, frozen=True):
    alias: str
    principals: tuple[str, ...]
    securable_type: str
    securable_name: str
    """where it is protected"""


async def list_protected_aliases(ctx: ReadCtx, req: ListProtectedAliases, found: Securable) -> list[Protected]:
    chain = [link.securable for link in ctx.chains[str(req.name)][1:]]
    of = {securable.id: securable for securable in chain}
    told = await protected_aliases.on(ctx.tx, list(of), ctx.actor.id) if of else []
    return [
        Protected(p.alias, p.movers, RULES[of[p.securable_id].kind].kind, of[p.securable_id].full_name) for p in told
    ]


async def protect_alias(ctx: WriteCtx, req: ProtectAlias, found: Securable) -> Protected:
    _only_about_models(found)
    check_alias(req.alias)
    if len(req.principals) > MAX_MOVERS:
        raise InvalidArgument(
            f"{len(req.principals)} principals are named; at most {MAX_MOVERS} are allowed. Name a group."
        )
    movers = {mover.id: mover for mover in [await grantee(ctx, name) for name in req.principals]}
    await securables.lock(ctx.tx, found)
    before = await _own(ctx, found, req.alias)
    names = tuple(mover.name for mover in movers.values())
    ctx.changed(f"movers of alias {req.alias}", None if before is None else sorted(before.movers), sorted(names))
    await protected_aliases.put(ctx.tx, found, req.alias, list(movers.values()))
    return Protected(req.alias, names, found.kind, found.full_name)


async def unprotect_alias(ctx: WriteCtx, req: UnprotectAlias, found: Securable) -> None:
    await securables.lock(ctx.tx, found)
    before = await _own(ctx, found, req.alias)
    if before is None:
        raise NotFound(f"Alias '{req.alias[:255]}' is not protected on '{found.full_name}'.", kind="ALIAS")
    ctx.changed(f"movers of alias {req.alias}", sorted(before.movers), None)
    await protected_aliases.remove(ctx.tx, found, req.alias)


async def _own(ctx: ReadCtx, found: Securable, alias: str) -> Protection | None:
    told = await protected_aliases.on(ctx.tx, [found.id], ctx.actor.id)
    return next((p for p in told if p.alias == alias), None)


def _only_about_models(found: Securable) -> None:
    if found.kind not in (Kind.CATALOG, Kind.SCHEMA, Kind.MODEL, Kind.PROMPT):
        raise InvalidArgument(
            f"A {RULES[found.kind].label} has no aliases. Protect those of a catalog, schema, model or prompt."
        )


async def check_movable(ctx: ReadCtx, model: Securable, aliases: Iterable[str]) -> None:
    """May the caller move these? Each protection counts, on the model and on what it lies in. Raises PermissionDenied."""
    wanted = set(aliases)
    for found in await protecting(ctx, model, ctx.actor.id) if wanted else []:
        if found.alias in wanted and not found.mine:
            raise PermissionDenied(refusal(model, found), kind=model.kind)


async def protecting(ctx: ReadCtx, model: Securable, principal_id: str) -> list[Protection]:
    """All protections that hold for a model, as they concern this principal."""
    return await protected_aliases.on(ctx.tx, [model.id, model.schema_id, model.catalog_id], principal_id)


def where(model: Securable, found: Protection) -> tuple[Kind, str]:
    """The securable that a protection of this model is on."""
    parts = model.full_name.split(".")
    kind = {model.id: model.kind, model.schema_id: Kind.SCHEMA, model.catalog_id: Kind.CATALOG}[found.securable_id]
    return kind, ".".join(parts[: RULES[kind].depth])


def refusal(model: Securable, found: Protection) -> str:
    kind, name = where(model, found)
    may = ", ".join(found.movers[:5]) or "nobody"
    return f"Alias '{found.alias}' is protected on {kind.capitalize()} '{name}'. Who may move it: {may}."
