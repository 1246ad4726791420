"""Every field of the newest MLflow's registry messages is read or answered here, except those listed."""

import re
import typing
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from modelkeep.api.databricks_uc import answers as of_databricks
from modelkeep.api.databricks_uc import routes as databricks_uc
from modelkeep.api.mlflow import answers as of_mlflow
from modelkeep.api.mlflow import routes as plain
from modelkeep.domain.names import DEFAULT_HOME
from modelkeep.http.routing import Route

databricks = pytest.importorskip("mlflow.protos.databricks_pb2")
uc_messages = pytest.importorskip("mlflow.protos.databricks_uc_registry_messages_pb2")
registry = pytest.importorskip("mlflow.protos.model_registry_pb2")
prompt_messages = pytest.importorskip("mlflow.protos.unity_catalog_prompt_messages_pb2")

SERVICES = (
    ("mlflow.protos.databricks_uc_registry_service_pb2", "UcModelRegistryService"),
    ("mlflow.protos.unity_catalog_prompt_service_pb2", "UnityCatalogPromptService"),
    ("mlflow.protos.model_registry_pb2", "ModelRegistryService"),
)
OUTPUT_ONLY = {"aliases", "creation_timestamp", "last_updated_timestamp"}
"""Of a prompt or its version, which a request holds as a whole: clients leave them empty."""
NOT_READ = {
    # The path and the name say which version; no open client sends the rest.
    "EmitModelVersionLineage.securable",
    *(f"{call}.prompt.{field}" for call in ("CreatePrompt", "UpdatePrompt") for field in OUTPUT_ONLY),
    *(
        f"{call}.prompt_version.{field}"
        for call in ("CreatePromptVersion", "UpdatePromptVersion")
        for field in OUTPUT_ONLY
    ),
}


def shaped(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "{}", path)


def routes() -> dict[tuple[str, str], Route]:
    return {
        (route.method, shaped(route.path)): route
        for route in (*databricks_uc.routes(False), *plain.routes(DEFAULT_HOME))
    }


def struct_in(type_: Any) -> type[msgspec.Struct] | None:
    parts = (type_, *typing.get_args(type_))
    return next((part for part in parts if isinstance(part, type) and issubclass(part, msgspec.Struct)), None)


def not_read(message: Any, struct: type[msgspec.Struct], where: str) -> Iterator[str]:
    fields = {field.encode_name: field for field in msgspec.structs.fields(struct)}
    for field in message.fields:
        if field.name not in fields:
            yield f"{where}.{field.name}"
        elif field.message_type and (inner := struct_in(fields[field.name].type)):
            yield from not_read(field.message_type, inner, f"{where}.{field.name}")


def test_every_call_has_a_route_that_reads_every_field() -> None:
    known, unread, calls = routes(), set[str](), 0
    for module, service in SERVICES:
        descriptor = __import__(module, fromlist=["DESCRIPTOR"]).DESCRIPTOR
        for method in descriptor.services_by_name[service].methods:
            for endpoint in method.GetOptions().Extensions[databricks.rpc].endpoints:
                path = "/api/2.0" + shaped(endpoint.path).replace("/preview/mlflow", "/mlflow")
                unread |= set(not_read(method.input_type, known[endpoint.method, path].fields, method.name))
                calls += 1
    assert unread == NOT_READ
    assert calls > 60


@pytest.mark.parametrize(
    ("message", "answer", "left_out"),
    [
        (uc_messages.ModelVersion, of_databricks.DatabricksUcModelVersion, {"deployment_job_state"}),
        (uc_messages.RegisteredModel, of_databricks.DatabricksUcRegisteredModel, set()),
        (prompt_messages.Prompt, of_databricks.DatabricksUcPrompt, set()),
        (prompt_messages.PromptVersion, of_databricks.DatabricksUcPromptVersion, set()),
        (registry.ModelVersion, of_mlflow.MlflowModelVersion, {"deployment_job_state"}),
        (registry.RegisteredModel, of_mlflow.MlflowRegisteredModel, set()),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_every_field_of_an_answer_is_there(message: Any, answer: Any, left_out: set[str]) -> None:
    """No deployment job runs here, so no version has a state of one."""
    assert {field.name for field in message.DESCRIPTOR.fields} - set(answer.__annotations__) == left_out
