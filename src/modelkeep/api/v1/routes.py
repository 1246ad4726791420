"""Modelkeep's own acts (/api/modelkeep/v1), and the few account routes that clients call: discovery, Me, telemetry."""

from typing import Any

import msgspec

from modelkeep.api.v1 import answers, drafts, explorer, governance, prompts, tables
from modelkeep.api.v1 import lineage as lineage_graph
from modelkeep.api.v1.audit import routes as audit_routes
from modelkeep.api.v1.explorer import version_info
from modelkeep.api.v1.governance import V1
from modelkeep.core.operations.audit import audit_log
from modelkeep.core.operations.catalog import metastores
from modelkeep.core.operations.identity import federation, principals
from modelkeep.core.operations.models import lineage, versions
from modelkeep.domain.authorization import Actor
from modelkeep.domain.errors import InvalidArgument
from modelkeep.domain.kinds import Kind
from modelkeep.domain.model import ExternalIdentity, LineageEdge, Page, Principal, Token
from modelkeep.domain.names import FullName, parse_full_name, parse_version
from modelkeep.http import binding
from modelkeep.http.messages import JSON, Request, Response
from modelkeep.http.routing import Answer, NoFields, Route
from modelkeep.observe import metrics
from modelkeep.store.jobs import Job


class V1Version(msgspec.Struct, frozen=True):
    full_name: str
    version: str


class VersionLineage(V1Version, frozen=True):
    max_results: int | None = None
    page_token: str = ""


class V1Copy(msgspec.Struct, frozen=True):
    full_name: str
    version: str
    destination: str


class Consumers(msgspec.Struct, frozen=True):
    type: str
    name: str
    max_results: int | None = None
    page_token: str = ""


class NewPrincipal(msgspec.Struct, frozen=True):
    name: str
    display_name: str = ""
    account_admin: bool = False


class V1Page(msgspec.Struct, frozen=True):
    max_results: int | None = None
    page_token: str = ""


class V1ListPrincipals(V1Page, frozen=True):
    filter: str = ""
    """text that the name or the display name has in it"""


class PrincipalName(msgspec.Struct, frozen=True):
    principal: str


class V1ListMembers(PrincipalName, frozen=True):
    max_results: int | None = None
    page_token: str = ""


class UpdatePrincipal(msgspec.Struct, frozen=True):
    principal: str
    active: bool


class Member(msgspec.Struct, frozen=True):
    principal: str
    member: str


class V1IdentityLink(msgspec.Struct, frozen=True):
    principal: str
    issuer: str
    subject: str


class V1NewTokenRequest(msgspec.Struct, frozen=True):
    comment: str = ""
    lifetime_seconds: int | None = None
    principal: str = ""


class V1ListTokens(V1Page, frozen=True):
    principal: str = ""


class V1TokenOrigin(msgspec.Struct, frozen=True):
    origin_id: str


class V1TokenId(msgspec.Struct, frozen=True):
    token_id: str


def _model(text: str) -> FullName:
    return parse_full_name(text, Kind.MODEL)


def _principal(principal: Principal, _: Any) -> Principal:
    return principal


def _principals(page: Page[Principal], _: Any) -> answers.V1Principals:
    return {"principals": list(page.items), "next_page_token": page.next_token}


def _members(page: Page[Principal], _: Any) -> answers.V1Members:
    return {"members": list(page.items), "next_page_token": page.next_token}


def _jobs(page: Page[Job], _: Any) -> answers.Jobs:
    return {"jobs": list(page.items), "next_page_token": page.next_token}


def _tokens(page: Page[Token], _: Any) -> answers.V1Tokens:
    return {"tokens": [_token_info(token) for token in page.items], "next_page_token": page.next_token}


def _token_info(token: Token) -> answers.TokenInfo:
    return {
        "token_id": token.id,
        "principal": token.principal,
        "comment": token.comment,
        "creation_time": token.created_at,
        "expiry_time": -1 if token.expires_at is None else token.expires_at,
        "revoked": token.revoked_at is not None,
        "created_by": token.created_by,
        "last_used_time": token.last_used_at,
        "kind": token.kind,
        "origin_kind": token.origin_kind,
        "origin_id": token.origin_id,
        "ends_with_origin": token.bound and token.origin_id != "",
    }


def _lineage(f: VersionLineage) -> lineage.GetLineage:
    return lineage.GetLineage(_model(f.full_name), parse_version(f.version), f.max_results, f.page_token)


def _consumers(f: Consumers) -> lineage.FindConsumers:
    return lineage.FindConsumers(f.type, f.name, f.max_results, f.page_token)


def _edges(result: Page[LineageEdge], _: Any) -> answers.Lineage:
    return {"lineage": list(result.items), "next_page_token": result.next_token}


def _revoked(count: int, _: Any) -> answers.RevokedTokens:
    return {"revoked": count}


def _links(links: list[ExternalIdentity], _: Any) -> answers.Identities:
    return {"identities": links}


def _new_token(new_token: principals.NewToken, _: Any) -> answers.V1NewToken:
    return {"token_value": new_token.token, "token_info": _token_info(new_token.info)}


def _copy(f: V1Copy) -> versions.CopyVersion:
    return versions.CopyVersion(_model(f.full_name), parse_version(f.version), _model(f.destination))


def _create_token(f: V1NewTokenRequest) -> principals.CreateToken:
    if f.lifetime_seconds is not None and f.lifetime_seconds <= 0:
        raise InvalidArgument("lifetime_seconds must be positive.")
    return principals.CreateToken(
        f.comment, None if f.lifetime_seconds is None else f.lifetime_seconds * 1000, f.principal
    )


_PLURALS = {"users": "USER", "groups": "GROUP", "service-principals": "SERVICE_PRINCIPAL"}


def _principal_routes() -> list[Route]:
    table: list[Route] = []
    for plural, kind in _PLURALS.items():
        base = f"{V1}/{plural}"
        table += [
            Route(
                "POST",
                base,
                NewPrincipal,
                lambda f, kind=kind: principals.CreatePrincipal(kind, f.name, f.display_name, f.account_admin),
                _principal,
            ),
            Route(
                "GET",
                base,
                V1ListPrincipals,
                lambda f, kind=kind: principals.ListPrincipals(kind, f.filter, f.max_results, f.page_token),
                _principals,
            ),
            Route(
                "PATCH",
                f"{base}/{{principal}}",
                UpdatePrincipal,
                lambda f, kind=kind: principals.SetActive(f.principal, f.active, kind),
                _principal,
            ),
            Route(
                "DELETE",
                f"{base}/{{principal}}",
                PrincipalName,
                lambda f, kind=kind: principals.DeletePrincipal(f.principal, kind),
            ),
        ]
    members, links = f"{V1}/groups/{{principal}}/members", f"{V1}/users/{{principal}}/identities"
    return [
        *table,
        Route("GET", links, PrincipalName, lambda f: federation.ListLinks(f.principal), _links),
        Route("POST", links, V1IdentityLink, lambda f: federation.LinkIdentity(f.principal, f.issuer, f.subject)),
        Route("DELETE", links, V1IdentityLink, lambda f: federation.UnlinkIdentity(f.principal, f.issuer, f.subject)),
        Route(
            "GET",
            members,
            V1ListMembers,
            lambda f: principals.ListMembers(f.principal, f.max_results, f.page_token),
            _members,
        ),
        Route("PUT", f"{members}/{{member}}", Member, lambda f: principals.AddMember(f.principal, f.member)),
        Route("DELETE", f"{members}/{{member}}", Member, lambda f: principals.RemoveMember(f.principal, f.member)),
    ]


def routes(account_id: str) -> list[Route]:
    async def discover(request: Request, actor: Actor, path: dict[str, str]) -> Response:
        # databricks-sdk >= 0.95 calls it without credentials before nearly every call, on a connection of its own.
        discovery = {
            "workspace_id": request.site.workspace_id,
            "account_id": account_id,
            "oidc_endpoint": f"{request.site.address}/oidc",
            "token_federation_default_oidc_audiences": [account_id],
        }
        return Response(200, msgspec.json.encode(discovery), [(b"content-type", JSON)])

    async def telemetry(request: Request, actor: Actor, path: dict[str, str]) -> Response:
        await request.body()
        return Response(200, b"{}", [(b"content-type", JSON)])

    async def expose(request: Request, actor: Actor, path: dict[str, str]) -> Response:
        metrics.ignored_keys.set(binding.ignored_keys)
        return Response(200, metrics.text(), [(b"content-type", b"text/plain; version=0.0.4; charset=utf-8")])

    def assignment(assigned: metastores.MetastoreAssignment, _: Any) -> answers.V1Assignment:
        return {
            "metastore_id": assigned.metastore.id,
            "workspace_id": int(assigned.workspace_id),
            "default_catalog_name": "main",
        }

    mv = f"{V1}/models/{{full_name}}/versions/{{version}}"
    return [
        Route(
            "GET",
            "/.well-known/databricks-config",
            handler=discover,
            public=True,
            answers=(Answer(type=answers.Discovery),),
        ),
        Route("POST", "/api/2.0/mlflow/client-telemetry/ingest", handler=telemetry, answers=(Answer(type=dict),)),
        Route("GET", "/metrics", handler=expose, answers=(Answer(content="text/plain"),)),
        Route(
            "GET",
            "/api/2.1/unity-catalog/current-metastore-assignment",
            NoFields,
            lambda _: metastores.GetAssignment(),
            assignment,
        ),
        Route("POST", f"{mv}/copy", V1Copy, _copy, version_info),
        Route("GET", f"{mv}/lineage", VersionLineage, _lineage, _edges),
        Route("GET", f"{V1}/lineage", Consumers, _consumers, _edges),
        *audit_routes(account_id),
        Route("GET", f"{V1}/jobs", V1Page, lambda f: audit_log.ListJobs(f.max_results, f.page_token), _jobs),
        Route("POST", f"{V1}/tokens", V1NewTokenRequest, _create_token, _new_token),
        Route(
            "GET",
            f"{V1}/tokens",
            V1ListTokens,
            lambda f: principals.ListTokens(f.principal, max_results=f.max_results, page_token=f.page_token),
            _tokens,
        ),
        Route("DELETE", f"{V1}/tokens/{{token_id}}", V1TokenId, lambda f: principals.RevokeToken(f.token_id)),
        Route(
            "DELETE",
            f"{V1}/token-origins/{{origin_id}}",
            V1TokenOrigin,
            lambda f: principals.RevokeOrigin(f.origin_id),
            _revoked,
        ),
        *governance.routes(),
        *explorer.routes(V1),
        *tables.routes(V1),
        *prompts.routes(V1),
        *drafts.routes(V1),
        *lineage_graph.routes(),
        *_principal_routes(),
    ]
