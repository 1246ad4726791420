"""What `databricks-uc` is answered, parsed by the client's own messages, with nothing unknown in it."""

import math
from typing import Any

import msgspec
import pytest

from modelkeep.api.databricks_uc import shapes
from modelkeep.domain.kinds import Kind
from modelkeep.domain.model import Metric, ModelVersion, Param, RegisteredModel, Securable, Status

messages = pytest.importorskip("mlflow.protos.databricks_uc_registry_messages_pb2")
json_format = pytest.importorskip("google.protobuf.json_format")


def _model(**changes: Any) -> Securable:
    securable = Securable(
        "id",
        Kind.MODEL,
        "p",
        "c",
        "s",
        "churn",
        "o",
        "alice",
        "words",
        '{"team":"a"}',
        "{}",
        3,
        1_700_000_000_123,
        "alice",
        1_700_000_000_456,
        "bob",
        "prod.ml.churn",
    )
    return msgspec.structs.replace(securable, **changes)


def _version(**changes: Any) -> ModelVersion:
    metrics = (
        Metric("auc", 0.5, 1, 2, "d", "digest", "m-1", "run"),
        Metric("loss", "NaN"),
        Metric("best", "-Infinity"),
    )
    model_version = ModelVersion(
        "id",
        "model",
        2**62,
        Status.READY,
        "",
        "dbfs:/x",
        "run",
        "7",
        "1",
        "m-1",
        "",
        "words",
        "set",
        '["champion"]',
        '{"k":""}',
        msgspec.json.encode((Param("depth", "3"),)).decode(),
        msgspec.json.encode(metrics).decode(),
        "{}",
        "",
        1_700_000_000_123,
        "alice",
        1_700_000_000_456,
        "bob",
        "",
        "prod.ml.churn",
        "churn",
    )
    return msgspec.structs.replace(model_version, **changes)


def _parsed(answer: dict[str, Any], message: Any) -> Any:
    return json_format.Parse(msgspec.json.encode(answer), message)


def test_a_registered_model() -> None:
    result = _parsed(shapes.model(RegisteredModel(_model(), {"champion": 2})), messages.RegisteredModel())
    assert (result.name, result.user_id, result.description, result.creation_timestamp) == (
        "prod.ml.churn",
        "alice",
        "words",
        1_700_000_000_123,
    )
    assert [(a.alias, a.version) for a in result.aliases] == [("champion", "2")] and [
        (t.key, t.value) for t in result.tags
    ] == [("team", "a")]
    connected = _parsed(shapes.model_brief(_model(spec_json='{"deployment_job_id":"9"}')), messages.RegisteredModel())
    assert connected.deployment_job_id == "9"


@pytest.mark.parametrize("status", Status)
def test_a_model_version(status: Status) -> None:
    result = _parsed(shapes.version(_version(status=status)), messages.ModelVersion())
    assert (result.name, result.version, result.model_id, result.run_id) == ("prod.ml.churn", str(2**62), "m-1", "run")
    assert messages.ModelVersionStatus.Name(result.status) == status
    assert [(t.key, t.value) for t in result.tags] == [("k", "")] and [a.alias for a in result.aliases] == ["champion"]
    assert [(param.name, param.value) for param in result.model_params] == [("depth", "3")]
    auc, loss, best = result.model_metrics
    assert (
        auc.key,
        auc.value,
        auc.timestamp,
        auc.step,
        auc.dataset_name,
        auc.dataset_digest,
        auc.model_id,
        auc.run_id,
    ) == ("auc", 0.5, 1, 2, "d", "digest", "m-1", "run")
    assert math.isnan(loss.value) and best.value == -math.inf


def test_a_version_in_a_list() -> None:
    result = _parsed(shapes.version_brief(_version()), messages.ModelVersion())
    assert result.storage_location and result.source == "dbfs:/x"
