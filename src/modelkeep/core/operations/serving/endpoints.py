"""Model serving endpoints: create, read, configure, tag, delete, and the decision on each query.

The engine (`modelkeep.serving`) makes true what these operations write; the states that clients wait for are its words.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from modelkeep.core.context import ReadCtx, ServiceCtx, WriteCtx
from modelkeep.core.operations.serving.access import SERVE, check_on, creator_may_serve, endpoint_at
from modelkeep.domain.errors import Conflict, InvalidArgument, LimitExceeded, NotFound, PermissionDenied
from modelkeep.domain.names import FullName, check_comment
from modelkeep.domain.serving import (
    ConfiguredEntity,
    EndpointConfig,
    EntityStatus,
    ServingEndpoint,
    TrafficRoute,
    check_endpoint_name,
    check_entities,
    default_entity_name,
    traffic,
)
from modelkeep.limits import SERVING_ENDPOINTS, SERVING_TAG_CHARACTERS, SERVING_TAGS
from modelkeep.store import securables, serving
from modelkeep.store.db import Database, new_id


class ServedModel(msgspec.Struct, frozen=True):
    """A model to serve. `version`: its number, or '@' and an alias. `name`: '' for `<model>-<version>`."""

    model: FullName
    version: str
    name: str = ""
    workload_size: str = "Small"
    workload_type: str = "CPU"
    scale_to_zero: bool = False
    environment: tuple[tuple[str, str], ...] = ()


class CreateEndpoint(msgspec.Struct, frozen=True, kw_only=True):
    endpoint: str
    models: tuple[ServedModel, ...] = ()
    routes: tuple[TrafficRoute, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    description: str = ""


class NameEndpoint(msgspec.Struct, frozen=True):
    endpoint: str


class GetEndpoint(NameEndpoint, frozen=True):
    pass


class ListEndpoints(msgspec.Struct, frozen=True):
    """Those of the workspace that the caller may view."""


class UpdateEndpointConfig(NameEndpoint, frozen=True, kw_only=True):
    models: tuple[ServedModel, ...]
    routes: tuple[TrafficRoute, ...] = ()


class PatchEndpointTags(NameEndpoint, frozen=True, kw_only=True):
    add: tuple[tuple[str, str], ...] = ()
    delete: tuple[str, ...] = ()


class DeleteEndpoint(NameEndpoint, frozen=True):
    pass


class QueryEndpoint(NameEndpoint, frozen=True):
    """`entity`: one served entity of it; '' lets the traffic split choose."""

    entity: str = ""


async def create_endpoint(ctx: WriteCtx, req: CreateEndpoint) -> ServingEndpoint:
    """Raises AlreadyExists, InvalidArgument, LimitExceeded, PermissionDenied, NotFound, WrongState."""
    check_on(ctx)
    check_endpoint_name(req.endpoint)
    if await serving.count(ctx.tx, ctx.actor.workspace) >= SERVING_ENDPOINTS:
        raise LimitExceeded(f"This workspace has {SERVING_ENDPOINTS} serving endpoints already. Delete one first.")
    config = await _config(ctx, req.models, req.routes) if req.models else None
    endpoint = ServingEndpoint(
        new_id(),
        ctx.actor.workspace,
        req.endpoint,
        ctx.actor.id,
        ctx.actor.name,
        check_comment(req.description),
        _encode(_tags({}, req.tags, ())),
        "",
        0,
        _encode(config) if config else "",
        "IN_PROGRESS" if config else "NOT_UPDATING",
        ctx.now,
        ctx.now,
        ctx.actor.name,
        serving.MANAGE,
    )
    await serving.insert(ctx.tx, endpoint)
    await serving.set_statuses(ctx.tx, endpoint.id, _creating(config), pending=True)
    ctx.touch("SERVING_ENDPOINT", endpoint.id, endpoint.name)
    ctx.changed("served", None, _served(config))
    return await _whole(ctx, endpoint)


async def get_endpoint(ctx: ReadCtx, req: GetEndpoint) -> ServingEndpoint:
    """Raises NotFound."""
    return await _whole(ctx, await endpoint_at(ctx, req.endpoint, "CAN_VIEW"))


async def list_endpoints(ctx: ReadCtx, req: ListEndpoints) -> list[ServingEndpoint]:
    """By name."""
    return await serving.with_statuses(ctx.tx, await serving.visible(ctx.tx, ctx.actor, SERVING_ENDPOINTS))


async def update_endpoint_config(ctx: WriteCtx, req: UpdateEndpointConfig) -> ServingEndpoint:
    """The new configuration is pending until the engine has loaded it; the old one serves on. Raises Conflict while another is
    pending, PermissionDenied where the caller or the endpoint's creator may not serve a model, and as `create_endpoint`."""
    check_on(ctx)
    endpoint = await endpoint_at(ctx, req.endpoint, "CAN_MANAGE")
    config = await _config(ctx, req.models, req.routes)
    for model in dict.fromkeys(served.model for served in req.models):
        decision = await creator_may_serve(ctx.tx, ctx.dialect, endpoint, model, ctx.now)
        if not decision.allowed:
            raise PermissionDenied(decision.reason)
    if not await serving.begin_update(ctx.tx, endpoint.id, _encode(config), ctx.actor.name, ctx.now):
        raise Conflict(f"Serving endpoint '{endpoint.name}' is being updated. Wait until it is ready, then try again.")
    await serving.set_statuses(ctx.tx, endpoint.id, _creating(config), pending=True)
    ctx.changed("served", _served(endpoint.config), _served(config))
    return await _whole(ctx, await endpoint_at(ctx, req.endpoint, "CAN_MANAGE"))


async def patch_endpoint_tags(ctx: WriteCtx, req: PatchEndpointTags) -> dict[str, str]:
    """All tags that the endpoint has then. Raises InvalidArgument, LimitExceeded, NotFound, PermissionDenied."""
    endpoint = await endpoint_at(ctx, req.endpoint, "CAN_MANAGE")
    tags = _tags(endpoint.tags, req.add, req.delete)
    await serving.set_tags(ctx.tx, endpoint.id, _encode(tags), ctx.actor.name, ctx.now)
    ctx.changed("tags", endpoint.tags, tags)
    return tags


async def delete_endpoint(ctx: WriteCtx, req: DeleteEndpoint) -> None:
    """Raises NotFound, PermissionDenied."""
    endpoint = await endpoint_at(ctx, req.endpoint, "CAN_MANAGE")
    await serving.delete(ctx.tx, endpoint.id)
    ctx.changed("served", _served(endpoint.config), None)


async def query_endpoint(ctx: ReadCtx, req: QueryEndpoint) -> ServingEndpoint:
    """The endpoint, for a caller who may query it. Raises NotFound, PermissionDenied, WrongState."""
    check_on(ctx)
    endpoint = await endpoint_at(ctx, req.endpoint, "CAN_QUERY")
    config = endpoint.config
    if req.entity and (config is None or config.entity(req.entity) is None):
        raise NotFound(f"Serving endpoint '{endpoint.name}' has no served entity '{req.entity[:100]}'.")
    return endpoint if config is not None else await _whole(ctx, endpoint)


async def wake_engine(ctx: ServiceCtx, db: Database, result: Any) -> Any:
    """After the transaction: the engine looks at once."""
    if ctx.services.serving is not None:
        ctx.services.serving.wake()
    return result


async def _config(ctx: ReadCtx, models: Sequence[ServedModel], routes: Sequence[TrafficRoute]) -> EndpointConfig:
    """Raises InvalidArgument, LimitExceeded, and what the engine's own check of each model raises."""
    entities = [
        ConfiguredEntity(
            served.name or default_entity_name(str(served.model), served.version),
            "",
            str(served.model),
            served.version,
            served.workload_size,
            served.workload_type,
            served.scale_to_zero,
            dict(served.environment),
        )
        for served in models
    ]
    check_entities(entities)
    split = traffic(entities, routes)
    for index, served in enumerate(models):
        model = await ctx.reach(SERVE, served.model)
        ctx.touch("MODEL", model.id, model.full_name)
        entities[index] = msgspec.structs.replace(entities[index], model_id=model.id, entity_name=model.full_name)
    return EndpointConfig(tuple(entities), split, ctx.actor.name, ctx.now)


def _creating(config: EndpointConfig | None) -> list[EntityStatus]:
    return [EntityStatus(entity.name, entity.model_id) for entity in config.entities] if config else []


async def _whole(ctx: ReadCtx, endpoint: ServingEndpoint) -> ServingEndpoint:
    """With the states of its entities and its models' names of this moment."""
    [endpoint] = await serving.with_statuses(ctx.tx, [endpoint])
    configs = [config for config in (endpoint.config, endpoint.pending) if config]
    names: list[tuple[str, str]] = []
    for model_id in dict.fromkeys(entity.model_id for config in configs for entity in config.entities):
        if name := await securables.name_of(ctx.tx, model_id):
            names.append((model_id, str(name)))
    return msgspec.structs.replace(endpoint, model_names=tuple(names))


def _tags(before: dict[str, str], add: Sequence[tuple[str, str]], delete: Sequence[str]) -> dict[str, str]:
    """Raises InvalidArgument, LimitExceeded."""
    tags = {key: value for key, value in before.items() if key not in delete} | dict(add)
    if len(tags) > SERVING_TAGS:
        raise LimitExceeded(f"An endpoint has at most {SERVING_TAGS} tags.")
    for key, value in add:
        if not key or len(key) > SERVING_TAG_CHARACTERS or len(value) > SERVING_TAG_CHARACTERS:
            raise InvalidArgument(
                f"A tag has a key, and {SERVING_TAG_CHARACTERS} characters at most in key and value each."
            )
    return tags


def _served(config: EndpointConfig | None) -> list[str] | None:
    """For the audit record."""
    return [f"{entity.entity_name}/{entity.version}" for entity in config.entities] if config else None


def _encode(value: object) -> str:
    return msgspec.json.encode(value).decode()
