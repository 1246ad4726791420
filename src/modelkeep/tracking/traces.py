"""Acts on traces: ids are claimed before the child hears of them."""

import re

from modelkeep.domain.errors import AlreadyExists, InvalidArgument
from modelkeep.http.messages import Response
from modelkeep.tracking import answers
from modelkeep.tracking.answers import Json
from modelkeep.tracking.calls import values
from modelkeep.tracking.experiments import visible_among
from modelkeep.tracking.proxy import ProxiedCall, TrackingProxy
from modelkeep.tracking.route_rules import TrackedKind

_TRACE_ID = re.compile(r"tr-[A-Za-z0-9_-]{1,125}")  # never a word that the child's paths use
_FILTERS = ("filter", "base_filter", "filter_string1", "filter_string2")
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_IN_SPANS = re.compile(r"\btraces?\s*\.\s*text\b|(?<![\w.])spans?\s*\.\s*\w+", re.IGNORECASE)
_PLACE = "trace.trace_info.trace_location.mlflow_experiment.experiment_id"


async def start_trace(proxy: TrackingProxy, proxied: ProxiedCall) -> Response:
    """A trace of one of the caller's experiments; the same trace may be sent again. Raises InvalidArgument."""
    info: Json = proxied.call.fields["trace"]["trace_info"]
    trace_id, experiment_id = info.get("trace_id"), values(proxied.call.fields, _PLACE)[0]
    if not isinstance(trace_id, str) or not await _claim(proxy, trace_id, experiment_id):
        raise InvalidArgument("A trace's id is 'tr-' and letters, digits, '-' and '_'.")
    info["trace_location"] = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment_id}}
    if not isinstance(info.get("tags") or {}, dict):
        raise InvalidArgument("Field 'tags' must be an object.")
    # Only the trace's info: spans travel as an artifact.
    proxied.call.fields["trace"] = {"trace_info": info}
    return await proxy.respond(proxied, await proxy.forward(proxied.call))


async def _claim(proxy: TrackingProxy, trace_id: str, experiment_id: str) -> bool:
    home = (await proxy.access.locate(TrackedKind.TRACE, [trace_id])).get(trace_id)
    if home is None:
        if not _TRACE_ID.fullmatch(trace_id):
            return False
        home = await proxy.access.place(TrackedKind.TRACE, trace_id, experiment_id)
    if home != experiment_id:
        raise AlreadyExists(f"Trace '{trace_id}' already exists.")
    return True


async def start_trace_v2(proxy: TrackingProxy, proxied: ProxiedCall) -> Response:
    """The older call; the child makes the id."""
    values(proxied.call.fields, "tags[].key")  # a list of objects
    document = await proxy.forward(proxied.call)
    info = document["trace_info"]
    await proxy.access.place(TrackedKind.TRACE, info["request_id"], info["experiment_id"])
    return await proxy.respond(proxied, document)


def check_filters(fields: Json) -> None:
    """Refuse conditions on the contents of spans: these are files, and a search would find nothing, silently.
    Raises InvalidArgument."""
    for name in _FILTERS:
        text = fields.get(name)
        if isinstance(text, str) and (match := _IN_SPANS.search(_QUOTED.sub("''", text))):
            raise InvalidArgument(
                f"Traces cannot be searched by '{match[0].strip()}': their spans are kept as files. Search by trace.* "
                "attributes, tags or metadata instead."
            )


async def search_traces(proxy: TrackingProxy, proxied: ProxiedCall) -> Response:
    """Traces of those of the named experiments that the caller may see. Raises InvalidArgument."""
    experiment_ids = values(proxied.call.fields, "locations[].mlflow_experiment.experiment_id")
    if not experiment_ids or len(experiment_ids) != len(proxied.call.fields["locations"]):
        raise InvalidArgument("Name the experiments to search as `locations`: traces are kept in experiments only.")
    seen = await visible_among(proxy, proxied, experiment_ids)
    if not seen:
        return answers.respond({})
    proxied.call.fields["locations"] = [
        {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": e}} for e in seen
    ]
    return await proxy.respond(proxied, await proxy.forward(proxied.call))


async def visible_traces(proxy: TrackingProxy, proxied: ProxiedCall) -> Response:
    """The infos of those of these traces that the caller may see."""
    trace_ids = proxied.call.texts("trace_ids")
    homes = await proxy.access.locate(TrackedKind.TRACE, trace_ids)
    levels = await proxy.access.levels(proxied.actor, set(homes.values()))
    seen = [t for t in trace_ids if t in homes and levels.get(homes[t], None) is not None]
    if not seen:
        return answers.respond({})
    proxied.call.fields["trace_ids"] = seen
    return await proxy.respond(proxied, await proxy.forward(proxied.call))
