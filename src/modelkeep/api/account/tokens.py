"""Personal access tokens in Databricks' shapes: one's own, and everybody's for account admins.

Clients: databricks/sdk/service/settings.py (TokensAPI, TokenManagementAPI), databricks-cli 0.18 `tokens`.
"""

from typing import Annotated, Any

import msgspec

from modelkeep.api.account import answers
from modelkeep.core.operations.identity import principals
from modelkeep.domain.errors import InvalidArgument
from modelkeep.domain.model import Page, Token
from modelkeep.http.routing import NoFields, Route

OWN = "/api/2.0/token"
MANAGED = "/api/2.0/token-management"
_DAY_MS = 86_400_000
Lifetime = Annotated[int, msgspec.Meta(ge=1, le=principals.MAX_TOKEN_MS // 1000)]
"""seconds"""


class AccountNewToken(msgspec.Struct, frozen=True):
    comment: str = ""
    lifetime_seconds: Lifetime | None = None
    scopes: list[str] = []


class NewTokenFor(AccountNewToken, frozen=True, kw_only=True):
    application_id: str


class AccountTokenId(msgspec.Struct, frozen=True):
    token_id: str


class TokenChange(msgspec.Struct, frozen=True):
    comment: str | None = None


class ChangedToken(msgspec.Struct, frozen=True):
    token_id: str
    token: TokenChange
    update_mask: str


class Created(msgspec.Struct, frozen=True):
    created_by_id: Annotated[int, msgspec.Meta(ge=0, le=2**62)] | None = None
    created_by_username: str = ""


def routes(workspace_id: int) -> list[Route]:
    def managed(token: Token) -> answers.ManagedToken:
        info: answers.ManagedToken = {
            **_own(token),
            "created_by_username": token.created_by,
            "owner_id": token.owner_number,
            "workspace_id": workspace_id,
        }
        if token.creator_number is not None:
            info["created_by_id"] = token.creator_number
        if token.last_used_at is not None:
            # A day is what Databricks promises here; modelkeep's own API tells the minute.
            info["last_used_day"] = token.last_used_at // _DAY_MS * _DAY_MS
        return info

    def made_for(new_token: principals.NewToken, _: Any) -> answers.NewManagedToken:
        return {"token_value": new_token.token, "token_info": managed(new_token.info)}

    def info_of(token: Token, _: Any) -> answers.ManagedTokenInfo:
        return {"token_info": managed(token)}

    def managed_alone(token: Token, _: Any) -> answers.ManagedToken:
        return managed(token)

    def every(tokens: list[Token], _: Any) -> answers.ManagedTokens:
        return {"token_infos": [managed(token) for token in tokens]}

    return [
        Route("POST", f"{OWN}/create", AccountNewToken, _create, _new_token),
        Route("GET", f"{OWN}/list", NoFields, lambda _: principals.ListTokens(usable=True), _list),
        Route("POST", f"{OWN}/delete", AccountTokenId, lambda f: principals.RevokeToken(f.token_id)),
        Route("PATCH", f"{OWN}/{{token_id}}", ChangedToken, _change),
        Route("PATCH", f"{MANAGED}/tokens/{{token_id}}", ChangedToken, _change, managed_alone),
        Route("GET", f"{MANAGED}/tokens", Created, _list_all, every),
        Route(
            "GET", f"{MANAGED}/tokens/{{token_id}}", AccountTokenId, lambda f: principals.GetToken(f.token_id), info_of
        ),
        Route("DELETE", f"{MANAGED}/tokens/{{token_id}}", AccountTokenId, lambda f: principals.RevokeToken(f.token_id)),
        Route("POST", f"{MANAGED}/on-behalf-of/tokens", NewTokenFor, _create_for, made_for),
    ]


def _new_token(new_token: principals.NewToken, _: Any) -> answers.NewOwnToken:
    return {"token_value": new_token.token, "token_info": _own(new_token.info)}


def _list(page: Page[Token], _: Any) -> answers.OwnTokens:
    return {"token_infos": [_own(token) for token in page.items]}


def _list_all(f: Created) -> principals.ListAllTokens:
    return principals.ListAllTokens(f.created_by_id, f.created_by_username)


def _own(token: Token) -> answers.OwnToken:
    return {
        "token_id": token.id,
        "comment": token.comment,
        "creation_time": token.created_at,
        "expiry_time": -1 if token.expires_at is None else token.expires_at,
    }


def _create(f: AccountNewToken) -> principals.CreateToken:
    return principals.CreateToken(f.comment, _lifetime_ms(f))


def _create_for(f: NewTokenFor) -> principals.CreateTokenFor:
    return principals.CreateTokenFor(f.application_id, f.comment, _lifetime_ms(f))


def _change(f: ChangedToken) -> principals.UpdateToken:
    """Raises InvalidArgument for all but the comment: tokens have no scopes, and no other lifetime than they were made with."""
    if f.update_mask not in ("comment", "*") or f.token.comment is None:
        raise InvalidArgument("Only a token's comment changes: `update_mask` is comment, and `token` has it.")
    return principals.UpdateToken(f.token_id, f.token.comment)


def _lifetime_ms(f: AccountNewToken) -> int | None:
    """Raises InvalidArgument for a token with scopes: it could do more than its scopes allow."""
    if f.scopes:
        raise InvalidArgument("Tokens have no scopes here. Leave `scopes` out, or grant less to the token's holder.")
    return None if f.lifetime_seconds is None else f.lifetime_seconds * 1000
