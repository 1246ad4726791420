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


async def list_protected_aliases(ctx: ReadCtx, req: ListProtectedAliases, securable: Securable) -> list[Protected]:
    chain = [link.securable for link in ctx.chains[req.name.chain_key][1:]]
    by_id = {link.id: link for link in chain}
    protections = await protected_aliases.on(ctx.tx, list(by_id), ctx.actor.id) if by_id else []
    return [
        Protected(p.alias, p.movers, RULES[by_id[p.securable_id].kind].kind, by_id[p.securable_id].full_name)
        for p in protections
    ]


async def protect_alias(ctx: WriteCtx, req: ProtectAlias, securable: Securable) -> Protected:
    """From now on only these principals can move the alias. Raises InvalidArgument."""
    _only_about_models(securable)
    check_alias(req.alias)
    if len(req.principals) > MAX_MOVERS:
        raise InvalidArgument(
            f"{len(req.principals)} principals are named; at most {MAX_MOVERS} are allowed. Name a group."
        )
    movers = {mover.id: mover for mover in [await grantee(ctx, name) for name in req.principals]}
    await securables.lock(ctx.tx, securable)
    before = await _own(ctx, securable, req.alias)
    names = tuple(mover.name for mover in movers.values())
    ctx.changed(f"movers of alias {req.alias}", None if before is None else sorted(before.movers), sorted(names))
    await protected_aliases.put(ctx.tx, securable, req.alias, list(movers.values()))
    return Protected(req.alias, names, securable.kind, securable.full_name)


async def unprotect_alias(ctx: WriteCtx, req: UnprotectAlias, securable: Securable) -> None:
    """Ends the protection that lies on this very securable. Raises NotFound."""
    await securables.lock(ctx.tx, securable)
    before = await _own(ctx, securable, req.alias)
    if before is None:
        raise NotFound(f"Alias '{req.alias[:255]}' is not protected on '{securable.full_name}'.", kind="ALIAS")
    ctx.changed(f"movers of alias {req.alias}", sorted(before.movers), None)
    await protected_aliases.remove(ctx.tx, securable, req.alias)


async def _own(ctx: ReadCtx, securable: Securable, alias: str) -> Protection | None:
    protections = await protected_aliases.on(ctx.tx, [securable.id], ctx.actor.id)
    return next((p for p in protections if p.alias == alias), None)


def _only_about_models(securable: Securable) -> None:
    if securable.kind not in (Kind.CATALOG, Kind.SCHEMA, Kind.MODEL, Kind.PROMPT):
        raise InvalidArgument(
            f"A {RULES[securable.kind].label} has no aliases. Protect those of a catalog, schema, model or prompt."
        )


async def check_movable(ctx: ReadCtx, model: Securable, aliases: Iterable[str]) -> None:
    """May the caller move these? Each protection counts, on the model and on what it lies in. Raises PermissionDenied."""
    alias_names = set(aliases)
    for protection in await protecting(ctx, model, ctx.actor.id) if alias_names else []:
        if protection.alias in alias_names and not protection.mine:
            raise PermissionDenied(refusal(model, protection), kind=model.kind)


async def protecting(ctx: ReadCtx, model: Securable, principal_id: str) -> list[Protection]:
    """All protections that hold for a model, as they concern this principal."""
    return await protected_aliases.on(ctx.tx, [model.id, model.schema_id, model.catalog_id], principal_id)


def where(model: Securable, protection: Protection) -> tuple[Kind, str]:
    """The securable that a protection of this model is on."""
    parts = model.full_name.split(".")
    kind = {model.id: model.kind, model.schema_id: Kind.SCHEMA, model.catalog_id: Kind.CATALOG}[protection.securable_id]
    return kind, ".".join(parts[: RULES[kind].depth])


def refusal(model: Securable, protection: Protection) -> str:
    kind, name = where(model, protection)
    may = ", ".join(protection.movers[:5]) or "nobody"
    return f"Alias '{protection.alias}' is protected on {kind.capitalize()} '{name}'. Who may move it: {may}."
