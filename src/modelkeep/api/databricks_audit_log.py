"""An audit record in the schema of Databricks' audit log, under the names that Databricks has for services and actions.

The operation table has Databricks' name of each operation. What has none there goes under the service `modelkeep`, with our name.
"""

import inspect
from typing import Any, TypedDict

import msgspec

from modelkeep.core.operation import NO_NAME
from modelkeep.core.table import BY_NAME
from modelkeep.domain import errors
from modelkeep.store.audit import AuditEvent


class UserIdentity(TypedDict):
    email: str
    subjectName: str | None


class AuditResponse(TypedDict):
    """`result` is what a change changed, as JSON text: {field: [old, new]}."""

    statusCode: int
    errorMessage: str | None
    result: str | None


class AuditLogRecord(TypedDict):
    """One line of Databricks' audit log, version 2.0; `sessionId` is the id of the credential."""

    version: str
    auditLevel: str
    timestamp: int
    workspaceId: str
    accountId: str
    eventId: str
    sourceIPAddress: str
    userAgent: str | None
    sessionId: str | None
    userIdentity: UserIdentity
    serviceName: str
    actionName: str
    requestId: str
    requestParams: dict[str, str]
    response: AuditResponse


_KINDS = {
    "METASTORE": "Metastore",
    "CATALOG": "Catalog",
    "SCHEMA": "Schema",
    "MODEL": "RegisteredModel",
    "FUNCTION": "Function",
    "VOLUME": "Volume",
    "TABLE": "Table",
    "PROMPT": "Prompt",
    "EXTERNAL_LOCATION": "ExternalLocation",
    "STORAGE_CREDENTIAL": "StorageCredential",
}
_BY_DEPTH = ("METASTORE", "CATALOG", "SCHEMA", "MODEL")
_FORMER = {"bring": "unityCatalog.finalizeModelVersion", "env": "accounts.generateDbToken"}
"""Names in records of operations that the table does not have: an older release's, and the command line's own."""
_SIGN_IN = {
    "token.issue": "mintOAuthToken",
    "token.authorize": "mintOAuthAuthorizationCode",
    "token.revoke": "revokeDbToken",
    "session.start": "login",
    "session.end": "logout",
    "group.add_member": "addPrincipalToGroup",
    "group.remove_member": "removePrincipalFromGroup",
}
"""By the event: all that one sign-in does is one operation"""
_PRINCIPALS = {
    "principal.create": ("add", "createGroup"),
    "principal.delete": ("delete", "removeGroup"),
    "principal.update": ("updateUser", "updateGroup"),
}
"""Of users and service principals, and of groups"""
_TRACKED = ("experiment", "run", "logged_model", "trace")
_STATUS = {
    error.code: error.status
    for _, error in inspect.getmembers(errors, inspect.isclass)
    if issubclass(error, errors.RegistryError)
}


def record(event: AuditEvent, account_id: str) -> AuditLogRecord:
    """As Databricks would deliver it."""
    service, action = names(event)
    local = service in ("filesystem", "mlflowExperiment")
    ok = event.outcome == "ok"
    return {
        "version": "2.0",
        "auditLevel": "WORKSPACE_LEVEL" if local else "ACCOUNT_LEVEL",
        "timestamp": event.at,
        "workspaceId": event.workspace_id or "0" if local else "0",
        "accountId": account_id,
        "eventId": event.id,
        "sourceIPAddress": event.source,
        "userAgent": None,
        "sessionId": event.token_id or None,
        "userIdentity": {"email": event.actor, "subjectName": None},
        "serviceName": service,
        "actionName": action,
        "requestId": event.request_id,
        "requestParams": _params(event),
        "response": {
            "statusCode": 200 if ok else _STATUS.get(event.outcome, 500),
            "errorMessage": None if ok else event.reason,
            "result": event.changes if event.changes != "{}" else None,
        },
    }


def names(event: AuditEvent) -> tuple[str, str]:
    """(service, action): Databricks', or `modelkeep` and our own."""
    noun, _, verb = event.event.partition(".")
    name = event.operation
    operation = BY_NAME.get(name)
    databricks = operation.databricks if operation is not None else _FORMER.get(name, NO_NAME)
    if databricks != NO_NAME:
        service, _, action = databricks.partition(".")
        return service, action.format(kind=_kind(event))
    if name == "sign_in" and event.event in _SIGN_IN:
        return "accounts", _SIGN_IN[event.event]
    if event.event in _PRINCIPALS:
        group = any(target.kind == "GROUP" for target in event.targets) or '"kind":"GROUP"' in event.request
        return "accounts", _PRINCIPALS[event.event][group]
    if noun in _TRACKED:
        return "mlflowExperiment", _camel(verb) + "Mlflow" + _camel(f"_{noun}")
    return "modelkeep", _camel(name) if name.isidentifier() else _camel(f"{verb}_{noun}")


def _kind(event: AuditEvent) -> str:
    """Of what was named first; where nothing was found, as its name looks."""
    first = event.targets[0] if event.targets else None
    kind = (
        first.kind
        if first and first.kind in _KINDS
        else _BY_DEPTH[min(_depth(first.name), 3)]
        if first
        else "METASTORE"
    )
    return _KINDS[kind]


def _depth(name: str) -> int:
    return name.count(".") + 1 if name else 0


def _camel(text: str) -> str:
    first, *others = text.split("_")
    return first + "".join(part.capitalize() for part in others)


def _params(event: AuditEvent) -> dict[str, str]:
    """Our request's fields, as texts, and Databricks' word for the name."""
    sent: dict[str, Any] = msgspec.json.decode(event.request)
    params = {key: _text(value) for key, value in sent.items() if value not in (None, "", [], {})}
    if "name" in params:
        params["full_name_arg"] = params["name"]
    if "full_name_arg" not in params and event.targets:
        params["full_name_arg"] = event.targets[0].name
    return params


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
