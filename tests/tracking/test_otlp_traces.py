"""Traces by OTLP: as OpenTelemetry's exporters and MLflow's send them, bounded, and to nobody else's experiment."""

import gzip
import json
import os
import uuid
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from tracking.tracking_site import Site

from modelkeep.limits import OTLP_ATTRIBUTES, OTLP_BYTES, OTLP_DEPTH, OTLP_SPANS, OTLP_TRACES

ALICE, BOB, CAROL = "alice@x.io", "bob@x.io", "carol@x.io"
V2, V3 = "/api/2.0/mlflow", "/api/3.0/mlflow"
PROTOBUF = "application/x-protobuf"


@pytest.fixture(scope="module")
def experiment(site: Site) -> str:
    """Of alice, which carol may read."""
    with site.client(ALICE) as http:
        experiment_id = http.post(f"{V2}/experiments/create", json={"name": uuid.uuid4().hex}).json()["experiment_id"]
        share = {"access_control_list": [{"user_name": CAROL, "permission_level": "CAN_READ"}]}
        assert http.patch(f"/api/2.0/permissions/experiments/{experiment_id}", json=share).status_code == 200
    return experiment_id


def put(attributes: Any, values: dict[str, str]) -> None:
    for key, value in values.items():
        item = attributes.add()
        item.key, item.value.string_value = key, value


def export(*spans: dict[str, Any], resource: dict[str, str] | None = None) -> ExportTraceServiceRequest:
    """Spans of: trace, id, parent (bytes), name, attributes."""
    request = ExportTraceServiceRequest()
    block = request.resource_spans.add()
    put(block.resource.attributes, resource or {"service.name": "shop"})
    scope = block.scope_spans.add()
    for number, value in enumerate(spans):
        span = scope.spans.add()
        span.trace_id, span.span_id = value["trace"], value.get("id", os.urandom(8))
        span.parent_span_id = value.get("parent", b"")
        span.name = value.get("name", f"step {number}")
        span.start_time_unix_nano, span.end_time_unix_nano = 10**18, value.get("end", 10**18 + 10**6)
        put(span.attributes, value.get("attributes", {}))
    return request


def send(http: httpx.Client, experiment: str, body: Any, **headers: str) -> httpx.Response:
    if isinstance(body, ExportTraceServiceRequest):
        body = body.SerializeToString()
    names = {"content-type": PROTOBUF, "x-mlflow-experiment-id": experiment} | {
        k.replace("_", "-"): v for k, v in headers.items()
    }
    return http.post("/v1/traces", content=body, headers=names)


def status_and_message(answer: httpx.Response) -> tuple[int, str]:
    """(spans that were left out, why)"""
    assert (answer.status_code, answer.headers["content-type"]) == (200, PROTOBUF), answer.text
    message = ExportTraceServiceResponse.FromString(answer.content)
    return message.partial_success.rejected_spans, message.partial_success.error_message


def refused(answer: httpx.Response, *words: str) -> None:
    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE"), answer.text
    assert all(word in answer.json()["message"] for word in words), answer.text


def info_of(http: httpx.Client, trace: bytes) -> dict[str, Any]:
    answer = http.get(f"{V3}/traces/tr-{trace.hex()}")
    assert answer.status_code == 200, answer.text
    return answer.json()["trace"]["trace_info"]


def spans_of(http: httpx.Client, trace: bytes) -> list[dict[str, Any]]:
    """As a client downloads them."""
    place = http.get(f"{V2}/traces/tr-{trace.hex()}/credentials-for-data-download").json()["credential_info"]
    return json.loads(httpx.get(place["signed_uri"]).content)["spans"]


def test_spans_make_a_trace_that_every_reader_sees(site: Site, experiment: str) -> None:
    trace, root = os.urandom(16), os.urandom(8)
    late = {"trace": trace, "parent": root, "name": "child", "attributes": {"gen_ai.request.model": "m"}}
    with site.client(ALICE) as http:
        assert status_and_message(send(http, experiment, export(late))) == (0, "")
        assert [span["name"] for span in spans_of(http, trace)] == ["child"]
        assert status_and_message(send(http, experiment, export({"trace": trace, "id": root, "name": "root"}))) == (
            0,
            "",
        )
        assert sorted(span["name"] for span in spans_of(http, trace)) == ["child", "root"]
        info = info_of(http, trace)
        assert info["trace_location"]["mlflow_experiment"]["experiment_id"] == experiment
        assert info["tags"]["mlflow.user"] == ALICE and info["tags"]["service.name"] == "shop"
        assert "mlflow.trace.spansLocation" not in info["tags"]
        where = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment}}
        listed = http.post(f"{V3}/traces/search", json={"locations": [where], "max_results": 50}).json()["traces"]
        assert f"tr-{trace.hex()}" in {t.get("trace_info", t)["trace_id"] for t in listed}
        page = http.get(f"/ajax-api/3.0/mlflow/get-trace-artifact?request_id=tr-{trace.hex()}", follow_redirects=True)
        assert len(page.json()["spans"]) == 2


def test_mlflow_searches_them(as_alice: Site, experiment: str) -> None:
    import mlflow

    trace = os.urandom(16)
    with as_alice.client(ALICE) as http:
        assert status_and_message(send(http, experiment, export({"trace": trace, "name": "asked"}))) == (0, "")
    result = mlflow.get_trace(f"tr-{trace.hex()}")
    assert result is not None and [span.name for span in result.data.spans] == ["asked"]
    listed = mlflow.search_traces(locations=[experiment], return_type="list")
    assert f"tr-{trace.hex()}" in {t.info.trace_id for t in listed}  # pyright: ignore


@pytest.mark.parametrize(("user", "status"), [(BOB, 404), (CAROL, 403)])
def test_others_send_nothing_there(site: Site, experiment: str, user: str, status: int) -> None:
    trace = os.urandom(16)
    with site.client(user) as http:
        assert send(http, experiment, export({"trace": trace})).status_code == status
        missing = send(http, "123456789", export({"trace": trace}))
        assert missing.status_code == 404
        if status == 404:
            there = send(http, experiment, export({"trace": trace}))
            assert there.json()["message"].replace(experiment, "?") == missing.json()["message"].replace(
                "123456789", "?"
            )
    with site.client(ALICE) as http:
        assert http.get(f"{V3}/traces/tr-{trace.hex()}").status_code == 404
    nobody = {"x-mlflow-experiment-id": experiment, "content-type": PROTOBUF}
    assert httpx.post(f"{site.url}/v1/traces", content=b"", headers=nobody).status_code == 401


def test_a_trace_stays_in_its_experiment(site: Site, experiment: str) -> None:
    """Whoever knows the id of another's trace adds nothing to it: the span is left out, and the rest kept."""
    trace, own = os.urandom(16), os.urandom(16)
    with site.client(ALICE) as http:
        assert status_and_message(send(http, experiment, export({"trace": trace, "name": "hers"}))) == (0, "")
    with site.client(BOB) as http:
        his = http.post(f"{V2}/experiments/create", json={"name": uuid.uuid4().hex}).json()["experiment_id"]
        count, why = status_and_message(
            send(http, his, export({"trace": trace, "name": "his"}, {"trace": own, "name": "own"}))
        )
        assert count == 1 and "another experiment" in why
        assert [span["name"] for span in spans_of(http, own)] == ["own"]
        assert http.get(f"{V3}/traces/tr-{trace.hex()}").status_code == 404
    with site.client(ALICE) as http:
        assert [span["name"] for span in spans_of(http, trace)] == ["hers"]


def test_keys_that_steer_the_server_are_left_out(site: Site, experiment: str) -> None:
    keys = (
        "mlflow.trace.spansLocation",
        "mlflow.trace.archiveLocation",
        "mlflow.artifactLocation",
        "modelkeep.creator",
        "mlflow.user",
        "MLFLOW.USER",
        "mlflow.auth.x",
        "mlflow.trace.archiveNow",
    )
    trace = os.urandom(16)
    evil = (
        {f"mlflow.traceTag.{key}": "file:///etc" for key in keys}
        | dict.fromkeys(keys, "file:///etc")
        | {"mlflow.traceTag.team": "ml"}
    )
    request = export({"trace": trace, "attributes": evil}, resource=dict.fromkeys(keys, "file:///etc"))
    put(request.resource_spans[0].scope_spans[0].spans[0].events.add().attributes, dict.fromkeys(keys, "file:///etc"))
    with site.client(ALICE) as http:
        assert status_and_message(send(http, experiment, request)) == (0, "")
        info, stored = info_of(http, trace), json.dumps(spans_of(http, trace))
        assert info["tags"]["team"] == "ml" and info["tags"]["mlflow.user"] == ALICE
        assert "file:///etc" not in json.dumps(info) and "file:///etc" not in stored
        rest = {"experiment_id": experiment, "request_ids": [f"tr-{trace.hex()}"]}
        assert http.post(f"{V2}/traces/delete-traces", json=rest).status_code == 200


def test_a_run_takes_what_its_editors_link(site: Site, experiment: str) -> None:
    with site.client(ALICE) as http:
        run = http.post(f"{V2}/runs/create", json={"experiment_id": experiment}).json()["run"]["info"]["run_id"]
        trace = os.urandom(16)
        assert status_and_message(send(http, experiment, export({"trace": trace}), x_mlflow_run_id=run)) == (0, "")
        assert send(http, experiment, export({"trace": trace}), x_mlflow_run_id="nothing").status_code == 404
    with site.client(BOB) as http:
        his = http.post(f"{V2}/experiments/create", json={"name": uuid.uuid4().hex}).json()["experiment_id"]
        assert send(http, his, export({"trace": os.urandom(16)}), x_mlflow_run_id=run).status_code == 404


def deep(levels: int) -> ExportTraceServiceRequest:
    request = export({"trace": os.urandom(16)}, {"trace": os.urandom(16)})
    value = request.resource_spans[0].scope_spans[0].spans[0].attributes.add().value
    for _ in range(levels):
        value = value.array_value.values.add()
    return request


@pytest.mark.parametrize(
    ("make", "left_out", "words"),
    [
        (lambda: export({"trace": bytes(16)}, {"trace": os.urandom(16)}), 1, "16 bytes"),
        (lambda: export({"trace": b"x"}), 1, "16 bytes"),
        (lambda: export({"trace": os.urandom(16), "id": b""}), 1, "8"),
        (lambda: export({"trace": os.urandom(17)}, {"trace": os.urandom(16), "id": bytes(8)}), 2, "16 bytes"),
        (
            lambda: export({"trace": os.urandom(16), "attributes": {f"k{n}": "" for n in range(OTLP_ATTRIBUTES)}}),
            1,
            "attributes",
        ),
        (
            lambda: export(
                {"trace": os.urandom(16), "name": "a\0b", "attributes": {"k\0": "v", "mlflow.traceTag.t": "\0"}}
            ),
            0,
            "",
        ),
        (
            lambda: export(
                {"trace": os.urandom(16), "attributes": {"mlflow.spanType": "x" * 501}}, {"trace": os.urandom(16)}
            ),
            1,
            "type",
        ),
        (lambda: export({"trace": os.urandom(16), "end": 2**64 - 1}, {"trace": os.urandom(16)}), 1, "2^63"),
        (lambda: export({"trace": os.urandom(16)}, resource={"a\0": "b", "c": "\0d", "e": "f"}), 0, ""),
        (lambda: deep(OTLP_DEPTH + 1), 1, "levels"),
        (lambda: deep(OTLP_DEPTH - 2), 0, ""),
    ],
)
def test_one_bad_span_does_not_refuse_the_rest(
    site: Site, experiment: str, make: Callable[[], ExportTraceServiceRequest], left_out: int, words: str
) -> None:
    with site.client(ALICE) as http:
        count, why = status_and_message(send(http, experiment, make()))
        assert count == left_out and words in why


def test_exports_are_bounded(site: Site, experiment: str) -> None:
    trace = os.urandom(16)
    with site.client(ALICE) as http:
        refused(
            send(http, experiment, export(*({"trace": trace} for _ in range(OTLP_SPANS + 1)))), f"{OTLP_SPANS} at most"
        )
        refused(send(http, experiment, export(*({"trace": os.urandom(16)} for _ in range(OTLP_TRACES + 1)))), "traces")
        refused(send(http, experiment, b"x" * (OTLP_BYTES + 1)), "larger than")
        big = {f"k{n}": "" for n in range(OTLP_ATTRIBUTES)}
        refused(send(http, experiment, export({"trace": trace}, resource=big)), "resource")
        bomb = gzip.compress(export({"trace": trace, "attributes": {"x": "a" * 2_000_000}}).SerializeToString())
        refused(send(http, experiment, bomb, content_encoding="gzip"), "packed")
        assert http.get(f"{V3}/traces/tr-{trace.hex()}").status_code == 404


@pytest.mark.parametrize("body", [b"\xff\xff\xff", b"{}", b"garbage", gzip.compress(b"", mtime=0)])
def test_what_is_no_export_is_refused(site: Site, experiment: str, body: bytes) -> None:
    with site.client(ALICE) as http:
        refused(send(http, experiment, body), "OTLP")
        refused(send(http, "", export({"trace": os.urandom(16)})), "x-mlflow-experiment-id")
        refused(send(http, experiment, b"{}", content_type="text/plain"), "application/x-protobuf")
        for wrong in (
            b"[]",
            b"{",
            b'{"resourceSpans": 5}',
            b'{"resourceSpans": ["x"]}',
            b'{"a":1,"a":2}',
            b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"zz"}]}]}]}',
        ):
            refused(send(http, experiment, wrong, content_type="application/json"))
        assert http.get("/v1/traces").status_code == http.post("/v1/metrics").status_code == 404
        assert http.post("/api/v1/traces").status_code == 404


def test_gzip_and_json(site: Site, experiment: str) -> None:
    packed, plain = os.urandom(16), os.urandom(16)
    with site.client(ALICE) as http:
        body = gzip.compress(export({"trace": packed, "name": "packed"}).SerializeToString())
        assert status_and_message(send(http, experiment, body, content_encoding="gzip")) == (0, "")
        span = {
            "traceId": plain.hex(),
            "spanId": os.urandom(8).hex(),
            "name": "json",
            "startTimeUnixNano": "1000000",
            "endTimeUnixNano": "2000000",
        }
        document: dict[str, Any] = {"resourceSpans": [{"resource": {}, "scopeSpans": [{"spans": [span]}]}], "new": 1}
        answer = send(http, experiment, json.dumps(document).encode(), content_type="application/json")
        assert (answer.status_code, answer.json()) == (200, {})
        assert [span["name"] for trace in (packed, plain) for span in spans_of(http, trace)] == ["packed", "json"]
        assert status_and_message(send(http, experiment, export())) == (0, "")
