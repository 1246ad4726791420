"""What the handlers of tracking calls share: the child, the rules, the files, the audit log, and who is calling."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec

from modelkeep.core.auditor import Act, Auditor
from modelkeep.domain.authorization import Actor
from modelkeep.domain.model import Metric, Param
from modelkeep.domain.paging import PageTokens
from modelkeep.http.messages import Request, Response
from modelkeep.limits import TRACKING_INLINE_BYTES
from modelkeep.store import experiments as rows
from modelkeep.store.audit import AuditEvent, AuditTarget
from modelkeep.store.db import Database, new_id, now_ms
from modelkeep.tracking import answers
from modelkeep.tracking.access import Access
from modelkeep.tracking.answers import Json
from modelkeep.tracking.artifacts import ArtifactFiles
from modelkeep.tracking.calls import Call, dump
from modelkeep.tracking.child import ChildAnswer, TrackingServer
from modelkeep.tracking.locations import DATABRICKS, PLAIN, ClientLocations, is_plain

_JSON = {"content-type": "application/json", "accept": "application/json"}


class Refused(Exception):
    """The child refused a call; its answer goes to the caller."""

    def __init__(self, answer: ChildAnswer) -> None:
        super().__init__(answer.status)
        self.answer = answer

    @property
    def code(self) -> str:
        """The child's error code, '' where it gave none."""
        try:
            return str(msgspec.json.decode(self.answer.body, type=Json).get("error_code", ""))
        except msgspec.MsgspecError:
            return ""


class KnownModel(msgspec.Struct, frozen=True):
    """A logged model as a model version remembers it, for those who may use the version but not see the experiment."""

    model_id: str
    name: str
    experiment_id: str
    source_run_id: str = ""
    params: tuple[Param, ...] = ()
    metrics: tuple[Metric, ...] = ()
    created_at: int = 0
    """epoch ms"""
    updated_at: int = 0


ModelResolver = Callable[[Actor, str], Awaitable[KnownModel | None]]


class ProxiedCall(msgspec.Struct):
    """One call by one actor."""

    request: Request
    actor: Actor
    call: Call

    @property
    def operation(self) -> str:
        """For the audit log: `POST runs/delete`."""
        return f"{self.call.route.method} {self.call.route.path.partition('/mlflow/')[2] or self.call.route.path}"

    @property
    def client_locations(self) -> ClientLocations:
        """Locations as this client must see them."""
        return PLAIN if is_plain(self.request.header(b"user-agent")) else DATABRICKS


class TrackingServices(msgspec.Struct, frozen=True):
    """What the calls of one workspace need."""

    db: Database
    child: TrackingServer
    files: ArtifactFiles
    auditor: Auditor
    resolver: ModelResolver
    workspace_id: str
    page_tokens: PageTokens


class TrackingProxy:
    """The services of one workspace, and the calls of its tracking server."""

    def __init__(self, services: TrackingServices) -> None:
        self.db = services.db
        self.child = services.child
        self.files = services.files
        self.auditor = services.auditor
        self.resolver = services.resolver
        self.workspace_id = services.workspace_id
        self.page_tokens = services.page_tokens
        self.access = Access(self.db, self.child, self.workspace_id)

    async def forward(self, call: Call) -> Json:
        """The child's answer to the call as it stands now. Raises Refused, Unavailable."""
        return await _decoded(await self.forward_raw(call))

    async def forward_raw(self, call: Call) -> ChildAnswer:
        """As `forward`, undecoded (some of MLflow's answers are not strict JSON)."""
        body = await asyncio.to_thread(call.body) if call.size > TRACKING_INLINE_BYTES else call.body()
        return await self._send(call.route.method, call.path(), call.query(), body)

    async def ask(self, method: str, path: str, fields: Json | None = None, query: str = "") -> Json:
        """A call of our own. Raises Refused, Unavailable."""
        return await _decoded(await self._send(method, path, query, dump(fields) if fields is not None else b""))

    async def _send(self, method: str, path: str, query: str, body: bytes) -> ChildAnswer:
        answer = await self.child.request(method, path, query, _JSON, body)
        if answer.status != 200:
            raise Refused(answer)
        return answer

    async def respond(self, proxied: ProxiedCall, document: Json) -> Response:
        """The child's answer with everything that this caller must see differently."""
        runs = answers.run_ids_with_inputs(document)
        sources: answers.Sources = {}
        if runs:
            async with self.db.read() as tx:
                sources = await rows.inputs_of(tx, self.workspace_id, runs)
        return answers.respond(answers.show(document, proxied.client_locations, sources))

    def event(self, proxied: ProxiedCall, event: str, targets: list[tuple[str, str]], reason: str = "") -> AuditEvent:
        """A success for the audit log. `targets`: (kind, id)."""
        actor = proxied.actor
        return AuditEvent(
            new_id(),
            now_ms(),
            event,
            proxied.operation,
            actor.id,
            actor.name,
            actor.token_id,
            actor.source,
            proxied.request.id,
            _targets(targets),
            "{}",
            "{}",
            "ok",
            reason,
            self.workspace_id,
        )

    async def record(
        self,
        proxied: ProxiedCall,
        targets: list[tuple[str, str]],
        *,
        event: str = "",
        outcome: str = "ok",
        reason: str = "",
    ) -> None:
        """One row of the audit log. `targets`: (kind, id)."""
        await self.auditor.record(
            proxied.actor,
            Act(
                event or proxied.call.route.event or "tracking.refused",
                proxied.operation,
                list(_targets(targets)),
                outcome,
                reason,
                proxied.request.id,
            ),
        )


async def _decoded(answer: ChildAnswer) -> Json:
    if len(answer.body) > TRACKING_INLINE_BYTES:
        return await asyncio.to_thread(answers.decode, answer)
    return answers.decode(answer)


def _targets(named: list[tuple[str, str]]) -> tuple[AuditTarget, ...]:
    return tuple(AuditTarget(kind.upper(), name, name) for kind, name in named)
