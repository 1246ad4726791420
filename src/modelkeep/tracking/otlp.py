"""OTLP traces over HTTP, `/v1/traces`: what OpenTelemetry's exporters, and MLflow's by them, send to an experiment.

Spans are read here once, within bounds and without the keys that only the server may write, then given to MLflow's own endpoint
in the child. It makes traces of them, also of spans that come late. What it has of a trace then is its file of spans, as if a client
had uploaded it: every client and MLflow's pages read that. Sources: opentelemetry.io/docs/specs/otlp (OTLP/HTTP),
mlflow/server/otel_api.py.
"""

import asyncio
import base64
import copy
from collections.abc import Callable, Iterable
from typing import Any
from weakref import WeakValueDictionary

from modelkeep.domain.errors import InvalidArgument
from modelkeep.http.bodies import read_in_turn
from modelkeep.http.messages import Request, Response
from modelkeep.limits import OTLP_ATTRIBUTES, OTLP_BYTES, OTLP_DEPTH, OTLP_SPANS, OTLP_TRACES
from modelkeep.store import experiments as rows
from modelkeep.tracking import answers
from modelkeep.tracking.artifacts import TRACE_DATA
from modelkeep.tracking.calls import Call, parse
from modelkeep.tracking.proxy import ProxiedCall, Refused, TrackingProxy
from modelkeep.tracking.reserved_keys import USER_TAG, is_reserved
from modelkeep.tracking.route_rules import OTLP_TRACES_ROUTE, TrackedKind

PATH = OTLP_TRACES_ROUTE.path
PROTOBUF, JSON = "application/x-protobuf", "application/json"
_BATCH = "batch"
_TRACE_TAG = (
    "mlflow.traceTag."  # mlflow/tracing/constant.py: an attribute of the root span that becomes a tag of the trace
)
_TYPE, _TYPE_CHARS = "mlflow.spanType", 500  # mlflow/store/tracking/dbmodels/models.py, SqlSpan.type
_AT_ONCE = 8  # traces whose files are written at the same time
_locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()


class SpanBatch:
    """The spans of one call. `rejected`: why some were left out, each reason with its number."""

    def __init__(self, message: Any, kind: str) -> None:
        self.message = message
        self.kind = kind
        """The content type that the client speaks"""
        self.rejected: dict[str, int] = {}

    def spans(self) -> Iterable[Any]:
        return (
            span for resource in self.message.resource_spans for scope in resource.scope_spans for span in scope.spans
        )

    def keep(self, reason: str, keeps: Callable[[Any], bool]) -> None:
        """Leave out the spans that `keeps` is false for."""
        for resource in self.message.resource_spans:
            for scope in resource.scope_spans:
                spans = [span for span in scope.spans if keeps(span)]
                if lost := len(scope.spans) - len(spans):
                    self.rejected[reason] = self.rejected.get(reason, 0) + lost
                    _replace(scope.spans, spans)

    def traces(self) -> list[str]:
        """The ids of all traces, in the order of their spans."""
        return list(dict.fromkeys(_trace_id(span) for span in self.spans()))


async def read(request: Request) -> Call:
    """The call: the experiment (and run) of its headers, and its spans. Raises InvalidArgument."""
    kind = request.header(b"content-type").partition(";")[0].strip().lower()
    if kind not in (PROTOBUF, JSON):
        raise InvalidArgument(f"Send traces as {PROTOBUF}, or as {JSON}.")
    body = await request.body(OTLP_BYTES)
    experiment = request.header(b"x-mlflow-experiment-id").strip()
    if not experiment:
        raise InvalidArgument("Name the experiment of these traces in the header 'x-mlflow-experiment-id'.")
    if kind == JSON:
        batch = await read_in_turn(request.caller, body, _parsed, body, kind)
    else:
        batch = await asyncio.to_thread(_parsed, body, kind)
    run = request.header(b"x-mlflow-run-id").strip()
    return Call(OTLP_TRACES_ROUTE, {}, {"experiment_id": experiment, "run_id": run, _BATCH: batch}, len(body))


def _parsed(body: bytes, kind: str) -> SpanBatch:
    from google.protobuf import json_format
    from google.protobuf.message import DecodeError
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    message = ExportTraceServiceRequest()
    try:
        if kind == JSON:
            json_format.ParseDict(_with_ids(parse(body)), message, ignore_unknown_fields=True, max_recursion_depth=50)
        else:
            message.ParseFromString(body)
    except (DecodeError, json_format.ParseError, ValueError, TypeError, AttributeError) as error:
        raise InvalidArgument("The body is no OTLP export of traces.") from error
    batch = SpanBatch(message, kind)
    count = sum(1 for _ in batch.spans())
    if count > OTLP_SPANS:
        raise InvalidArgument(
            f"The export has {count} spans, and {OTLP_SPANS} at most are taken. Send smaller batches."
        )
    for resource in message.resource_spans:
        _neutralize(resource.resource.attributes)
        if not _bounded(resource.resource):
            raise InvalidArgument(
                f"A resource has more than {OTLP_ATTRIBUTES} attributes, or more than {OTLP_DEPTH} levels."
            )
    batch.keep("A trace's id has 16 bytes and a span's has 8, not all of them 0.", _has_ids)
    batch.keep(f"A span has at most {OTLP_ATTRIBUTES} attributes of {OTLP_DEPTH} levels.", _bounded)
    if (traces := len(batch.traces())) > OTLP_TRACES:
        raise InvalidArgument(
            f"The export has {traces} traces, and {OTLP_TRACES} at most are taken. Send smaller batches."
        )
    batch.keep(f"A span's times are below 2^63 ns, and its type has at most {_TYPE_CHARS} characters.", _is_storable)
    for span in batch.spans():
        span.name = span.name.replace("\0", "")
        for attributes in (span.attributes, *(event.attributes for event in span.events)):
            _neutralize(attributes)
    return batch


def _with_ids(document: dict[str, Any]) -> dict[str, Any]:
    """OTLP's JSON has ids in hexadecimal, where protobuf's has base64. Raises ValueError, TypeError, AttributeError."""
    for resource in _items(document, "resourceSpans"):
        for scope in _items(resource, "scopeSpans"):
            for span in _items(scope, "spans"):
                for item in (span, *_items(span, "links")):
                    for name in ("traceId", "spanId", "parentSpanId"):
                        if item.get(name):
                            item[name] = base64.b64encode(bytes.fromhex(item[name])).decode()
    return document


def _items(owner: Any, name: str) -> list[Any]:
    return owner.get(name) or []


def _has_ids(span: Any) -> bool:
    return len(span.trace_id) == 16 and len(span.span_id) == 8 and any(span.trace_id) and any(span.span_id)


def _is_storable(span: Any) -> bool:
    types = [item.value.string_value for item in span.attributes if item.key == _TYPE]
    return max(span.start_time_unix_nano, span.end_time_unix_nano) < 2**63 and all(len(t) < _TYPE_CHARS for t in types)


def _bounded(owner: Any) -> bool:
    """Few enough attributes, events and links, none of them nested too deep."""
    parts = [owner, *getattr(owner, "events", ()), *getattr(owner, "links", ())]
    attributes = [attribute for part in parts for attribute in part.attributes]
    if len(attributes) + len(parts) > OTLP_ATTRIBUTES:
        return False
    level = [attribute.value for attribute in attributes]
    for _ in range(OTLP_DEPTH):
        level = [
            inner
            for value in level
            for inner in (*value.array_value.values, *(item.value for item in value.kvlist_value.values))
        ]
        if not level:
            return True
    return False


def _neutralize(attributes: Any) -> None:
    """Take out what only the server may write, also where it would become a tag of the trace, and what no database stores."""
    allowed = [
        item
        for item in attributes
        if not (is_reserved(item.key) or is_reserved(_as_tag(item.key)))
        and "\0" not in item.key + item.value.string_value
    ]
    if len(allowed) != len(attributes):
        _replace(attributes, allowed)


def _replace(repeated: Any, items: list[Any]) -> None:
    """Items of a repeated field die with it, so copies take their place."""
    copies: list[Any] = [copy.deepcopy(item) for item in items]
    del repeated[:]
    repeated.extend(copies)


def _as_tag(key: str) -> str:
    return key[len(_TRACE_TAG) :] if key.casefold().startswith(_TRACE_TAG.casefold()) else key


def _trace_id(span: Any) -> str:
    # mlflow/tracing/utils/__init__.py, generate_mlflow_trace_id_from_otel_trace_id
    return f"tr-{span.trace_id.hex()}"


async def log_spans(proxy: TrackingProxy, proxied: ProxiedCall) -> Response:
    """Keep the spans of traces that are new, or of this very experiment; the answer says how many were left out."""
    batch: SpanBatch = proxied.call.fields[_BATCH]
    experiment_id = proxied.call.text("experiment_id")
    mine = await _claimed(proxy, batch.traces(), experiment_id)

    def is_mine(span: Any) -> bool:
        return _trace_id(span) in mine

    batch.keep("A trace of this id is in another experiment.", is_mine)
    for span in batch.spans():
        if not span.parent_span_id:
            author = span.attributes.add()
            author.key, author.value.string_value = _TRACE_TAG + USER_TAG, proxied.actor.name
    if traces := batch.traces():
        await _send(proxy, experiment_id, proxied.call.text("run_id"), batch)
        for start in range(0, len(traces), _AT_ONCE):
            await asyncio.gather(*(_write_file(proxy, proxied, trace) for trace in traces[start : start + _AT_ONCE]))
    return _answer(batch)


async def _claimed(proxy: TrackingProxy, traces: list[str], experiment_id: str) -> set[str]:
    homes = await proxy.access.locate(TrackedKind.TRACE, traces)
    fresh = {trace: experiment_id for trace in traces if trace not in homes}
    if fresh:
        async with proxy.db.write() as tx:
            homes |= await rows.place(tx, proxy.workspace_id, TrackedKind.TRACE, fresh)
    return {trace for trace, home in homes.items() if home == experiment_id}


async def _send(proxy: TrackingProxy, experiment_id: str, run_id: str, batch: SpanBatch) -> None:
    headers = {"content-type": PROTOBUF, "x-mlflow-experiment-id": experiment_id}
    if run_id:
        headers["x-mlflow-run-id"] = run_id
    body = await asyncio.to_thread(batch.message.SerializeToString)
    answer = await proxy.child.request("POST", PATH, "", headers, body)
    if answer.status != 200:
        raise Refused(answer)


async def _write_file(proxy: TrackingProxy, proxied: ProxiedCall, trace_id: str) -> None:
    """One after the other for each trace, or an older state could replace a newer one."""
    lock = _locks.setdefault(f"{proxy.workspace_id}/{trace_id}", asyncio.Lock())
    async with lock:
        answer = await proxy.child.request("GET", "/ajax-api/3.0/mlflow/get-trace-artifact", f"request_id={trace_id}")
        if answer.status != 200:
            raise Refused(answer)
        await proxy.files.write(proxied.actor, proxied.request.id, "trace", trace_id, TRACE_DATA, answer.body)


def _answer(batch: SpanBatch) -> Response:
    from google.protobuf import json_format
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

    message = ExportTraceServiceResponse()
    if batch.rejected:
        message.partial_success.rejected_spans = sum(batch.rejected.values())
        message.partial_success.error_message = " ".join(batch.rejected)
    if batch.kind == JSON:
        return answers.respond(json_format.MessageToDict(message))
    return Response(200, message.SerializeToString(), [(b"content-type", PROTOBUF.encode())])
