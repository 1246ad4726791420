"""Who may view, query and manage an endpoint, besides its creator and the workspace's admins, who always manage it."""

import msgspec

from modelkeep.core.context import ReadCtx, WriteCtx
from modelkeep.core.operations.serving.access import checked
from modelkeep.domain.errors import InvalidArgument, LimitExceeded, NotFound
from modelkeep.domain.model import Principal
from modelkeep.domain.names import fold_principal
from modelkeep.domain.serving import LEVELS, Level, ServingEndpoint
from modelkeep.limits import SERVING_PERMISSIONS
from modelkeep.store import principals, serving
from modelkeep.store.bootstrap import ADMINS


class EndpointPermission(msgspec.Struct, frozen=True):
    """A principal by its name, of one of these kinds."""

    name: str
    kinds: tuple[str, ...]
    level: Level


class GetEndpointPermissions(msgspec.Struct, frozen=True):
    endpoint_id: str


class SetEndpointPermissions(msgspec.Struct, frozen=True):
    """`replace`: all others lose what they had; otherwise these are added or changed."""

    endpoint_id: str
    permissions: tuple[EndpointPermission, ...]
    replace: bool


class EndpointPermissions(msgspec.Struct, frozen=True):
    """By name, without the workspace's admins."""

    endpoint: ServingEndpoint
    holders: tuple[tuple[Principal, Level], ...]


async def get_endpoint_permissions(ctx: ReadCtx, req: GetEndpointPermissions) -> EndpointPermissions:
    """Raises NotFound."""
    return await _permissions(ctx, await _endpoint(ctx, req.endpoint_id, "CAN_VIEW"))


async def set_endpoint_permissions(ctx: WriteCtx, req: SetEndpointPermissions) -> EndpointPermissions:
    """Raises NotFound, PermissionDenied, InvalidArgument, LimitExceeded."""
    endpoint = await _endpoint(ctx, req.endpoint_id, "CAN_MANAGE")
    if len(req.permissions) > SERVING_PERMISSIONS:
        raise _too_many()
    before = {
        principal.id: (principal.name, level) for principal, level in await serving.permissions(ctx.tx, endpoint.id)
    }
    after = {} if req.replace else dict(before)
    named = await principals.by_names(ctx.tx, [permission.name for permission in req.permissions])
    seen = set[str]()
    for permission in req.permissions:
        principal = _principal(permission, named)
        if principal.id in seen:
            raise InvalidArgument(f"'{permission.name[:255]}' is in access_control_list twice.")
        seen.add(principal.id)
        if principal.name != ADMINS:
            after[principal.id] = (principal.name, LEVELS.index(permission.level) + 1)
    if len(after) > SERVING_PERMISSIONS:
        raise _too_many()
    levels = {principal_id: level for principal_id, (_, level) in after.items()}
    await serving.set_permissions(ctx.tx, endpoint.id, levels, ctx.actor.name, ctx.now)
    ctx.changed("permissions", _in_words(before), _in_words(after))
    return await _permissions(ctx, endpoint)  # of which the caller may have lost their own


async def _permissions(ctx: ReadCtx, endpoint: ServingEndpoint) -> EndpointPermissions:
    levels = await serving.permissions(ctx.tx, endpoint.id)
    return EndpointPermissions(endpoint, tuple((principal, LEVELS[level - 1]) for principal, level in levels))


def _in_words(levels: dict[str, tuple[str, int]]) -> list[str]:
    """For the audit record."""
    return sorted(f"{name}: {LEVELS[level - 1]}" for name, level in levels.values())


async def _endpoint(ctx: ReadCtx, endpoint_id: str, level: Level) -> ServingEndpoint:
    return checked(ctx, await serving.by_id(ctx.tx, ctx.actor, endpoint_id), endpoint_id, level)


def _principal(permission: EndpointPermission, named: dict[str, Principal]) -> Principal:
    """A workspace's `users` are everyone. Raises NotFound, InvalidArgument."""
    key = fold_principal(permission.name)
    principal = named.get(principals.ACCOUNT_USERS if key == principals.WORKSPACE_USERS else key)
    if principal is None and key == principals.WORKSPACE_USERS:
        raise NotFound(
            f"Principal '{permission.name[:255]}' does not exist. Name the group '{principals.ACCOUNT_USERS}'."
        )
    if principal is None:
        raise NotFound(f"Principal '{permission.name[:255]}' does not exist.")
    if principal.kind not in permission.kinds:
        raise InvalidArgument(
            f"'{permission.name[:255]}' is a {principal.kind.lower()}. Name it under the field of that kind."
        )
    return principal


def _too_many() -> LimitExceeded:
    return LimitExceeded(f"An endpoint has permissions for at most {SERVING_PERMISSIONS} principals. Use a group.")
