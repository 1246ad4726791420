"""Serving endpoints as Databricks' clients manage them: `/api/2.0/serving-endpoints`, with and without a slash at the end.

Clients: databricks-sdk (service/serving.py), `mlflow.deployments` (deployments/databricks/__init__.py), Terraform, `requests`. Types in
published examples are loose ("traffic_percentage": "90"), and `served_models` is the older name of `served_entities`.
"""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from modelkeep.api.serving import answers
from modelkeep.core.operations.serving import endpoints
from modelkeep.domain.errors import InvalidArgument
from modelkeep.domain.kinds import Kind
from modelkeep.domain.names import parse_full_name
from modelkeep.domain.serving import (
    LEVELS,
    EndpointConfig,
    EntityStatus,
    ServingEndpoint,
    TrafficRoute,
    check_entity_version,
)
from modelkeep.http.routing import NoFields, Route

ENDPOINTS = "/api/2.0/serving-endpoints"
_NOT_HERE = (
    "ai_gateway",
    "external_model",
    "provisioned_model_units",
    "min_provisioned_throughput",
    "max_provisioned_throughput",
)
Percentage = Annotated[int, Meta(ge=0, le=100)]


class EntityFields(msgspec.Struct, frozen=True):
    """A served entity, or a served model in the words of the older API."""

    name: str = ""
    entity_name: str = ""
    entity_version: str | int = ""
    model_name: str = ""
    model_version: str | int = ""
    workload_size: str = "Small"
    workload_type: str = "CPU"
    scale_to_zero_enabled: bool = False
    environment_vars: dict[str, str] = {}
    external_model: dict[str, Any] | None = None
    min_provisioned_throughput: int = 0
    max_provisioned_throughput: int = 0


class RouteFields(msgspec.Struct, frozen=True):
    served_model_name: str = ""
    served_entity_name: str = ""
    traffic_percentage: Percentage = 0


class TrafficFields(msgspec.Struct, frozen=True):
    routes: tuple[RouteFields, ...] = ()


class ConfigFields(msgspec.Struct, frozen=True):
    served_entities: tuple[EntityFields, ...] = ()
    served_models: tuple[EntityFields, ...] = ()
    traffic_config: TrafficFields = TrafficFields()


class TagFields(msgspec.Struct, frozen=True):
    key: str
    value: str = ""


class CreateFields(msgspec.Struct, frozen=True):
    name: str
    config: ConfigFields | None = None
    tags: tuple[TagFields, ...] = ()
    description: str = ""
    rate_limits: tuple[dict[str, Any], ...] = ()
    ai_gateway: dict[str, Any] | None = None
    route_optimized: bool = False


class NameFields(msgspec.Struct, frozen=True):
    name: str


class UpdateFields(ConfigFields, frozen=True, kw_only=True):
    name: str


class TagsFields(msgspec.Struct, frozen=True):
    name: str
    add_tags: tuple[TagFields, ...] = ()
    delete_tags: tuple[str, ...] = ()


def _models(config: ConfigFields) -> tuple[endpoints.ServedModel, ...]:
    """Raises InvalidArgument, BadName."""
    if config.served_entities and config.served_models:
        raise InvalidArgument("Send served_entities or served_models, and not both.")
    return tuple(map(_model, config.served_entities or config.served_models))


def _model(f: EntityFields) -> endpoints.ServedModel:
    if f.external_model is not None or f.min_provisioned_throughput or f.max_provisioned_throughput:
        raise InvalidArgument(
            "External models and provisioned throughput are not available here. Serve a registered model: entity_name, entity_version."
        )
    name, version = f.entity_name or f.model_name, str(f.entity_version or f.model_version)
    if not name or not version:
        raise InvalidArgument("Each served entity names a registered model, entity_name, and its entity_version.")
    return endpoints.ServedModel(
        parse_full_name(name, Kind.MODEL),
        check_entity_version(version),
        f.name,
        f.workload_size,
        f.workload_type,
        f.scale_to_zero_enabled,
        tuple(sorted(f.environment_vars.items())),
    )


def _routes(config: ConfigFields) -> tuple[TrafficRoute, ...]:
    return tuple(
        TrafficRoute(route.served_model_name or route.served_entity_name, route.traffic_percentage)
        for route in config.traffic_config.routes
    )


def _create(f: CreateFields) -> endpoints.CreateEndpoint:
    if f.ai_gateway is not None:
        raise InvalidArgument("The AI gateway is not available here. Leave ai_gateway out.")
    if f.rate_limits:
        raise InvalidArgument("Rate limits of endpoints are not available here. Leave rate_limits out.")
    config = f.config or ConfigFields()
    return endpoints.CreateEndpoint(
        endpoint=f.name, models=_models(config), routes=_routes(config), tags=_pairs(f.tags), description=f.description
    )


def _pairs(tags: tuple[TagFields, ...]) -> tuple[tuple[str, str], ...]:
    return tuple((tag.key, tag.value) for tag in tags)


def _update(f: UpdateFields) -> endpoints.UpdateEndpointConfig:
    return endpoints.UpdateEndpointConfig(f.name, models=_models(f), routes=_routes(f))


def _patch_tags(f: TagsFields) -> endpoints.PatchEndpointTags:
    if not f.add_tags and not f.delete_tags:
        raise InvalidArgument("The request changes nothing. Send add_tags or delete_tags.")
    return endpoints.PatchEndpointTags(f.name, add=_pairs(f.add_tags), delete=f.delete_tags)


def _tags(tags: dict[str, str]) -> list[answers.EndpointTag]:
    return [{"key": key, "value": value} for key, value in tags.items()]


def _config(
    endpoint: ServingEndpoint, config: EndpointConfig, statuses: tuple[EntityStatus, ...], version: int
) -> answers.ConfigAnswer:
    by_name = {status.name: status for status in statuses}
    names = dict(endpoint.model_names)
    entities: list[answers.ServedEntity] = []
    for entity in config.entities:
        status = by_name.get(entity.name, EntityStatus(entity.name, entity.model_id))
        answer: answers.ServedEntity = {
            "name": entity.name,
            "entity_name": names.get(entity.model_id, entity.entity_name),
            "entity_version": entity.version,
            "creator": config.created_by,
            "creation_timestamp": config.created_at,
            "workload_size": entity.workload_size,
            "workload_type": entity.workload_type,
            "scale_to_zero_enabled": entity.scale_to_zero,
            "state": {"deployment": status.state, "deployment_state_message": status.message},
        }
        if entity.alias and status.version:
            answer["served_version"] = str(status.version)
        if entity.environment and endpoint.level == len(LEVELS):
            answer["environment_vars"] = entity.environment
        entities.append(answer)
    routes: list[answers.TrafficRouteAnswer] = [
        {"served_model_name": route.served_name, "traffic_percentage": route.percentage} for route in config.routes
    ]
    return {"config_version": version, "served_entities": entities, "traffic_config": {"routes": routes}}


def shown_id(endpoint_id: str) -> str:
    """32 hexadecimal digits, as clients and Terraform keep it."""
    return endpoint_id.replace("-", "")


def routes(address: str) -> list[Route]:
    """`address`: of the default workspace, for `endpoint_url`."""

    def info(endpoint: ServingEndpoint, _: Any = None) -> answers.EndpointAnswer:
        answer: answers.EndpointAnswer = {
            "id": shown_id(endpoint.id),
            "name": endpoint.name,
            "creator": endpoint.creator,
            "creation_timestamp": endpoint.created_at,
            "last_updated_timestamp": endpoint.updated_at,
            "state": {"ready": "READY" if endpoint.ready else "NOT_READY", "config_update": endpoint.update_state},
            "tags": _tags(endpoint.tags),
            "description": endpoint.description,
            "permission_level": LEVELS[endpoint.level - 1],
            "endpoint_url": f"{address}/serving-endpoints/{endpoint.name}/invocations",
            "route_optimized": False,
        }
        if config := endpoint.config:
            answer["config"] = _config(endpoint, config, endpoint.statuses, endpoint.config_version)
        if pending := endpoint.pending:
            configured = _config(endpoint, pending, endpoint.pending_statuses, endpoint.config_version + 1)
            answer["pending_config"] = {**configured, "start_time": pending.created_at}
        return answer

    def every(listed: list[ServingEndpoint], _: Any) -> answers.EndpointList:
        return {"endpoints": [info(endpoint) for endpoint in listed]}

    def tags(result: dict[str, str], _: Any) -> answers.EndpointTags:
        return {"tags": _tags(result)}

    by_name = f"{ENDPOINTS}/{{name}}"
    return [
        Route("POST", ENDPOINTS, CreateFields, _create, info),
        Route("GET", ENDPOINTS, NoFields, lambda _: endpoints.ListEndpoints(), every),
        Route("GET", by_name, NameFields, lambda f: endpoints.GetEndpoint(f.name), info),
        Route("PUT", f"{by_name}/config", UpdateFields, _update, info),
        Route("PATCH", f"{by_name}/tags", TagsFields, _patch_tags, tags),
        Route("DELETE", by_name, NameFields, lambda f: endpoints.DeleteEndpoint(f.name)),
    ]
