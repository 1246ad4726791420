"""The tracking dialect: finds the route, checks its rule, and runs its handler. What no route names is not ours to answer."""

from collections.abc import Awaitable, Callable
from typing import get_args

import msgspec

from modelkeep.core.operation import SourceOrigin, SourceRun
from modelkeep.domain.authorization import Actor
from modelkeep.domain.errors import PermissionDenied, RegistryError
from modelkeep.domain.shielding import to_its_end
from modelkeep.http.bodies import read_in_turn
from modelkeep.http.messages import Request, Response
from modelkeep.http.origin import json_type
from modelkeep.http.retry_after import retry_after
from modelkeep.limits import (
    TRACKING_CALLS_OF_PRINCIPAL,
    TRACKING_SEARCHES_OF_PRINCIPAL,
    TRACKING_WAITING_OF_PRINCIPAL,
)
from modelkeep.store.experiments import Level
from modelkeep.tracking import (
    answers,
    call_limits,
    experiment_permissions,
    experiments,
    files,
    graphql,
    lineage,
    logged_models,
    names,
    otlp,
    reserved_keys,
    runs,
    traces,
    version_sources,
)
from modelkeep.tracking.access import Missing
from modelkeep.tracking.artifacts import ArtifactPlace, internal_place, proxied_place
from modelkeep.tracking.calls import API, UI, Call, check_declared, parse, read
from modelkeep.tracking.concurrent_calls import CallTurns
from modelkeep.tracking.mlflow_ui import Ui
from modelkeep.tracking.proxy import ProxiedCall, Refused, TrackingProxy, TrackingServices
from modelkeep.tracking.route_rules import OTLP_TRACES_ROUTE, CallHandler, TrackedKind, TrackingRoute

HandlerFunction = Callable[[TrackingProxy, ProxiedCall], Awaitable[Response]]
_BARE = ("/get-artifact", "/graphql")  # what MLflow's UI asks for outside /ajax-api
_MODULES = (experiments, experiment_permissions, runs, logged_models, traces, files, graphql, otlp)
# Where the id of the experiment stands in calls that make something in one; none means the caller's default.
_HOME_FIELD = {
    "create_run": "experiment_id",
    "create_logged_model": "experiment_id",
    "start_trace_v2": "experiment_id",
    "log_spans": "experiment_id",
    "start_trace": "trace.trace_info.trace_location.mlflow_experiment.experiment_id",
}


async def _forward(proxy: TrackingProxy, proxied: ProxiedCall) -> Response:
    if proxied.call.route.path.endswith("/get-history-bulk"):  # this one writes NaN as a bare word
        answer = await proxy.forward_raw(proxied.call)
        return Response(200, answer.body, [(b"content-type", b"application/json")])
    return await proxy.respond(proxied, await proxy.forward(proxied.call))


async def _ui_telemetry(_proxy: TrackingProxy, _proxied: ProxiedCall) -> Response:
    return answers.respond({"disable_ui_telemetry": True, "disable_ui_events": [], "ui_rollout_percentage": 0})


async def _server_info(_proxy: TrackingProxy, _proxied: ProxiedCall) -> Response:
    return answers.respond(
        {
            "store_type": "SqlStore",
            "workspaces_enabled": False,
            "trace_archival_enabled": False,
            "multipart_uploads_enabled": True,
            "multipart_downloads_enabled": False,
            "features_enabled": {"gateway": False},
        }
    )


_OWN: dict[str, HandlerFunction] = {
    "forward": _forward,
    "ui_telemetry": _ui_telemetry,
    "server_info": _server_info,
}


def _function(name: str) -> HandlerFunction:
    functions = [getattr(module, name) for module in _MODULES if hasattr(module, name)]
    return functions[0] if functions else _OWN[name]


HANDLERS: dict[str, HandlerFunction] = {name: _function(name) for name in get_args(CallHandler)}


class TrackingApp:
    """One workspace: MLflow's tracking server behind our identities and experiment permissions."""

    def __init__(self, services: TrackingServices) -> None:
        self._proxy = TrackingProxy(services)
        self._ui = Ui()
        self._turns = CallTurns(TRACKING_CALLS_OF_PRINCIPAL, TRACKING_WAITING_OF_PRINCIPAL)
        self._searches = CallTurns(TRACKING_SEARCHES_OF_PRINCIPAL, TRACKING_WAITING_OF_PRINCIPAL)

    async def handle(self, request: Request, actor: Actor) -> Response | None:
        """The answer to a tracking call or a page of MLflow's UI, errors included; None where no route matches."""
        router, path = API, request.path
        if path == otlp.PATH:
            return await self._answer(request, actor, OTLP_TRACES_ROUTE, {}) if request.method == "POST" else None
        if path == "/ml" or path.startswith("/ml/"):
            if page := self._ui.answer(request.method, path):
                return page
            router, path = UI, path.removeprefix("/ml")
        for prefix in ("/api/", "/ajax-api/"):
            if path.startswith(prefix):
                path = path[len(prefix) - 1 :]
                break
        else:
            if router is API or path not in _BARE:
                return None
        match = router.find(request.method, path)
        return await self._answer(request, actor, *match) if match else None

    async def _answer(self, request: Request, actor: Actor, route: TrackingRoute, params: dict[str, str]) -> Response:
        proxied = ProxiedCall(request, actor, Call(route, params, {}))
        try:
            await self._read(proxied)
            if route.method == "GET" or call_limits.searches(route):
                request.let_cancel()
            async with self._turns.take(actor.id):
                if not call_limits.searches(route):
                    return await self._handle(proxied)
                async with self._searches.take(actor.id):
                    return await self._handle(proxied)
        except Refused as error:
            return answers.refusal(error.answer)
        except RegistryError as error:
            if isinstance(error, PermissionDenied | Missing):
                await to_its_end(
                    self._proxy.record(proxied, _named(proxied.call), outcome=error.code, reason=error.message)
                )
            return _render(error)

    async def _read(self, proxied: ProxiedCall) -> None:
        """Parse the call, once."""
        request, route = proxied.request, proxied.call.route
        if route is OTLP_TRACES_ROUTE:
            proxied.call = await otlp.read(request)
            return
        body = b"" if route.handler == "ui_telemetry" else await request.body(call_limits.body_bytes(route))
        proxied.call = await read_in_turn(request.caller, body, _parsed, proxied, body)

    async def _handle(self, proxied: ProxiedCall) -> Response:
        proxy, route = self._proxy, proxied.call.route
        if home := _HOME_FIELD.get(route.handler):
            await experiments.settle_default(proxy, proxied, home, create=True)
        elif "experiment_id" in proxied.call.fields:
            await experiments.settle_default(proxy, proxied, "experiment_id", create=False)
        named = await proxy.access.check(proxied.actor, route.checks, proxied.call)
        response = await HANDLERS[route.handler](proxy, proxied)
        if route.event and route.checks and not route.handler.startswith("create_"):  # the others record by themselves
            await proxy.record(proxied, [(str(kind), name) for kind, name in named])
        return response

    # --- for the rest of the server ----------------------------------------------------------------------------------

    async def source_run(self, actor: Actor, run_id: str) -> SourceRun | None:
        """What a model version keeps of its run; None where the actor may not read it."""
        return await lineage.source_run(self._proxy, actor, run_id)

    async def source_logged_model(self, actor: Actor, model_id: str) -> SourceRun | None:
        """What a model version keeps of its logged model; None where the actor may not read it."""
        return await lineage.source_logged_model(self._proxy, actor, model_id)

    async def describe(self, actor: Actor, kind: str, id: str) -> tuple[str, str]:
        """(experiment id, name). Raises NotFound, PermissionDenied."""
        return await names.describe(self._proxy, actor, kind, id)

    async def places(self, actor: Actor, origin: SourceOrigin) -> tuple[SourceOrigin, ...]:
        """Where the files may lie that a model version's source names so. Raises NotFound, PermissionDenied."""
        return await version_sources.places(self._proxy, actor, origin)

    async def internal(self, actor: Actor, path: str, *, write: bool) -> ArtifactPlace | None:
        """What a `/WorkspaceInternal/Mlflow/Artifacts/...` path of the Files API names, allowed to this actor.

        None where it is no such path. Raises InvalidArgument, PermissionDenied, NotFound (also where its ids do not
        belong together)."""
        place = internal_place(path)
        level = Level.EDIT if write else Level.READ
        return await files.place_of(self._proxy, actor, place, level) if place else None

    async def proxied(self, actor: Actor, path: str, *, write: bool) -> ArtifactPlace:
        """What `<experiment>/<run>/artifacts/...` of a plain client names, allowed to this actor. Raises as `internal`."""
        return await files.place_of(self._proxy, actor, proxied_place(path), Level.EDIT if write else Level.READ)

    async def may(self, actor: Actor, kind: str, id: str, *, write: bool) -> None:
        """For a signed URL at its use. Raises NotFound, PermissionDenied."""
        await self._proxy.access.require(actor, TrackedKind(kind), id, Level.EDIT if write else Level.READ)


def _parsed(proxied: ProxiedCall, body: bytes) -> Call:
    """The call as it may be forwarded. Raises InvalidArgument."""
    request, route = proxied.request, proxied.call.route
    if route.handler == "graphql":
        check_declared(json_type(request), body)
        call = Call(route, {}, parse(body), len(body))
    else:
        call = read(route, proxied.call.params, request.query_string, json_type(request), body)
        reserved_keys.neutralize(route, call.fields, proxied.actor.name)
    call_limits.check(route, call.fields)
    if "/traces" in route.path:
        traces.check_filters(call.fields)
    return call


def _named(call: Call) -> list[tuple[str, str]]:
    """What a refused call spoke of, for the audit log."""
    kinds = {
        "experiment_id": TrackedKind.EXPERIMENT,
        "experiment_name": TrackedKind.EXPERIMENT,
        "run_id": TrackedKind.RUN,
        "model_id": TrackedKind.LOGGED_MODEL,
        "trace_id": TrackedKind.TRACE,
        "request_id": TrackedKind.TRACE,
    }
    return [(kind, value) for field, kind in kinds.items() if isinstance(value := call.fields.get(field), str)]


def _render(error: RegistryError) -> Response:
    body = msgspec.json.encode({"error_code": error.code, "message": error.message})
    headers = [(b"content-type", b"application/json")]
    headers += retry_after(error)
    return Response(error.status, body, headers)
