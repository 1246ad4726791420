"""Client secrets of service principals: what a machine trades for access tokens (OAuth client credentials)."""

import secrets

import msgspec

from modelkeep.core.context import ReadCtx, WriteCtx
from modelkeep.core.operations.identity.principals import hash_token
from modelkeep.domain.errors import InvalidArgument, LimitExceeded, NotFound
from modelkeep.domain.model import ClientSecret, Principal
from modelkeep.store import identities, principals, signin, tokens

SECRET_PREFIX = "mks_"
MAX_SECRET_MS = 730 * 24 * 3_600_000
MAX_SECRETS = 5
"""of one service principal, as at Databricks: enough to change one while the other is in use"""


class OfServicePrincipal(msgspec.Struct, frozen=True):
    service_principal_id: str
    """its number"""


class CreateSecret(OfServicePrincipal, frozen=True):
    lifetime_ms: int = MAX_SECRET_MS


class ListSecrets(OfServicePrincipal, frozen=True):
    pass


class DeleteSecret(OfServicePrincipal, frozen=True):
    id: str


class NewSecret(msgspec.Struct, frozen=True):
    """The only time that the secret is seen."""

    secret: str
    info: ClientSecret


async def service_principal(ctx: ReadCtx, id: str) -> Principal:
    """By its number. Raises NotFound."""
    identity = await identities.by_number(ctx.tx, "SERVICE_PRINCIPAL", identities.number_of(id))
    if identity is None:
        raise NotFound(f"Service principal with id {id[:40]!r} does not exist.", kind="PRINCIPAL")
    return identity.principal


async def create_secret(ctx: WriteCtx, req: CreateSecret) -> NewSecret:
    """An OAuth secret of a service principal; the answer alone contains it. Raises InvalidArgument, LimitExceeded."""
    if not 0 < req.lifetime_ms <= MAX_SECRET_MS:
        raise InvalidArgument(f"A secret lives from 1 to {MAX_SECRET_MS // 1000} seconds.")
    holder = await service_principal(ctx, req.service_principal_id)
    await principals.hold(ctx.tx, holder.id)
    if len(await signin.secrets_of(ctx.tx, holder.id)) >= MAX_SECRETS:
        raise LimitExceeded(f"A service principal has at most {MAX_SECRETS} secrets. Delete one first.")
    secret = SECRET_PREFIX + secrets.token_urlsafe(32)
    info = await signin.add_secret(
        ctx.tx, holder.id, hash_token(secret), ctx.actor.name, ctx.now, ctx.now + req.lifetime_ms
    )
    ctx.touch("CLIENT_SECRET", info.id, holder.name)
    ctx.touch(holder.kind, holder.id, holder.name)
    return NewSecret(secret, info)


async def list_secrets(ctx: ReadCtx, req: ListSecrets) -> list[ClientSecret]:
    return await signin.secrets_of(ctx.tx, (await service_principal(ctx, req.service_principal_id)).id)


async def delete_secret(ctx: WriteCtx, req: DeleteSecret) -> None:
    """Ends the access tokens that were made of it, too. Raises NotFound."""
    holder = await service_principal(ctx, req.service_principal_id)
    if not await signin.drop_secret(ctx.tx, holder.id, req.id):
        raise NotFound(f"Secret '{req.id[:100]}' does not exist.", kind="TOKEN")
    await tokens.revoke(ctx.tx, req.id, ctx.now)
    ctx.touch("CLIENT_SECRET", req.id, holder.name)
    ctx.touch(holder.kind, holder.id, holder.name)
