"""The real clients against a real server: databricks-sdk, MLflow's client and MLflow's own protobuf messages.

An error must arrive as the class that programs catch, at once: what these clients do not know they repeat for minutes.
"""

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import requests
from databricks.sdk import WorkspaceClient, errors
from databricks.sdk._base_client import _BaseClient
from databricks.sdk.errors.mapper import _error_mapper
from databricks.sdk.service.catalog import CatalogInfo, PermissionsChange, Privilege, SecurableType
from google.protobuf.json_format import ParseDict
from live import Server, allow, new_catalog, running_server
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException, RestException
from mlflow.protos import databricks_uc_registry_messages_pb2 as messages
from mlflow.protos.databricks_pb2 import ErrorCode
from mlflow.protos.databricks_uc_registry_service_pb2 import UcModelRegistryService
from mlflow.utils.rest_utils import extract_all_api_info_for_service

from modelkeep.api.account.workspace_settings import namespace_errors
from modelkeep.api.databricks_uc.prompts import prompt_errors
from modelkeep.api.errors import databricks
from modelkeep.api.files.routes import render as files
from modelkeep.api.files.workspace_files import workspace, workspace_import
from modelkeep.api.unity_catalog.errors import oss
from modelkeep.domain.errors import RegistryError, Throttled, Unavailable

pytestmark = pytest.mark.clients

QUICK_S = 20.0
"""A client that repeats the call waits for minutes; a busy machine takes seconds for one."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """`modelkeep serve` without its workspace."""
    with running_server(tmp_path_factory.mktemp("server"), MODELKEEP_WORKSPACE="0") as running:
        yield running


@pytest.fixture
def admin(server: Server) -> WorkspaceClient:
    return server.sdk()


@pytest.fixture(scope="module")
def stranger(server: Server) -> dict[str, str]:
    """The environment of a user without any grant."""
    return server.user("stranger@x.io")


@contextmanager
def fails(kind: type[Exception], *words: str, code: str = "") -> Iterator[None]:
    """The block must raise this very class (not a parent's fallback), with these words, without retrying for minutes."""
    started = time.monotonic()
    with pytest.raises(kind) as caught:
        yield
    took = time.monotonic() - started
    assert took < QUICK_S, f"{kind.__name__} took {took:.1f} s"
    assert type(caught.value) is kind
    assert getattr(caught.value, "error_code", code) == code or not code
    for word in words:
        assert word in str(caught.value)


# --- the error tree --------------------------------------------------------------------------------------------------

REPEATED_ON_PURPOSE = (Throttled, Unavailable)


def tree(kind: type[RegistryError] = RegistryError) -> Iterator[type[RegistryError]]:
    for child in kind.__subclasses__():
        yield child
        yield from tree(child)


ERRORS = sorted(set(tree()), key=lambda kind: kind.__name__)


@pytest.mark.parametrize("kind", ERRORS)
def test_every_error_has_a_status_and_a_code_that_clients_know(kind: type[RegistryError]) -> None:
    """Whatever securable it is about, and in every dialect."""
    for render in (databricks, oss, files, prompt_errors, workspace, workspace_import, namespace_errors):
        for securable in ("", "METASTORE", "CATALOG", "SCHEMA", "MODEL", "PRINCIPAL", "TOKEN"):
            status, body = render(kind("Something is wrong.", kind=securable))
            assert body["error_code"] in set(ErrorCode.keys()), (render, body)
            assert body["message"].endswith("Something is wrong.")
            assert status in ((429, 503) if issubclass(kind, REPEATED_ON_PURPOSE) else (400, 401, 403, 404, 409))


@pytest.mark.parametrize("kind", [kind for kind in ERRORS if not issubclass(kind, REPEATED_ON_PURPOSE)])
def test_the_sdk_does_not_repeat_a_refusal(kind: type[RegistryError]) -> None:
    """Whatever words of a caller's the message quotes."""
    for quoted in (
        "Unexpected error",
        "ClusterNotReadyException",
        "RPC token bucket limit has been exceeded",
        "Unknown worker environment",
        "Please try again later or try a faster operation.",
        "There is no worker environment with id 5",
        "com.databricks.backend.manager.util.UnknownWorkerEnvironmentException",
        "it does not have any associated worker environments",
    ):
        status, body = databricks(kind(f"Name '{quoted}' is wrong: {quoted}.", kind="MODEL"))
        response = requests.Response()
        response.status_code = status
        response.request = requests.Request("POST", "http://127.0.0.1/api/2.0/x").prepare()
        error = _error_mapper(response, body)
        assert _BaseClient._is_retryable(error) is None, error
        assert quoted in str(error).replace("\u200b", "")  # to read, it is the same


# --- databricks-sdk --------------------------------------------------------------------------------------------------


def test_setting_up_with_the_sdk(server: Server, admin: WorkspaceClient) -> None:
    name = f"c_{uuid.uuid4().hex[:8]}"
    catalog = admin.catalogs.create(name, comment="for tests", properties={"team": "ml"})
    assert (catalog.name, catalog.comment, catalog.properties, catalog.owner) == (
        name,
        "for tests",
        {"team": "ml"},
        "admin",
    )
    assert name in [c.name for c in admin.catalogs.list()]
    assert admin.catalogs.get(name).as_dict() == catalog.as_dict()
    schema = admin.schemas.create("ml_team", name, comment="s")
    assert schema.full_name == f"{name}.ml_team"
    assert [s.name for s in admin.schemas.list(name)] == ["default", "ml_team"]
    assert admin.schemas.get(f"{name}.ml_team").catalog_name == name
    assert admin.schemas.update(f"{name}.ml_team", comment="changed").comment == "changed"
    assert admin.schemas.update(f"{name}.ml_team", new_name="renamed").full_name == f"{name}.renamed"
    renamed = admin.catalogs.update(name, new_name=f"{name}2", comment="again")
    assert (renamed.name, renamed.comment) == (f"{name}2", "again")
    admin.schemas.delete(f"{name}2.renamed")
    admin.catalogs.delete(f"{name}2", force=True)
    with fails(errors.ResourceDoesNotExist, f"'{name}2'", code="RESOURCE_DOES_NOT_EXIST"):
        admin.catalogs.get(f"{name}2")


def test_many_pages_are_one_list(server: Server, admin: WorkspaceClient) -> None:
    catalog = new_catalog(server, *(f"s{i}" for i in range(7)))
    listed = [s.name for s in admin.schemas.list(catalog, max_results=2)]
    assert listed == ["default", *(f"s{i}" for i in range(7))]


def test_grants_through_the_sdk(server: Server, admin: WorkspaceClient, stranger: dict[str, str]) -> None:
    catalog = new_catalog(server)
    schema = f"{catalog}.ml_team"
    change = PermissionsChange(
        principal="stranger@x.io", add=[Privilege.USE_CATALOG, Privilege.EXECUTE, Privilege.BROWSE]
    )
    answer = admin.grants.update("catalog", catalog, changes=[change])
    (assigned,) = answer.privilege_assignments or []
    assert assigned.principal == "stranger@x.io"
    assert set(assigned.privileges or []) == {Privilege.USE_CATALOG, Privilege.EXECUTE, Privilege.BROWSE}
    direct = admin.grants.get(SecurableType.SCHEMA.value, schema).privilege_assignments
    assert not direct
    (effective,) = admin.grants.get_effective("schema", schema, principal="stranger@x.io").privilege_assignments or []
    assert list(admin.grants.list_effective("schema", schema, principal="stranger@x.io")) == [effective]
    assert list(admin.grants.list("schema", schema)) == admin.grants.get("schema", schema).privilege_assignments
    fields = {p.privilege: (p.inherited_from_type, p.inherited_from_name) for p in effective.privileges or []}
    assert fields == {Privilege.EXECUTE: (SecurableType.CATALOG, catalog)}
    removal = PermissionsChange(principal="stranger@x.io", remove=[Privilege.EXECUTE, Privilege.MANAGE])
    admin.grants.update("catalog", catalog, changes=[removal])
    assert not (admin.grants.get_effective("schema", schema).privilege_assignments or [])
    own = server.sdk(stranger["DATABRICKS_TOKEN"])
    assert [c.name for c in own.catalogs.list()] == [catalog]
    (mine,) = own.grants.get("catalog", catalog).privilege_assignments or []
    assert set(mine.privileges or []) == {Privilege.USE_CATALOG, Privilege.BROWSE}
    revoke = PermissionsChange(principal="stranger@x.io", remove=[Privilege.USE_CATALOG, Privilege.BROWSE])
    admin.grants.update("catalog", catalog, changes=[revoke])


def test_who_and_where(server: Server, admin: WorkspaceClient, stranger: dict[str, str]) -> None:
    me = admin.current_user.me()
    assert (me.user_name, me.active) == ("admin", True)
    summary, current = admin.metastores.summary(), admin.metastores.current()
    assert summary.metastore_id == current.metastore_id
    assert current.workspace_id == int(admin.get_workspace_id())
    other = server.sdk(stranger["DATABRICKS_TOKEN"])
    assert other.current_user.me().user_name == "stranger@x.io"
    assert other.metastores.current().metastore_id == current.metastore_id
    grants = admin.grants.get("metastore", summary.metastore_id or "")
    assert grants.privilege_assignments is None or isinstance(grants.privilege_assignments, list)


BAD_CALLS: dict[str, tuple[type[Exception], str, Callable[[WorkspaceClient, str], Any]]] = {
    "no catalog": (errors.ResourceDoesNotExist, "RESOURCE_DOES_NOT_EXIST", lambda w, c: w.catalogs.get("nope")),
    "no schema": (errors.ResourceDoesNotExist, "RESOURCE_DOES_NOT_EXIST", lambda w, c: w.schemas.get(f"{c}.nope")),
    "schemas of no catalog": (
        errors.ResourceDoesNotExist,
        "RESOURCE_DOES_NOT_EXIST",
        lambda w, c: list(w.schemas.list("nope")),
    ),
    "one level": (errors.InvalidParameterValue, "INVALID_PARAMETER_VALUE", lambda w, c: w.schemas.get("nope")),
    "bad name": (errors.InvalidParameterValue, "INVALID_PARAMETER_VALUE", lambda w, c: w.catalogs.create("a b")),
    "long name": (errors.InvalidParameterValue, "INVALID_PARAMETER_VALUE", lambda w, c: w.catalogs.create("x" * 256)),
    "catalog twice": (errors.ResourceConflict, "CATALOG_ALREADY_EXISTS", lambda w, c: w.catalogs.create(c.upper())),
    "schema twice": (errors.ResourceConflict, "SCHEMA_ALREADY_EXISTS", lambda w, c: w.schemas.create("ml_team", c)),
    "not empty": (errors.ResourceConflict, "CATALOG_NOT_EMPTY", lambda w, c: w.catalogs.delete(c)),
    "unknown kind": (errors.InvalidParameterValue, "INVALID_PARAMETER_VALUE", lambda w, c: w.grants.get("share", c)),
    "no model": (
        errors.ResourceDoesNotExist,
        "RESOURCE_DOES_NOT_EXIST",
        lambda w, c: w.grants.get("function", f"{c}.ml_team.m"),
    ),
    "no metastore": (
        errors.ResourceDoesNotExist,
        "RESOURCE_DOES_NOT_EXIST",
        lambda w, c: w.grants.get("metastore", "nope"),
    ),
    "bad privilege": (
        errors.InvalidParameterValue,
        "INVALID_PARAMETER_VALUE",
        lambda w, c: w.grants.update(
            "catalog", c, changes=[PermissionsChange(principal="admin", add=[Privilege.CREATE_CATALOG])]
        ),
    ),
    "no principal": (
        errors.ResourceDoesNotExist,
        "RESOURCE_DOES_NOT_EXIST",
        lambda w, c: w.grants.update(
            "catalog", c, changes=[PermissionsChange(principal="nobody", add=[Privilege.BROWSE])]
        ),
    ),
    "nothing to change": (errors.InvalidParameterValue, "INVALID_PARAMETER_VALUE", lambda w, c: w.catalogs.update(c)),
    "another's owner": (
        errors.InvalidParameterValue,
        "INVALID_PARAMETER_VALUE",
        lambda w, c: w.catalogs.update(c, owner="nobody"),
    ),
    "page size": (
        errors.InvalidParameterValue,
        "INVALID_PARAMETER_VALUE",
        lambda w, c: list(w.catalogs.list(max_results=-1)),
    ),
    "page token": (
        errors.InvalidParameterValue,
        "INVALID_PARAMETER_VALUE",
        lambda w, c: list(w.catalogs.list(page_token="x")),
    ),
    "no route": (
        errors.NotFound,
        "ENDPOINT_NOT_FOUND",
        lambda w, c: w.api_client.do("GET", "/api/2.1/unity-catalog/nothing"),
    ),
    "no verb": (
        errors.NotFound,
        "ENDPOINT_NOT_FOUND",
        lambda w, c: w.api_client.do("PUT", "/api/2.1/unity-catalog/catalogs", body={}),
    ),
    "large body": (
        errors.InvalidParameterValue,
        "INVALID_PARAMETER_VALUE",
        lambda w, c: w.api_client.do("POST", "/api/2.1/unity-catalog/catalogs", body={"name": "x" * 10_000_000}),
    ),
    "words that are retried": (
        errors.InvalidParameterValue,
        "INVALID_PARAMETER_VALUE",
        lambda w, c: w.catalogs.create("Unexpected error"),
    ),
    "other words": (
        errors.InvalidParameterValue,
        "INVALID_PARAMETER_VALUE",
        lambda w, c: w.grants.get("ClusterNotReadyException", c),
    ),
}


@pytest.mark.parametrize("what", BAD_CALLS)
def test_sdk_errors(server: Server, admin: WorkspaceClient, what: str) -> None:
    kind, code, call = BAD_CALLS[what]
    catalog = new_catalog(server)
    with fails(kind, code=code):
        call(admin, catalog)


def test_refusals_through_the_sdk(server: Server, stranger: dict[str, str]) -> None:
    catalog = new_catalog(server)
    other = server.sdk(stranger["DATABRICKS_TOKEN"])
    for call in (
        lambda: other.catalogs.get(catalog),
        lambda: other.catalogs.create("mine"),
        lambda: other.schemas.create("s", catalog),
        lambda: other.catalogs.delete(catalog, force=True),
        lambda: list(other.schemas.list(catalog)),
        lambda: other.catalogs.update(catalog, owner="stranger@x.io"),
        lambda: other.schemas.get(f"{catalog}.ml_team"),
        lambda: other.grants.update(
            "catalog", catalog, changes=[PermissionsChange(principal="stranger@x.io", add=[Privilege.BROWSE])]
        ),
    ):
        with fails(errors.PermissionDenied, code="PERMISSION_DENIED"):
            call()
    assert catalog not in [c.name for c in other.catalogs.list()]
    with fails(errors.Unauthenticated, "DATABRICKS_TOKEN", code="UNAUTHENTICATED"):
        server.sdk("mk_wrong").current_user.me()


# --- MLflow ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def client(server: Server, monkeypatch: pytest.MonkeyPatch) -> MlflowClient:
    """MLflow's registry client in this process, signed in as the admin."""
    monkeypatch.setenv("DATABRICKS_HOST", server.host)
    monkeypatch.setenv("DATABRICKS_TOKEN", server.admin_token)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    return MlflowClient(tracking_uri="databricks", registry_uri="databricks-uc")


MLFLOW_CALLS: dict[str, tuple[str, str, Callable[[MlflowClient, str], Any]]] = {
    "no model": ("RESOURCE_DOES_NOT_EXIST", "Routine or Model", lambda c, m: c.get_registered_model(f"{m}x")),
    "no version": ("RESOURCE_DOES_NOT_EXIST", "'7'", lambda c, m: c.get_model_version(m, "7")),
    "no alias": ("RESOURCE_DOES_NOT_EXIST", "nobody", lambda c, m: c.get_model_version_by_alias(m, "nobody")),
    "no catalog": ("RESOURCE_DOES_NOT_EXIST", "nope", lambda c, m: c.get_registered_model("nope.b.c")),
    "twice": ("RESOURCE_ALREADY_EXISTS", "already exists", lambda c, m: c.create_registered_model(m)),
    "tag key": ("INVALID_PARAMETER_VALUE", "a=b", lambda c, m: c.set_registered_model_tag(m, "a=b", "v")),
    "tag value": ("INVALID_PARAMETER_VALUE", "1000", lambda c, m: c.set_registered_model_tag(m, "a", "v" * 1001)),
    "tag of no version": ("RESOURCE_DOES_NOT_EXIST", "'9'", lambda c, m: c.set_model_version_tag(m, "9", "a", "v")),
    "alias of no version": ("RESOURCE_DOES_NOT_EXIST", "'9'", lambda c, m: c.set_registered_model_alias(m, "a", "9")),
    "alias that reads like a version": (
        "INVALID_PARAMETER_VALUE",
        "v1",
        lambda c, m: c.set_registered_model_alias(m, "v1", "1"),
    ),
    "alias with a line break": (
        "INVALID_PARAMETER_VALUE",
        "alias",
        lambda c, m: c.set_registered_model_alias(m, "prod\n", "1"),
    ),
    "version that is none": ("INVALID_PARAMETER_VALUE", "positive", lambda c, m: c.get_model_version(m, "abc")),
    "version zero": ("INVALID_PARAMETER_VALUE", "positive", lambda c, m: c.delete_model_version(m, "0")),
    "version too large": ("INVALID_PARAMETER_VALUE", "positive", lambda c, m: c.get_model_version(m, str(2**63))),
    "filter": ("INVALID_PARAMETER_VALUE", "Filter field", lambda c, m: c.search_model_versions("color = 'red'")),
    "short filter": (
        "INVALID_PARAMETER_VALUE",
        "specify all three levels",
        lambda c, m: c.search_model_versions("name = 'iris'"),
    ),
    "page size": (
        "INVALID_PARAMETER_VALUE",
        "max_results",
        lambda c, m: c.search_model_versions(f"name = '{m}'", max_results=-1),
    ),
    "rename elsewhere": ("INVALID_PARAMETER_VALUE", "schema", lambda c, m: c.rename_registered_model(m, "a.b.c")),
    "description": ("INVALID_PARAMETER_VALUE", "65535", lambda c, m: c.update_registered_model(m, "d" * 70_000)),
    "words that are retried": (
        "INVALID_PARAMETER_VALUE",
        "Tag key",
        lambda c, m: c.set_registered_model_tag(m, "Unexpected error=1", "v"),
    ),
    "more such words": (
        "INVALID_PARAMETER_VALUE",
        "filter",
        lambda c, m: c.search_model_versions("ClusterNotReadyException"),
    ),
}


@pytest.fixture(scope="module")
def model(server: Server) -> str:
    """A model with a PENDING version 1."""
    name = f"{new_catalog(server)}.ml_team.iris"
    assert server.databricks_uc("POST", "registered-models/create", {"name": name}).status_code == 200
    assert (
        server.databricks_uc("POST", "model-versions/create", {"name": name, "source": "models:/m-1"}).status_code
        == 200
    )
    return name


@pytest.mark.parametrize("what", MLFLOW_CALLS)
def test_mlflow_errors(client: MlflowClient, model: str, what: str) -> None:
    code, words, call = MLFLOW_CALLS[what]
    with fails(RestException, words, code=code):
        call(client, model)


@pytest.mark.filterwarnings("ignore::FutureWarning")  # stages are deprecated, and here refused
def test_mlflow_words_for_what_the_catalog_has_not(client: MlflowClient, model: str) -> None:
    """The client knows these and adds advice of its own."""
    with fails(MlflowException, "specify all three levels"):
        client.create_registered_model("iris")
    with fails(MlflowException):
        client.transition_model_version_stage(model, "1", "Production")
    with fails(MlflowException):
        client.get_latest_versions(model)


def test_mlflow_refusals(
    server: Server, stranger: dict[str, str], client: MlflowClient, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABRICKS_TOKEN", stranger["DATABRICKS_TOKEN"])
    other = MlflowClient(tracking_uri="databricks", registry_uri="databricks-uc")
    for call in (
        lambda: other.get_registered_model(model),
        lambda: other.create_registered_model(model),
        lambda: other.delete_registered_model(model),
        lambda: other.get_model_version(model, "1"),
        lambda: other.set_registered_model_alias(model, "a", "1"),
        lambda: other.create_registered_model(f"{model}2"),
        lambda: other.rename_registered_model(model, "mine"),
    ):
        with fails(RestException, "USE CATALOG", code="PERMISSION_DENIED"):
            call()
    assert other.search_registered_models() == []
    monkeypatch.setenv("DATABRICKS_TOKEN", "mk_wrong")
    with fails(RestException, code="UNAUTHENTICATED"):
        MlflowClient(tracking_uri="databricks", registry_uri="databricks-uc").get_registered_model(model)


def test_harmless_repetitions_through_mlflow(client: MlflowClient, model: str) -> None:
    for _ in range(2):
        client.set_registered_model_alias(model, "champion", "1")
        client.set_registered_model_tag(model, "team", "ml")
        client.set_model_version_tag(model, "1", "stage", "dev")
    assert client.get_model_version_by_alias(model, "champion").version == "1"
    assert client.get_registered_model(model).aliases == {"champion": "1"}
    for _ in range(2):
        client.delete_registered_model_alias(model, "champion")
        client.delete_registered_model_tag(model, "team")
        client.delete_model_version_tag(model, "1", "stage")
    assert client.get_registered_model(model).tags == {}


class DatabricksUc:
    """Calls of `databricks-uc` over one connection."""

    def __init__(self, server: Server) -> None:
        self.http = httpx.Client(base_url=f"{server.host}/api/2.0/mlflow/unity-catalog", timeout=20)
        self.admin = server.admin_token

    def __call__(self, method: str, path: str, fields: dict[str, Any], token: str = "") -> httpx.Response:
        where: dict[str, Any] = {"params": fields} if method == "GET" else {"json": fields}
        return self.http.request(
            method, f"/{path}", headers={"authorization": f"Bearer {token or self.admin}"}, **where
        )


@pytest.fixture(scope="module")
def databricks_uc(server: Server) -> DatabricksUc:
    return DatabricksUc(server)


def calls() -> dict[str, tuple[str, str, Any]]:
    """Every call of the protocol: the request message's name -> (method, path below the prefix, the answer's message)."""
    ways = extract_all_api_info_for_service(UcModelRegistryService, "/api/2.0")
    answers = {
        m.input_type.name: getattr(messages, m.output_type.name) for m in UcModelRegistryService.DESCRIPTOR.methods
    }
    return {
        request.__name__: (method, path.removeprefix("/api/2.0/mlflow/unity-catalog/"), answers[request.__name__])
        for request, ((path, method),) in ways.items()
    }


def test_every_answer_is_the_message_that_mlflow_parses(databricks_uc: DatabricksUc, model: str) -> None:
    """Strictly: a field that the message does not have would be dropped by the client in silence."""
    named, numbered = {"name": model}, {"name": model, "version": "1"}
    alias = {**named, "alias": "champion"}
    fields: dict[str, dict[str, Any]] = {
        "CreateRegisteredModelRequest": {
            "name": f"{model}_p",
            "description": "d",
            "tags": [{"key": "a", "value": "b"}],
        },
        "UpdateRegisteredModelRequest": {**named, "description": "é"},
        "SetRegisteredModelAliasRequest": {**alias, "version": "1"},
        "SetRegisteredModelTagRequest": {**named, "key": "k", "value": "1"},
        "SetModelVersionTagRequest": {**numbered, "key": "k", "value": "1"},
        "CreateModelVersionRequest": {
            **named,
            "source": "s",
            "description": "d",
            "tags": [{"key": "a", "value": "b"}],
            "run_id": "r",
        },
        "UpdateModelVersionRequest": {**numbered, "description": "d"},
        "GetRegisteredModelRequest": named,
        "SearchRegisteredModelsRequest": {"max_results": 5},
        "GetModelVersionRequest": numbered,
        "SearchModelVersionsRequest": {"filter": f"name = '{model}'"},
        "GetModelVersionDownloadUriRequest": numbered,
        "GetModelVersionByAliasRequest": alias,
        "IsDatabricksSdkModelsArtifactRepositoryEnabledRequest": {},
        "GenerateTemporaryModelVersionCredentialsRequest": {
            **numbered,
            "operation": "MODEL_VERSION_OPERATION_READ_WRITE",
        },
        "EmitModelVersionLineageRequest": {**numbered, "model_version_lineage_info": {"direction": "DOWNSTREAM"}},
        "DeleteModelVersionTagRequest": {**numbered, "key": "k"},
        "DeleteRegisteredModelTagRequest": {**named, "key": "k"},
        "DeleteRegisteredModelAliasRequest": alias,
    }
    protocol = calls()
    for name, sent in fields.items():
        method, path, answer = protocol.pop(name)
        got = databricks_uc(method, path, sent)
        assert got.status_code == 200, (name, got.text)
        ParseDict(got.json(), answer())
    filled = ParseDict(
        databricks_uc("GET", "model-versions/get", numbered).json(), messages.GetModelVersionResponse()
    ).model_version
    assert (filled.version, filled.status, filled.model_id[:2]) == ("1", messages.PENDING_REGISTRATION, "m-")
    assert filled.creation_timestamp > 1_700_000_000_000
    # Without files no finalize; what is deleted, is deleted last.
    refused = databricks_uc(*protocol.pop("FinalizeModelVersionRequest")[:2], numbered)
    assert refused.json()["error_code"] == "INVALID_PARAMETER_VALUE"
    for name, sent in (
        ("DeleteModelVersionRequest", {**named, "version": "2"}),
        ("DeleteRegisteredModelRequest", {"name": f"{model}_p"}),
    ):
        method, path, answer = protocol.pop(name)
        ParseDict(databricks_uc(method, path, sent).json(), answer())
    assert protocol == {}, "calls of the protocol that this test does not know"


def test_native_answers_are_what_the_sdk_reads(server: Server, admin: WorkspaceClient) -> None:
    catalog = new_catalog(server)
    raw = admin.api_client.do("GET", f"/api/2.1/unity-catalog/catalogs/{catalog}")
    assert isinstance(raw, dict)
    known = CatalogInfo.from_dict(raw).as_dict()
    assert {key: value for key, value in raw.items() if key in known} == known


def test_a_user_reaches_what_was_granted_and_no_more(
    server: Server, databricks_uc: DatabricksUc, model: str, stranger: dict[str, str]
) -> None:
    """The grants of the native routes are those that `databricks-uc` obeys."""
    catalog, schema, _ = model.split(".")
    token = stranger["DATABRICKS_TOKEN"]
    for kind, name, privilege in (
        ("catalog", catalog, "USE_CATALOG"),
        ("schema", f"{catalog}.{schema}", "USE_SCHEMA"),
        ("function", model, "EXECUTE"),
    ):
        assert databricks_uc("GET", "registered-models/get", {"name": model}, token).status_code == 403
        allow(server, "stranger@x.io", kind, name, privilege)
    assert databricks_uc("GET", "registered-models/get", {"name": model}, token).status_code == 200
    assert databricks_uc("DELETE", "registered-models/delete", {"name": model}, token).status_code == 403


def test_the_server_logged_no_token(server: Server, stranger: dict[str, str]) -> None:
    log = server.log.read_text()
    assert '"status":' in log or "status=" in log
    assert server.admin_token not in log
    assert stranger["DATABRICKS_TOKEN"] not in log
