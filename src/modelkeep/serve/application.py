"""From a deployment to the application: the routes of every client, with the tracking proxy behind them."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from modelkeep.api.app import App
from modelkeep.api.authentication import Authenticator
from modelkeep.api.failed_logins import FailedLoginLimiter
from modelkeep.api.model_shapes import named
from modelkeep.api.request_workspace import WorkspaceResolver, site
from modelkeep.core.signin import SignIn, group_map
from modelkeep.core.tool_sign_in import ToolSignIn
from modelkeep.domain.signed_tokens import Signer
from modelkeep.http.lifecycle import Lifecycle
from modelkeep.http.rate_limits import RateLimiter
from modelkeep.observe.health import ProcessHealth
from modelkeep.oidc.issuers import Issuers
from modelkeep.serve.parts import file_access, provider, trusted_issuers
from modelkeep.serve.registry import Registry
from modelkeep.serve.serving import serving_of
from modelkeep.serve.tracking import tracking_of


@asynccontextmanager
async def application(registry: Registry, lifecycle: Lifecycle | None = None) -> AsyncGenerator[App]:
    """All dialects over one registry, with the workspace behind them where it is on. `lifecycle`: whether we are stopping."""
    from modelkeep.api.account import (
        federation,
        oauth,
        scim,
        tag_policies,
        token_permissions,
        tokens,
        workspace_permissions,
        workspace_settings,
    )
    from modelkeep.api.account import workspaces as account_workspaces
    from modelkeep.api.auth import authorize, session
    from modelkeep.api.databricks_uc import routes as mlflow
    from modelkeep.api.delta import credentials as delta_credentials
    from modelkeep.api.delta import tables as delta_tables
    from modelkeep.api.docs import reference, web_ui
    from modelkeep.api.files import mlflow_artifacts, workspace_files
    from modelkeep.api.files import routes as files
    from modelkeep.api.mlflow import routes as plain
    from modelkeep.api.openlineage import routes as openlineage
    from modelkeep.api.serving import invocations
    from modelkeep.api.serving import permissions as endpoint_permissions
    from modelkeep.api.serving import routes as serving_endpoints
    from modelkeep.api.sql import routes as sql
    from modelkeep.api.unity_catalog import metastores
    from modelkeep.api.unity_catalog import user_agents as unity
    from modelkeep.api.v1 import health as health_routes
    from modelkeep.api.v1 import routes as console
    from modelkeep.api.v1 import workspaces as workspace_routes

    settings, facts, engine = registry.settings, registry.facts, registry.engine
    signer, web = Signer(bytes.fromhex(facts.signing_key)), web_ui.build()
    authenticator = Authenticator(
        registry.db,
        registry.uses,
        FailedLoginLimiter(settings.unknown_tokens_per_minute),
        registry.auditor,
        RateLimiter(settings.requests_per_second, settings.request_burst),
        RateLimiter(settings.anonymous_requests_per_second, int(settings.anonymous_requests_per_second * 10)),
    )
    issuers = Issuers(trusted_issuers(settings))
    signing_in = SignIn(registry.db, issuers, int(settings.session_hours * 3_600_000), group_map(settings.oidc_groups))

    codes = ToolSignIn(registry.db, settings.token_ms)
    resolver = WorkspaceResolver(
        registry.db,
        site(settings.workspace_id, settings.address),
        engine.config.own_hosts,
        public=bool(settings.public_url),
    )
    async with tracking_of(registry, signer) as tracking, serving_of(registry) as controller:
        engine.services = msgspec.structs.replace(engine.services, tracking=tracking)
        health = health_of(registry, tracking, lifecycle)
        routes = [
            *console.routes(facts.account_id),
            *health_routes.routes(health),
            *workspace_routes.routes(registry.settings.address),
            *account_workspaces.routes(facts.account_id, settings.address, engine.config.workspace_id),
            *metastores.account_routes(facts.account_id, facts.metastore_id),
            *scim.routes(engine, facts.account_id),
            *tokens.routes(int(settings.workspace_id)),
            *token_permissions.routes(),
            *workspace_permissions.routes(),
            *sql.routes(engine),
            *tag_policies.routes(facts.account_id),
            *delta_credentials.routes(),
            *openlineage.routes(settings.address),
            *delta_tables.routes(),
            *oauth.routes(signing_in, codes, authenticator.failed_logins, facts.account_id),
            *authorize.Consents(authenticator, codes, facts.account_id).routes(),
            *federation.routes(facts.account_id),
            *session.SignInPages(
                authenticator,
                signing_in,
                provider(settings, issuers, signer),
                settings.oidc_name,
                web_ui.HOME if web else "/ml/" if tracking else "",
            ).routes(),
            *web_ui.routes(web),
            *plain.routes(engine.config.home),
            *workspace_settings.routes(engine.config.home),
            *mlflow_artifacts.routes(engine, signer, tracking, engine.config.home),
            *files.routes(engine, signer, tracking),
            *workspace_files.routes(engine),
            *serving_endpoints.routes(settings.address),
            *endpoint_permissions.routes(),
            *invocations.routes(engine, controller),
        ]
        access = file_access(engine.services)
        # The clients of `databricks-uc` that take credentials, and not URLs, send the User-Agent of the open-source ones.
        native, oss = (
            reference.described(
                [*routes, *mlflow.routes(settings.files_api, place), *unity.routes(facts.metastore_id, words, access)]
            )
            for words, place in ((unity.DATABRICKS, named), (unity.OSS, access.place))
        )
        try:
            yield unity.UserAgentDispatcher(engine, authenticator, native, oss, resolver, tracking)
        finally:
            await health.close()


def health_of(registry: Registry, tracking: Any, lifecycle: Lifecycle | None) -> ProcessHealth:
    async def store() -> str:
        await registry.blobs.ready()
        return ""

    async def disk() -> str:
        return registry.engine.disk.reason

    parts = {"store": store, "disk": disk} | ({"tracking": tracking.state} if tracking is not None else {})
    return ProcessHealth(registry.db.check, parts, lambda: lifecycle is not None and lifecycle.draining)
