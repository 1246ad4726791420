"""May this caller do that: ids become experiments, and the caller's level on the experiment is compared with the rule.

What the caller may not see does not exist for him; what he may read but not change is refused by name.
"""

import asyncio
import re
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from modelkeep.domain.authorization import Actor
from modelkeep.domain.errors import InvalidArgument, NotFound, PermissionDenied, Unavailable
from modelkeep.store import experiments as rows
from modelkeep.store.db import Database
from modelkeep.store.experiments import Level
from modelkeep.tracking.call_limits import MOST_IDS, too_many
from modelkeep.tracking.calls import Call, values
from modelkeep.tracking.child import ChildAnswer, TrackingServer
from modelkeep.tracking.route_rules import Check, TrackedKind

_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_EXPERIMENT_ID = re.compile(r"0|[1-9][0-9]{0,17}")
_WORDS = {
    TrackedKind.EXPERIMENT: "Experiment",
    TrackedKind.RUN: "Run",
    TrackedKind.LOGGED_MODEL: "Logged model",
    TrackedKind.TRACE: "Trace",
}
_QUESTIONS = {
    TrackedKind.RUN: ("/api/2.0/mlflow/runs/get", "run_id={}", ("run", "info", "experiment_id")),
    TrackedKind.LOGGED_MODEL: (
        "/api/2.0/mlflow/logged-models/{}",
        "allow_deleted=true",
        ("model", "info", "experiment_id"),
    ),
}
_TRACES = "/api/3.0/mlflow/traces/batchGetInfos"
_TRACE_HOME = ("trace_location", "mlflow_experiment", "experiment_id")
_AT_ONCE = 8  # calls of the child for one call of ours


class Missing(NotFound):
    """It does not exist, or this caller may not know that it does: one class, so that both are recorded alike."""


def missing(kind: TrackedKind, name: str) -> Missing:
    """The same words whether it does not exist or may not be seen."""
    if (
        kind is TrackedKind.RUN
    ):  # mlflow/optuna/storage.py looks for these words: without them it drops what it could not log
        return Missing(f"Run with id={name[:200]} not found.", kind=kind)
    return Missing(f"{_WORDS[kind]} '{name[:200]}' does not exist.", kind=kind)


class Access:
    """The rules of one workspace, over our tables and (for ids that we have not met) the child's answers."""

    def __init__(self, db: Database, child: TrackingServer, workspace_id: str) -> None:
        self._db = db
        self._child = child
        self._workspace = workspace_id

    async def check(self, actor: Actor, checks: Sequence[Check], call: Call) -> list[tuple[TrackedKind, str]]:
        """All rules of a route; what the call named. Raises InvalidArgument, NotFound, PermissionDenied."""
        named: list[tuple[Check, str]] = []
        for check in checks:
            ids = [i for i in dict.fromkeys(values(call.fields, check.field)) if i or not check.optional]
            if len(ids) > MOST_IDS[check.kind]:
                raise too_many(check.field, len(ids), MOST_IDS[check.kind])
            if not ids and not check.optional:
                raise InvalidArgument(f"Missing value for required parameter '{check.field}'.")
            named.extend((check, i) for i in ids)
        homes = {
            kind: await self.locate(kind, [i for check, i in named if check.kind is kind])
            for kind in {check.kind for check, _ in named}
        }
        levels = await self.levels(actor, {e for experiments in homes.values() for e in experiments.values()})
        for check, name in named:
            self._decide(check, name, homes[check.kind].get(name), levels)
        return [(check.kind, name) for check, name in named]

    async def require(self, actor: Actor, kind: TrackedKind, name: str, level: Level) -> str:
        """The experiment of what is named. Raises NotFound, PermissionDenied."""
        home = (await self.locate(kind, [name])).get(name)
        levels = await self.levels(actor, {home} if home else set())
        self._decide(Check(kind, level, ""), name, home, levels)
        assert home is not None
        return home

    def _decide(self, check: Check, name: str, home: str | None, levels: dict[str, Level]) -> None:
        level = levels.get(home) if home else None
        if level is None:
            raise missing(check.kind, name)
        if not level.allows(check.level):
            raise PermissionDenied(
                f"This needs {check.level} on experiment {home}, on which you hold {level}. Ask one who manages it."
            )

    async def levels(self, actor: Actor, experiment_ids: Iterable[str]) -> dict[str, Level]:
        """The caller's level on each; experiments that he may not see are left out."""
        if actor.workspace_admin:
            return dict.fromkeys(experiment_ids, Level.MANAGE)
        async with self._db.read() as tx:
            return await rows.levels_of(tx, self._workspace, list(experiment_ids), actor.id)

    async def visible(self, actor: Actor) -> list[str]:
        """Every experiment that the caller holds anything on (an admin of the workspace sees others, too)."""
        async with self._db.read() as tx:
            return await rows.visible(tx, self._workspace, actor.id)

    async def locate(self, kind: TrackedKind, names: Sequence[str]) -> dict[str, str]:
        """The experiment of each of these; what does not exist is left out."""
        if kind is TrackedKind.EXPERIMENT:
            return {name: name for name in names if _EXPERIMENT_ID.fullmatch(name)}
        ids = [name for name in names if _ID.fullmatch(name)]
        if not ids:
            return {}
        async with self._db.read() as tx:
            experiments = await rows.experiments_of(tx, self._workspace, kind, ids)
        unknown = [name for name in dict.fromkeys(ids) if name not in experiments]
        homes = await (self._ask_traces(unknown) if kind is TrackedKind.TRACE else self._ask_each(kind, unknown))
        if homes:
            async with self._db.write() as tx:
                experiments |= await rows.place(tx, self._workspace, kind, homes)
        return experiments

    async def place(self, kind: TrackedKind, name: str, experiment_id: str) -> str:
        """Note where a new run, logged model or trace lies; the experiment that holds it already, if one does."""
        async with self._db.write() as tx:
            return (await rows.place(tx, self._workspace, kind, {name: experiment_id}))[name]

    async def _ask_traces(self, names: list[str]) -> dict[str, str]:
        """The child's word on traces that we have not met: one call for all."""
        if not names:
            return {}
        body = msgspec.json.encode({"trace_ids": names})
        answer = await self._child.request("POST", _TRACES, "", {"content-type": "application/json"}, body)
        _check_answered(answer)
        listed: list[dict[str, Any]] = msgspec.json.decode(answer.body).get("trace_infos", [])
        return {info["trace_id"]: str(_inner(info, *_TRACE_HOME)) for info in listed if _inner(info, *_TRACE_HOME)}

    async def _ask_each(self, kind: TrackedKind, names: list[str]) -> dict[str, str]:
        """The same of runs and logged models, for which the child has no call for many: `limits` keeps them few."""
        homes: dict[str, str] = {}
        for start in range(0, len(names), _AT_ONCE):
            batch = names[start : start + _AT_ONCE]
            for name, home in zip(batch, await asyncio.gather(*(self._ask(kind, n) for n in batch)), strict=True):
                if home:
                    homes[name] = home
        return homes

    async def _ask(self, kind: TrackedKind, name: str) -> str:
        path, query, keys = _QUESTIONS[kind]
        answer = await self._child.request("GET", path.format(name), query.format(name))
        if answer.status in (400, 404):
            return ""
        _check_answered(answer)
        return str(_inner(msgspec.json.decode(answer.body), *keys))


def _check_answered(answer: ChildAnswer) -> None:
    if answer.status != 200:
        raise Unavailable("The tracking server cannot look this up now. Try again in a moment.")


def _inner(document: Any, *keys: str) -> Any:
    """What lies under these keys, one in the other; '' where there is no such thing."""
    for key in keys:
        document = document.get(key) or {}
    return document or ""
