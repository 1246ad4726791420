"""Who may do what with an experiment: read and set by those who manage it, in our own words and in Databricks'.

Clients: databricks/sdk/service/ml.py (ExperimentsAPI), iam.py (PermissionsAPI).
"""

from typing import Any

from modelkeep.domain.errors import InvalidArgument, NotFound
from modelkeep.domain.model import Principal
from modelkeep.domain.names import fold_principal
from modelkeep.http.messages import Response
from modelkeep.store import audit, principals
from modelkeep.store import experiments as rows
from modelkeep.store.db import Tx, WriteTx, now_ms
from modelkeep.store.experiments import Level, Permission
from modelkeep.store.principals import WORKSPACE_USERS
from modelkeep.tracking import answers
from modelkeep.tracking.answers import Json
from modelkeep.tracking.experiments import existing, named
from modelkeep.tracking.proxy import ProxiedCall, TrackingProxy
from modelkeep.tracking.route_rules import TrackedKind

_NONE = "NONE"
_MAX_ENTRIES = 1000
_NAMES = {"user_name": "USER", "group_name": "GROUP", "service_principal_name": "SERVICE_PRINCIPAL"}
_KINDS = {field: (kind, "SERVICE_PRINCIPAL") if field == "user_name" else (kind,) for field, kind in _NAMES.items()}
"""Databricks takes a service principal under `user_name`, too, and answers `service_principal_name` (databricks/cli)."""
_FIELDS = {kind: field for field, kind in _NAMES.items()}
_WORDS = {"user_name": "UserName", "group_name": "GroupName", "service_principal_name": "ServicePrincipalName"}
_LEVELS = {
    Level.READ: "Can view the experiment, its runs, models and traces",
    Level.EDIT: "Can view, log runs to the experiment, and change what is in it",
    Level.MANAGE: "Can view, log runs, and manage who may do what with the experiment",
}
_ROOT = "/experiments/"
Levels = dict[str, tuple[Principal, Level]]
"""By the principal's id."""


# --- in our words ----------------------------------------------------------------------------------------------------


async def list_permissions(proxy: TrackingProxy, proxied: ProxiedCall) -> Response:
    """The experiment's access list."""
    experiment_id = await _managed(proxy, proxied)
    async with proxy.db.read() as tx:
        permissions = await rows.permissions(tx, proxy.workspace_id, experiment_id)
    listed = [{"principal": p.principal, "kind": p.kind, "level": str(p.level)} for p in permissions]
    return answers.respond({"experiment_id": experiment_id, "permissions": listed})


async def set_permission(proxy: TrackingProxy, proxied: ProxiedCall) -> Response:
    """Give one principal a level, or NONE. Raises InvalidArgument, NotFound, PermissionDenied."""
    experiment_id = await _managed(proxy, proxied)
    level = proxied.call.text("level")
    if level not in (_NONE, *Level):
        raise InvalidArgument(f"A level is one of {', '.join((*Level, _NONE))}.")
    experiment_name = (await existing(proxy, experiment_id))["name"]
    async with proxy.db.write(proxied.actor.id) as tx:
        await rows.drop_creation(tx, proxy.workspace_id, experiment_name)
        principal = await _principal(tx, proxied.call.text("principal"))
        if principal is None:
            raise NotFound(f"There is no principal named '{proxied.call.text('principal')[:200]}'.")
        levels: Levels = {} if level == _NONE else {principal.id: (principal, Level(level))}
        await _change(proxy, proxied, tx, experiment_id, levels, [] if levels else [(principal.id, principal.name)])
    return (
        await list_permissions(proxy, proxied) if level != _NONE else answers.respond({"experiment_id": experiment_id})
    )


async def _managed(proxy: TrackingProxy, proxied: ProxiedCall) -> str:
    """The id of the experiment that the call names by id or by name. Raises NotFound, PermissionDenied."""
    experiment = proxied.call.text("experiment")
    if not experiment:
        raise InvalidArgument("Name the experiment, by its id or its name.")
    by_name = await named(proxy, experiment)
    experiment_id = by_name["experiment_id"] if by_name else experiment
    return await proxy.access.require(proxied.actor, TrackedKind.EXPERIMENT, experiment_id, Level.MANAGE)


async def _change(
    proxy: TrackingProxy,
    proxied: ProxiedCall,
    tx: WriteTx,
    experiment_id: str,
    levels: Levels,
    gone: list[tuple[str, str]],
) -> None:
    """The rows with their audit record. `gone`: (id, name) of those whose level is taken back."""
    by, at = proxied.actor.name, now_ms()
    for principal_id, _ in gone:
        await rows.forbid(tx, proxy.workspace_id, experiment_id, principal_id)
    for principal, level in levels.values():
        await rows.permit(
            tx, rows.ExperimentLevel(proxy.workspace_id, experiment_id, principal.id, level), by=by, at=at
        )
    texts = [f"{name}: {_NONE}" for _, name in gone] + [f"{p.name}: {level}" for p, level in levels.values()]
    event = proxy.event(proxied, "experiment.share", [("experiment", experiment_id)], ", ".join(texts))
    await audit.add(tx, [event])


# --- in Databricks' ---------------------------------------------------------------------------------------------------


async def permission_levels(proxy: TrackingProxy, proxied: ProxiedCall) -> Response:
    """What a level means."""
    listed = [{"permission_level": str(level), "description": text} for level, text in _LEVELS.items()]
    return answers.respond({"permission_levels": listed})


async def access_list(proxy: TrackingProxy, proxied: ProxiedCall) -> Response:
    """What was given on the experiment itself, and what follows from managing the whole workspace."""
    experiment_id = proxied.call.text("experiment_id")
    await existing(proxy, experiment_id)
    async with proxy.db.read() as tx:
        direct = await rows.permissions(tx, proxy.workspace_id, experiment_id)
        inherited = await rows.inherited(tx, proxy.workspace_id)
    entries: dict[str, Json] = {}
    for permission, own in [*((p, True) for p in direct), *((p, False) for p in inherited)]:
        level: Json = {"permission_level": str(permission.level), "inherited": not own}
        if not own:
            level["inherited_from_object"] = [_ROOT]
        entries.setdefault(permission.principal_id, _entry(permission))["all_permissions"].append(level)
    return answers.respond(
        {
            "object_id": f"{_ROOT}{experiment_id}",
            "object_type": "mlflowExperiment",
            "access_control_list": list(entries.values()),
        }
    )


def _entry(permission: Permission) -> Json:
    display_name = {} if permission.kind == "GROUP" else {"display_name": permission.display_name}
    return {_FIELDS[permission.kind]: permission.principal, **display_name, "all_permissions": []}


async def replace_access_list(proxy: TrackingProxy, proxied: ProxiedCall) -> Response:
    """Replace the direct permissions; without a list, remove them."""
    return await _written(proxy, proxied, replace=True)


async def update_access_list(proxy: TrackingProxy, proxied: ProxiedCall) -> Response:
    """These principals' levels; the others keep theirs."""
    return await _written(proxy, proxied, replace=False)


async def _written(proxy: TrackingProxy, proxied: ProxiedCall, *, replace: bool) -> Response:
    experiment_id, entries = proxied.call.text("experiment_id"), _entries(proxied)
    experiment_name = (await existing(proxy, experiment_id))["name"]
    async with proxy.db.write(proxied.actor.id) as tx:
        # A change of the access list settles the owner of the experiment: an unfinished creation gives nothing back.
        await rows.drop_creation(tx, proxy.workspace_id, experiment_name)
        levels: Levels = {}
        for field, name, level in entries:
            principal = await _principal(tx, name)
            if principal is None or principal.kind not in _KINDS[field]:
                raise NotFound(f"Principal: {_WORDS[field]}({name[:255]}) does not exist.")
            if principal.id in levels:
                raise InvalidArgument(f"'{name[:255]}' is in access_control_list twice.")
            levels[principal.id] = principal, level
        before = await rows.permissions(tx, proxy.workspace_id, experiment_id) if replace else []
        gone = [(p.principal_id, p.principal) for p in before if p.principal_id not in levels]
        await _change(proxy, proxied, tx, experiment_id, levels, gone)
    return await access_list(proxy, proxied)


async def _principal(tx: Tx, name: str) -> Principal | None:
    """Raises InvalidArgument for a display name of several service principals."""
    principal = await principals.in_access_list(tx, name)
    if principal is None and fold_principal(name) == WORKSPACE_USERS:
        return Principal(WORKSPACE_USERS, "GROUP", WORKSPACE_USERS, WORKSPACE_USERS, True, False, 0)
    return principal


def _entries(proxied: ProxiedCall) -> list[tuple[str, str, Level]]:
    """(field, name, level) of each entry. Raises InvalidArgument."""
    field_value: Any = proxied.call.fields.get("access_control_list")
    entries: list[Any] = [] if field_value is None else field_value
    if not isinstance(field_value, list | None) or not all(isinstance(entry, dict) for entry in entries):
        raise InvalidArgument("access_control_list is a list of objects.")
    if len(entries) > _MAX_ENTRIES:
        raise InvalidArgument(
            f"access_control_list has {len(entries)} entries; at most {_MAX_ENTRIES} are taken at once."
        )
    return [_read(entry) for entry in entries]


def _read(entry: Json) -> tuple[str, str, Level]:
    named = [(field, entry[field]) for field in _NAMES if entry.get(field)]
    if len(named) != 1 or not isinstance(named[0][1], str):
        raise InvalidArgument(f"Each entry of access_control_list names one of {', '.join(_NAMES)}.")
    level = entry.get("permission_level")
    if level not in list(Level):
        raise InvalidArgument(f"permission_level of an experiment is one of {', '.join(Level)}.")
    return *named[0], Level(level)
