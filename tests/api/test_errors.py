"""The error contract: codes that clients know, statuses that they do not repeat for minutes, harmless repetitions."""

import ast
from pathlib import Path
from typing import Any

import pytest
from api.serving import DATABRICKS_UC, UC, V1, Site, refused, site

import modelkeep
from modelkeep.api.account.errors import scim
from modelkeep.api.account.workspace_settings import namespace_errors
from modelkeep.api.databricks_uc.prompts import prompt_errors
from modelkeep.api.delta.errors import delta
from modelkeep.api.errors import RETRIED_WORDS, databricks, harmless, plain
from modelkeep.api.files.routes import render as files
from modelkeep.api.files.workspace_files import workspace, workspace_import
from modelkeep.api.unity_catalog.errors import oss
from modelkeep.core.engine import Engine
from modelkeep.domain import errors
from modelkeep.domain.errors import RegistryError
from modelkeep.domain.model import Status
from modelkeep.domain.names import FullName
from modelkeep.store import securables, versions
from modelkeep.store.db import now_ms

__all__ = ["site"]


def test_every_route_speaks_a_dialect_whose_errors_are_checked(site: Site) -> None:
    """test_real_sdk.py holds these against the clients' own lists of codes."""
    assert {route.render for _, route in site.dialects} <= {
        None,
        databricks,
        delta,
        oss,
        files,
        plain,
        scim,
        prompt_errors,
        workspace,
        workspace_import,
        namespace_errors,
    }


def test_our_own_words_are_none_that_the_sdk_repeats() -> None:
    for path in Path(modelkeep.__file__).parent.rglob("*.py"):
        if path.name == "errors.py" and path.parent.name == "api":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert not [words for words in RETRIED_WORDS if words in node.value], (path, node.lineno)


def test_messages_are_cut_and_always_utf_8() -> None:
    assert len(harmless("x" * 100_000)) < 3_000
    assert harmless("a\ud800b").encode() == b"a\\ud800b"
    assert harmless("What it is.") == "What it is."


def test_the_dialects_name_what_is_missing(site: Site) -> None:
    cases: list[tuple[RegistryError, int, str]] = [
        (errors.NotFound("x", kind="CATALOG"), 404, "RESOURCE_DOES_NOT_EXIST"),
        (errors.NotFound("x", kind="SCHEMA"), 404, "RESOURCE_DOES_NOT_EXIST"),
        (errors.NotFound("x", kind="METASTORE"), 404, "RESOURCE_DOES_NOT_EXIST"),
        (errors.NotFound("x", kind="MODEL"), 404, "RESOURCE_DOES_NOT_EXIST"),
        (errors.NotFound("x"), 404, "RESOURCE_DOES_NOT_EXIST"),
        (errors.FileNotFound("x"), 404, "NOT_FOUND"),
        (errors.FileNotFound("x", kind="CATALOG"), 404, "NOT_FOUND"),
        (errors.NoSuchEndpoint("x"), 404, "ENDPOINT_NOT_FOUND"),
        (errors.AlreadyExists("x", kind="MODEL"), 409, "RESOURCE_ALREADY_EXISTS"),
        (errors.AlreadyExists("x", kind="CATALOG"), 409, "CATALOG_ALREADY_EXISTS"),
        (errors.NotEmpty("x", kind="SCHEMA"), 409, "SCHEMA_NOT_EMPTY"),
        (errors.NotEmpty("x", kind="MODEL"), 409, "RESOURCE_CONFLICT"),
        (errors.WrongState("x"), 400, "INVALID_STATE"),
        (errors.PermissionDenied("x", kind="CATALOG"), 403, "PERMISSION_DENIED"),
        (errors.Unauthenticated("x"), 401, "UNAUTHENTICATED"),
        (errors.LimitExceeded("x"), 400, "INVALID_PARAMETER_VALUE"),
    ]
    for error, status, code in cases:
        assert databricks(error) == (status, {"error_code": code, "message": "x"})


# --- failures that are not the caller's ------------------------------------------------------------------------------


def failing(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    async def fail(*_: object, **__: object) -> Any:
        raise error

    monkeypatch.setattr(Engine, "execute", fail)


def test_a_bug_tells_its_request_id_and_nothing_more(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, RuntimeError("secret detail"))
    answer = site.b("GET", "registered-models/search", {})
    assert (answer.status_code, answer.json()["error_code"]) == (500, "INTERNAL_ERROR")
    assert answer.headers["x-request-id"] in answer.json()["message"]
    assert "secret detail" not in answer.text


def test_what_is_down_for_a_moment_says_when_to_come_back(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, errors.Unavailable("The database does not answer."))
    answer = site.b("GET", "registered-models/search", {})
    refused(answer, 503, "TEMPORARILY_UNAVAILABLE")
    assert 0 < int(answer.headers["retry-after"]) < 60


def test_health_and_discovery_need_no_engine(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, RuntimeError())
    assert site.call("GET", "/health", token="").json() == {"status": "ok"}
    discovery = site.call("GET", "/.well-known/databricks-config", token="")
    assert discovery.json()["workspace_id"] == site.settings.workspace_id
    assert "oidc" not in discovery.text or "{account_id}" not in discovery.text


# --- success and repetition ------------------------------------------------------------------------------------------


def test_every_answer_carries_the_workspace_and_is_exactly_200(site: Site) -> None:
    model = site.model()
    for answer in (
        site.b("GET", "registered-models/get", {"name": model}),
        site.b("POST", "model-versions/create", {"name": model, "source": "x"}),
        site.b("GET", "registered-models/get", {"name": "x"}),
        site.call("GET", "/nothing"),
        site.call("GET", "/health", token=""),
        site.b("DELETE", "registered-models/delete", {"name": model}),
    ):
        assert answer.headers["x-databricks-org-id"] == site.settings.workspace_id
        assert answer.status_code in (200, 400, 404)
        assert int(answer.headers["content-length"]) == len(answer.content)


def become(site: Site, model: str, status: Status, message: str = "") -> None:
    """Version 1 of the model in this state, as finalize or the reaper leave it."""

    async def change() -> None:
        async with site.registry.db.write() as tx:
            securable = await securables.by_name(tx, FullName(tuple(model.split("."))))
            assert securable is not None
            version = await versions.by_number(tx, securable, 1)
            assert version is not None
            if status is Status.FAILED:
                assert await versions.fail(tx, version.id, message, "reaper", now_ms())
            else:
                assert await versions.set_status(tx, version, status, message, "admin", now_ms())

    site.run(change())


def test_finalize_again_and_again(site: Site) -> None:
    model = site.model(versions=1)
    first = {"name": model, "version": "1"}
    for _ in range(2):
        refused(site.b("POST", "model-versions/finalize", first), 400, "INVALID_PARAMETER_VALUE", "no MLmodel file")
    assert site.b("GET", "model-versions/get", first).json()["model_version"]["status"] == "PENDING_REGISTRATION"
    become(site, model, Status.READY)
    for _ in range(3):
        done = site.b("POST", "model-versions/finalize", first)
        assert (done.status_code, done.json()["model_version"]["status"]) == (200, "READY")
    for operation, status in (("READ", 200), ("READ_WRITE", 400)):
        fields = {**first, "operation": f"MODEL_VERSION_OPERATION_{operation}"}
        assert site.b("POST", "model-versions/generate-temporary-credentials", fields).status_code == status
    failed = site.model(versions=1)
    become(site, failed, Status.FAILED, "never finalized")
    for path in ("finalize", "generate-temporary-credentials"):
        refused(
            site.b("POST", f"model-versions/{path}", {"name": failed, "version": "1"}),
            400,
            "INVALID_STATE",
            "FAILED_REGISTRATION",
        )


def test_no_alias_names_a_version_that_nobody_can_load(site: Site) -> None:
    model = site.model(versions=2)
    alias = f"{UC}/models/{model}/aliases/Champion"
    site.ok("PUT", alias, {"version_num": 1})  # clients do so while the server still brings the files
    become(site, model, Status.FAILED, "never finalized")
    fields = {"name": model, "alias": "Champion", "version": "1"}
    tries = [
        site.call("PUT", alias, {"version_num": 1}),
        site.b("POST", "registered-models/alias", fields),
        site.call("POST", "/api/2.0/mlflow/registered-models/alias", fields),
        site.call(
            "PATCH",
            f"{V1}/models/{model}/aliases",
            {"set": [{"alias_name": "New", "version_num": 1}], "remove": ["Champion"]},
        ),
    ]
    for answer in tries:
        refused(answer, 400, "INVALID_STATE", "FAILED_REGISTRATION", "Register the model again")
    assert site.ok("GET", f"{UC}/models/{model}", {"include_aliases": True})["aliases"][0]["version_num"] == 1
    site.ok("PUT", alias, {"version_num": 2})


def test_deliveries_that_arrive_twice(site: Site) -> None:
    model = site.model(versions=1)
    on_version = {"name": model, "version": "1"}
    for _ in range(2):
        for path, fields in (
            ("registered-models/alias", {**on_version, "alias": "a"}),
            ("registered-models/set-tag", {"name": model, "key": "k", "value": "v"}),
            ("model-versions/set-tag", {**on_version, "key": "k", "value": "v"}),
        ):
            assert site.b("POST", path, fields).json() == {}
    for _ in range(2):
        for path, fields in (
            ("registered-models/alias", {"name": model, "alias": "a"}),
            ("registered-models/delete-tag", {"name": model, "key": "k"}),
            ("model-versions/delete-tag", {**on_version, "key": "k"}),
        ):
            assert site.b("DELETE", path, fields).json() == {}
    assert site.b("PATCH", "registered-models/update", {"name": model, "description": "d"}).status_code == 200
    assert site.b("PATCH", "registered-models/update", {"name": model}).json()["registered_model"]["description"] == "d"
    assert (
        site.b("PATCH", "registered-models/update", {"name": model, "description": ""}).json()["registered_model"][
            "description"
        ]
        == ""
    )
    assert site.b("DELETE", "model-versions/delete", on_version).json() == {}
    refused(site.b("DELETE", "model-versions/delete", on_version), 404, "RESOURCE_DOES_NOT_EXIST")
    refused(site.b("DELETE", "model-versions/delete-tag", {**on_version, "key": "k"}), 404, "RESOURCE_DOES_NOT_EXIST")
    # A number is never given twice.
    assert (
        site.b("POST", "model-versions/create", {"name": model, "source": "x"}).json()["model_version"]["version"]
        == "2"
    )
    assert site.b("DELETE", "registered-models/delete", {"name": model}).json() == {}
    refused(site.b("DELETE", "registered-models/delete", {"name": model}), 404, "RESOURCE_DOES_NOT_EXIST")
    refused(site.b("DELETE", "registered-models/alias", {"name": model, "alias": "a"}), 404, "RESOURCE_DOES_NOT_EXIST")


def test_a_name_used_again_inherits_nothing(site: Site) -> None:
    model = site.model(versions=1)
    user, token = site.user()
    site.allow(user, "catalog", model.partition(".")[0], "USE_CATALOG", "USE_SCHEMA")
    site.allow(user, "function", model, "EXECUTE", "MANAGE")
    site.ok("POST", f"{DATABRICKS_UC}/registered-models/alias", {"name": model, "alias": "a", "version": "1"})
    site.ok("POST", f"{DATABRICKS_UC}/registered-models/set-tag", {"name": model, "key": "k", "value": "v"})
    site.ok("GET", f"{DATABRICKS_UC}/registered-models/get", {"name": model}, token)
    site.ok("PATCH", f"{DATABRICKS_UC}/registered-models/update", {"name": model, "new_name": "moved"})
    for make in (True, False):
        if make:
            site.ok("POST", f"{DATABRICKS_UC}/registered-models/create", {"name": model})
        else:
            site.ok("DELETE", f"{DATABRICKS_UC}/registered-models/delete", {"name": model})
            site.ok("POST", f"{DATABRICKS_UC}/registered-models/create", {"name": model})
        refused(site.b("GET", "registered-models/get", {"name": model}, token), 403, "PERMISSION_DENIED", "EXECUTE")
        fresh = site.b("GET", "registered-models/get", {"name": model}).json()["registered_model"]
        assert (fresh["aliases"], fresh["tags"]) == ([], [])
        assert site.ok("GET", f"{UC}/permissions/function/{model}")["privilege_assignments"] == []
    moved = f"{model.rpartition('.')[0]}.moved"
    assert site.b("GET", "registered-models/get", {"name": moved}, token).json()["registered_model"]["aliases"] == [
        {"alias": "a", "version": "1"}
    ]
