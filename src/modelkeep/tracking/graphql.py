"""What MLflow's UI asks by GraphQL: queries whose every root field is known, each checked like its REST twin."""

from typing import Any, cast

from modelkeep.domain.authorization import Actor
from modelkeep.domain.errors import InvalidArgument
from modelkeep.http.messages import Response
from modelkeep.store.experiments import Level
from modelkeep.tracking import answers
from modelkeep.tracking.answers import Json
from modelkeep.tracking.calls import Call, values
from modelkeep.tracking.proxy import ProxiedCall, TrackingProxy
from modelkeep.tracking.route_rules import Check, TrackedKind, TrackingRoute

# Below its root field a query walks only what belongs to that run or experiment, and the child's empty registry.
ROOTS = {
    "mlflowGetRun": (
        Check(TrackedKind.RUN, Level.READ, "runId", optional=True),
        Check(TrackedKind.RUN, Level.READ, "runUuid", optional=True),
    ),
    "mlflowGetExperiment": (Check(TrackedKind.EXPERIMENT, Level.READ, "experimentId"),),
    "mlflowSearchRuns": (Check(TrackedKind.EXPERIMENT, Level.READ, "experimentIds[]"),),
    "mlflowGetMetricHistoryBulkInterval": (Check(TrackedKind.RUN, Level.READ, "runIds[]"),),
}


async def graphql(proxy: TrackingProxy, proxied: ProxiedCall) -> Response:
    """Check every root field of the query, then forward it. Raises InvalidArgument for anything but such a query."""
    fields = proxied.call.fields
    for name, arguments in roots(proxied.call.text("query"), fields.get("variables") or {}):
        await _check(proxy, proxied.actor, proxied.call.route, name, arguments)
    return answers.graphql(await proxy.forward_raw(proxied.call))


async def _check(proxy: TrackingProxy, actor: Actor, route: TrackingRoute, name: str, arguments: Json) -> None:
    if name == "mlflowGetRun" and not (values(arguments, "runId") or values(arguments, "runUuid")):
        raise InvalidArgument("mlflowGetRun needs a runId.")
    await proxy.access.check(actor, ROOTS[name], Call(route, {}, arguments))


def roots(query: str, variables: Json) -> list[tuple[str, Json]]:
    """The root fields of a query with the `input` of each. Raises InvalidArgument."""
    from graphql import GraphQLError, parse  # comes with the pinned MLflow; only its UI needs it
    from graphql.language import FieldNode, OperationDefinitionNode, OperationType

    try:
        definitions = parse(query, max_tokens=5000).definitions
    except (GraphQLError, RecursionError) as error:
        raise InvalidArgument("The GraphQL query cannot be parsed.") from error
    operations = [d for d in definitions if isinstance(d, OperationDefinitionNode)]
    if len(operations) != 1 or operations[0].operation is not OperationType.QUERY:
        raise InvalidArgument("Send one GraphQL query at a time; there are no mutations.")
    root_fields: list[tuple[str, Json]] = []
    for node in operations[0].selection_set.selections:
        if not isinstance(node, FieldNode) or node.name.value not in ROOTS:
            raise InvalidArgument(f"GraphQL queries may ask for {', '.join(ROOTS)}.")
        root_fields.append((node.name.value, _input(node, variables)))
    return root_fields


def _input(node: Any, variables: Json) -> Json:
    from graphql import value_from_ast_untyped

    arguments = {argument.name.value: value_from_ast_untyped(argument.value, variables) for argument in node.arguments}
    value = arguments.get("input")
    if set(arguments) != {"input"} or not isinstance(value, dict):
        raise InvalidArgument("GraphQL fields take one argument, `input`.")
    return cast(Json, value)
