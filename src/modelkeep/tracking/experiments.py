"""Acts on experiments: who owns a new one, reserved names, the caller's default one, searches of what he sees."""

import base64
import json
import re
from typing import Any
from urllib.parse import urlencode

import msgspec

from modelkeep.domain.authorization import Actor
from modelkeep.domain.errors import AlreadyExists, InvalidArgument, PermissionDenied
from modelkeep.domain.names import fold_principal
from modelkeep.domain.paging import page_size
from modelkeep.http.messages import Response
from modelkeep.store import experiments as rows
from modelkeep.store.db import now_ms
from modelkeep.store.experiments import Level
from modelkeep.tracking import answers
from modelkeep.tracking.access import missing
from modelkeep.tracking.answers import Json
from modelkeep.tracking.calls import Call, put, values
from modelkeep.tracking.deleted_experiments import NAME_CHARS, deleted_named, free_name, is_moved, take_name_back
from modelkeep.tracking.locations import check_experiment_location
from modelkeep.tracking.proxy import ProxiedCall, Refused, TrackingProxy
from modelkeep.tracking.route_rules import TrackedKind

DEFAULT_WORDS = frozenset({"0", "None"})  # what clients send when no experiment is set (3.x: "None", 2.x: "0")
_UNFINISHED_MS = 120_000  # a creation that is older is nobody's any more; twice the longest wait for the child
_HOME = re.compile(r"/Users/(.+)/default")
_MOST_IN_FILTER = 400  # ids in one `experiment_id IN (...)`; above that, pages are filtered here
_SCAN_ROWS, _SCAN_PAGES = 1000, 10
_API = "/api/2.0/mlflow/experiments"
_ACTIVE = "active"


async def create_experiment(proxy: TrackingProxy, proxied: ProxiedCall) -> Response:
    """The creator manages what he made."""
    call = proxied.call
    name = call.text("name")
    _check_name(proxy, proxied.actor, name)
    call.fields["artifact_location"] = check_experiment_location(call.text("artifact_location"))
    tags: list[Json] = call.fields.get("tags") or []
    values(call.fields, "tags[].key")  # a list of objects
    return answers.respond({"experiment_id": await _create(proxy, proxied, name, call.text("artifact_location"), tags)})


async def _create(proxy: TrackingProxy, proxied: ProxiedCall, name: str, location: str, tags: list[Json]) -> str:
    """The creator's row goes first, so that a stop between the child's commit and ours leaves no ownerless experiment."""
    actor, workspace, now = proxied.actor, proxy.workspace_id, now_ms()
    taken = AlreadyExists(f"Experiment '{name}' already exists. Choose another name.")
    async with proxy.db.write(actor.id) as tx:
        if not await rows.begin_creation(tx, workspace, name, actor.id, at=now, abandoned_before=now - _UNFINISHED_MS):
            raise taken
    try:
        fields = {"name": name, "artifact_location": location, "tags": tags}
        experiment_id = (await proxy.ask("POST", f"{_API}/create", fields))["experiment_id"]
    except Refused as error:
        if error.code == AlreadyExists.code:
            await _adopt(proxy, actor, name, await named(proxy, name))
        async with proxy.db.write(actor.id) as tx:
            await rows.drop_creation(tx, workspace, name)
        if error.code == AlreadyExists.code:
            raise taken from error
        raise
    if not await _finish(proxy, actor, name, experiment_id):
        raise taken
    await proxy.record(proxied, [("experiment", experiment_id)], event="experiment.create")
    return experiment_id


async def _finish(proxy: TrackingProxy, actor: Actor, name: str, experiment_id: str) -> bool:
    """Give the creator his experiment; False where the creation is no longer his, or others have settled whose it is."""
    workspace = proxy.workspace_id
    async with proxy.db.write(actor.id) as tx:
        if not await rows.finish_creation(tx, workspace, name, actor.id, experiment_id):
            return False
        if await rows.permissions(tx, workspace, experiment_id):
            return False
        await rows.permit(
            tx, rows.ExperimentLevel(workspace, experiment_id, actor.id, Level.MANAGE), by=actor.name, at=now_ms()
        )
    return True


async def _adopt(proxy: TrackingProxy, actor: Actor, name: str, experiment: Json | None) -> bool:
    """Finish a creation of this caller where we stopped between the child's commit and ours.

    Only an experiment that came to be right after the caller's own row counts: an older one of that name is not his."""
    async with proxy.db.read() as tx:
        creation = await rows.creation_of(tx, proxy.workspace_id, name)
    if experiment is None or creation is None or creation.experiment_id or creation.principal_id != actor.id:
        return False
    age = int(experiment.get("creation_time", 0)) - creation.created_at
    return 0 <= age <= _UNFINISHED_MS and await _finish(proxy, actor, name, experiment["experiment_id"])


async def existing(proxy: TrackingProxy, experiment_id: str) -> Json:
    """Raises Refused: an admin may do anything with an experiment but for it being there."""
    return (await proxy.ask("GET", f"{_API}/get", query=_query("experiment_id", experiment_id)))["experiment"]


async def named(proxy: TrackingProxy, name: str) -> Json | None:
    """The experiment of this name, whether or not the caller may see it; None where there is none."""
    try:
        return (await proxy.ask("GET", f"{_API}/get-by-name", query=_query("experiment_name", name)))["experiment"]
    except Refused as error:
        if error.answer.status == 404:
            return None
        raise


def _query(key: str, value: str) -> str:
    return urlencode({key: value})


def _check_name(proxy: TrackingProxy, actor: Actor, name: str) -> None:
    if not name.strip():
        raise InvalidArgument("Give the experiment a name.")
    if proxy.db.dialect == "postgresql" and len(name) > NAME_CHARS:  # SQLite keeps what its columns do not announce
        raise InvalidArgument(
            f"The name has {len(name)} characters; this database keeps at most {NAME_CHARS}. Shorten it."
        )
    if name.startswith(answers.DELETED_PREFIX):
        raise InvalidArgument(
            f"Names of experiments do not begin with '{answers.DELETED_PREFIX}'. Choose another name."
        )
    home = _HOME.fullmatch(name)
    if home and fold_principal(home[1]) != fold_principal(actor.name) and not actor.workspace_admin:
        raise PermissionDenied(f"'{name}' is the default experiment of '{home[1]}'. Choose another name.")


async def experiment_by_name(proxy: TrackingProxy, proxied: ProxiedCall) -> Response:
    """One of the caller's experiments by its name. Raises InvalidArgument."""
    name = proxied.call.text("experiment_name")
    if not name:
        raise InvalidArgument("Missing value for required parameter 'experiment_name'.")
    experiment = await named(proxy, name)
    # All statements run whether it exists or not, so that the time of the answer does not tell.
    levels = await proxy.access.levels(proxied.actor, [experiment["experiment_id"] if experiment else ""])
    if not await _adopt(proxy, proxied.actor, name, experiment) and (experiment is None or not levels):
        experiment = await deleted_named(proxy, name)
        levels = await proxy.access.levels(proxied.actor, [experiment["experiment_id"] if experiment else ""])
        if experiment is None or not levels:
            raise missing(TrackedKind.EXPERIMENT, name)
    return await proxy.respond(proxied, {"experiment": experiment})


async def delete_experiment(proxy: TrackingProxy, proxied: ProxiedCall) -> Response:
    """It leaves its name to others. MLflow's own experiment 0 keeps it: the server would make another one."""
    experiment = await existing(proxy, proxied.call.text("experiment_id"))
    if experiment["lifecycle_stage"] == _ACTIVE and experiment["experiment_id"] != "0":
        await free_name(proxy, experiment)
    return await proxy.respond(proxied, await proxy.forward(proxied.call))


async def restore_experiment(proxy: TrackingProxy, proxied: ProxiedCall) -> Response:
    """Under the name that it had, unless another experiment has that now."""
    experiment = await existing(proxy, proxied.call.text("experiment_id"))
    if not is_moved(experiment):
        return await proxy.respond(proxied, await proxy.forward(proxied.call))
    experiment_id, name = experiment["experiment_id"], answers.name_before_deletion(experiment)
    taken = AlreadyExists(
        f"Another experiment is called '{name}' now. Rename or delete that one, then restore this one."
    )
    if await named(proxy, name) is not None:
        raise taken
    if experiment["lifecycle_stage"] != _ACTIVE:
        await proxy.forward(proxied.call)
    try:
        await take_name_back(proxy, experiment_id, name)
    except Refused as error:
        if error.code != AlreadyExists.code:
            raise
        await proxy.ask("POST", f"{_API}/delete", {"experiment_id": experiment_id})
        raise taken from error
    return answers.respond({})


async def rename_experiment(proxy: TrackingProxy, proxied: ProxiedCall) -> Response:
    """A new name, unless another experiment has it. Raises AlreadyExists."""
    name = proxied.call.text("new_name")
    _check_name(proxy, proxied.actor, name)
    other = await named(proxy, name)
    if other and other["experiment_id"] != proxied.call.text("experiment_id"):
        raise AlreadyExists(f"Experiment '{name}' already exists. Choose another name.")
    return answers.respond(await proxy.forward(proxied.call))


async def default_experiment(proxy: TrackingProxy, proxied: ProxiedCall, *, create: bool) -> str:
    """The caller's `/Users/<name>/default`; '' if it does not exist and `create` is false."""
    name = f"/Users/{proxied.actor.name}/default"
    experiment = await named(proxy, name)
    if experiment is None and create:
        try:
            return await _create(proxy, proxied, name, "", [])
        except AlreadyExists:  # a call beside this one was faster
            experiment = await named(proxy, name)
    if experiment is None:
        return ""
    await _adopt(proxy, proxied.actor, name, experiment)
    return experiment["experiment_id"]


async def settle_default(proxy: TrackingProxy, proxied: ProxiedCall, path: str, *, create: bool) -> None:
    """Put the caller's default experiment where the call names none."""
    experiment_id = (values(proxied.call.fields, path) or [""])[0]
    if experiment_id == "0" and proxied.actor.workspace_admin and not create:
        return  # admins may look at MLflow's own experiment 0, which belongs to nobody
    if experiment_id in DEFAULT_WORDS:
        default_id = await default_experiment(proxy, proxied, create=create)
        if default_id:
            put(proxied.call.fields, path, default_id)


async def visible_among(proxy: TrackingProxy, proxied: ProxiedCall, experiment_ids: list[str]) -> list[str]:
    """Those of these experiments that the caller may see, in the same order; the default one under its own id."""
    resolved_ids = list(experiment_ids)
    if DEFAULT_WORDS & set(experiment_ids):
        own = await default_experiment(proxy, proxied, create=False)
        resolved_ids = [own if e in DEFAULT_WORDS else e for e in experiment_ids]
    known = await proxy.access.locate(TrackedKind.EXPERIMENT, resolved_ids)
    levels = await proxy.access.levels(proxied.actor, known)
    return [e for e in dict.fromkeys(resolved_ids) if e in levels]


async def in_visible_experiments(proxy: TrackingProxy, proxied: ProxiedCall) -> Response:
    """Forward a search whose `experiment_ids` are cut down to what the caller may see. Raises InvalidArgument."""
    if not proxied.call.texts("experiment_ids") and not proxied.call.route.path.endswith("/runs/search"):
        raise InvalidArgument("Missing value for required parameter 'experiment_ids'.")  # as MLflow's server says it
    proxied.call.fields["experiment_ids"] = await visible_among(proxy, proxied, proxied.call.texts("experiment_ids"))
    if not proxied.call.fields["experiment_ids"]:
        return answers.respond({})
    return await proxy.respond(proxied, await proxy.forward(proxied.call))


async def list_experiments(proxy: TrackingProxy, proxied: ProxiedCall) -> Response:
    """The older call of databricks-sdk: a search without a filter. Raises InvalidArgument."""
    call = proxied.call
    fields = {name: call.fields[name] for name in ("max_results", "page_token", "view_type") if name in call.fields}
    size = _number(fields["max_results"]) or 0
    if size < 0:
        raise InvalidArgument("max_results must be positive.")
    fields["max_results"] = min(size, _SCAN_ROWS)  # "automatically capped at 1000"
    searched = msgspec.structs.replace(call.route, method="POST", path="/2.0/mlflow/experiments/search")
    proxied.call = Call(searched, {}, fields)
    return await search_experiments(proxy, proxied)


async def search_experiments(proxy: TrackingProxy, proxied: ProxiedCall) -> Response:
    """The caller's experiments that match, a page at a time; MLflow's own paging and order hold."""
    if proxied.actor.workspace_admin:
        return await proxy.respond(proxied, await proxy.forward(proxied.call))
    mine = await proxy.access.visible(proxied.actor)
    if not mine:
        return answers.respond({})
    if len(mine) > _MOST_IN_FILTER:
        return await _scan(proxy, proxied, frozenset(mine))
    # First, so that nothing in the caller's filter (a comment, a quote) can end the text before our condition.
    quoted = ", ".join(f"'{e}'" for e in mine)
    ours = f"experiment_id IN ({quoted})"
    theirs = proxied.call.text("filter").strip()
    proxied.call.fields["filter"] = f"{ours} AND {theirs}" if theirs else ours
    document = await proxy.forward(proxied.call)
    document["experiments"] = [e for e in document.get("experiments", []) if e["experiment_id"] in set(mine)]
    return await proxy.respond(proxied, document)


async def _scan(proxy: TrackingProxy, proxied: ProxiedCall, mine: frozenset[str]) -> Response:
    """For a caller with very many experiments: read the child's pages until ours is full, or for long enough."""
    call = proxied.call
    size = page_size(_number(call.fields.get("max_results")), 1000, 50_000)
    scope = f"experiments|{proxied.actor.id}|{call.text('filter')}|{call.fields.get('order_by')}"
    position = proxy.page_tokens.open(scope, call.text("page_token"), (int,))
    offset = int(position[0]) if position else 0
    visible: list[Json] = []
    for _ in range(_SCAN_PAGES):
        call.fields |= {"max_results": _SCAN_ROWS, "page_token": _child_token(offset)}
        page = (await proxy.forward(call)).get("experiments", [])
        for index, experiment in enumerate(page):
            if experiment["experiment_id"] in mine:
                visible.append(experiment)
            if len(visible) == size:
                return await _page(proxy, proxied, visible, proxy.page_tokens.seal(scope, (offset + index + 1,)))
        if len(page) < _SCAN_ROWS:
            return await _page(proxy, proxied, visible, "")
        offset += len(page)
    return await _page(proxy, proxied, visible, proxy.page_tokens.seal(scope, (offset,)))


async def _page(proxy: TrackingProxy, proxied: ProxiedCall, visible: list[Json], token: str) -> Response:
    return await proxy.respond(proxied, {"experiments": visible} | ({"next_page_token": token} if token else {}))


def _child_token(offset: int) -> str:
    # mlflow/utils/search_utils.py, create_page_token: the pinned MLflow's tokens are offsets, none for the start
    if not offset:
        return ""
    return base64.b64encode(json.dumps({"offset": offset}).encode()).decode()


def _number(value: Any) -> int | None:
    try:
        return None if value is None else int(value)
    except (TypeError, ValueError) as error:
        raise InvalidArgument("max_results must be an integer.") from error
