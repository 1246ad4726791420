"""The native routes in the words of open-source Unity Catalog, which the User-Agent asks for."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from api.serving import UC, V1, Site, running_site, site

__all__ = ["site"]

OSS = ("OpenAPI-Generator/0.4.1.dev0/python", "OpenAPI-Generator/0.7.0/python", "mlflow-python-client/3.17.2")
DATABRICKS = ("unknown/0.0.0 databricks-sdk-py/0.156.0 python/3.11.7 os/linux auth/pat", "curl/8.0", "")


def call(
    site: Site, agent: str, method: str, path: str, fields: dict[str, Any] | None = None, token: str | None = None
) -> httpx.Response:
    return site.call(method, path, fields, token=token, headers={"user-agent": agent})


@pytest.mark.parametrize("agent", OSS)
def test_privileges_have_spaces_and_are_those_that_the_client_knows(site: Site, agent: str) -> None:
    full_name = site.model()
    user, _ = site.user()
    hidden, _ = site.user()
    site.allow(user, "function", full_name, "EXECUTE", "APPLY_TAG", "MANAGE", "CREATE_MODEL_VERSION")
    site.allow(hidden, "function", full_name, "APPLY_TAG")
    for path in ("permissions", "effective-permissions"):
        for kind in ("registered_model", "function"):
            privilege_assignments = call(site, agent, "GET", f"{UC}/{path}/{kind}/{full_name}").json()[
                "privilege_assignments"
            ]
            content = [{"privilege": "EXECUTE"}] if path.startswith("effective") else ["EXECUTE"]
            assert privilege_assignments == [{"principal": user, "privileges": content}]
    change = {"changes": [{"principal": user, "add": ["USE CATALOG", "CREATE SCHEMA"]}]}
    catalog = full_name.partition(".")[0]
    answered = call(site, agent, "PATCH", f"{UC}/permissions/catalog/{catalog}", change).json()
    assert answered == {"privilege_assignments": [{"principal": user, "privileges": ["CREATE SCHEMA", "USE CATALOG"]}]}


@pytest.mark.parametrize("agent", DATABRICKS)
def test_all_others_get_the_words_of_databricks(site: Site, agent: str) -> None:
    full_name = site.model()
    user, _ = site.user()
    site.allow(user, "function", full_name, "EXECUTE", "APPLY_TAG")
    body = call(site, agent, "GET", f"{UC}/permissions/registered_model/{full_name}").json()
    assert body == {"privilege_assignments": [{"principal": user, "privileges": ["APPLY_TAG", "EXECUTE"]}]}
    assert set(call(site, agent, "GET", f"{UC}/models/a.b.c").json()) == {"error_code", "message"}


@pytest.mark.parametrize("agent", OSS)
def test_refusals(site: Site, agent: str) -> None:
    full_name = site.model(versions=1)
    catalog, schema, name = full_name.split(".")
    _, stranger = site.user()
    taken = {"name": name, "catalog_name": catalog, "schema_name": schema}
    cases: tuple[tuple[str, str, dict[str, Any] | None, str | None, int, str, str], ...] = (
        ("GET", f"models/{full_name}x", None, None, 404, "RESOURCE_DOES_NOT_EXIST", "NOT_FOUND"),
        ("GET", f"models/{full_name}/versions/9", None, None, 404, "RESOURCE_DOES_NOT_EXIST", "NOT_FOUND"),
        ("GET", "catalogs/none", None, None, 404, "RESOURCE_DOES_NOT_EXIST", "CATALOG_NOT_FOUND"),
        ("GET", f"models/{full_name}", None, stranger, 403, "PERMISSION_DENIED", "PERMISSION_DENIED"),
        ("GET", f"models/{full_name}", None, "no token", 401, "UNAUTHENTICATED", "UNAUTHENTICATED"),
        ("GET", "models/short", None, None, 400, "INVALID_PARAMETER_VALUE", "INVALID_ARGUMENT"),
        ("GET", "models", {"max_results": -1}, None, 400, "INVALID_PARAMETER_VALUE", "INVALID_ARGUMENT"),
        ("POST", "models", taken, None, 409, "RESOURCE_ALREADY_EXISTS", "ALREADY_EXISTS"),
        ("DELETE", f"models/{full_name}", {"force": False}, None, 409, "RESOURCE_CONFLICT", "ABORTED"),
    )
    for method, path, fields, token, status, code, reason in cases:
        answer = call(site, agent, method, f"{UC}/{path}", fields, token)
        body = answer.json()
        assert (answer.status_code, body["error_code"]) == (status, code), (path, body)
        [detail] = body["details"]
        assert (detail["@type"], detail["reason"]) == ("type.googleapis.com/google.rpc.ErrorInfo", reason)
        assert body["message"].startswith("NOT_FOUND: ") == (status == 404)


@pytest.mark.parametrize("agent", OSS)
def test_without_a_way_to_files_they_are_refused_with_one_clear_sentence(bare: Site, agent: str) -> None:
    """These clients know no signed URLs; what they would say of DEFAULT_STORAGE tells their user nothing."""
    full_name = bare.model(versions=1)
    catalog, schema, name = full_name.split(".")
    named = {"catalog_name": catalog, "schema_name": schema, "model_name": name}
    credentials = {**named, "version": 1, "operation": "READ_WRITE_MODEL_VERSION"}
    for path, body in (
        ("temporary-model-version-credentials", credentials),
        ("models/versions", {**named, "source": "runs:/r/m"}),
    ):
        answer = call(bare, agent, "POST", f"{UC}/{path}", body)
        assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
        for word in ("databricks-uc", "MODELKEEP_SHARED_FOLDER", "MODELKEEP_S3_ROLE_ARN"):
            assert word in answer.json()["message"]
    reply = call(bare, agent, "GET", f"{UC}/models/{full_name}/versions/1").json()
    assert reply["storage_location"] == f"dbfs:/Models/{catalog}/{schema}/{name}/1"
    assert len(call(bare, agent, "GET", f"{UC}/models/{full_name}/versions").json()["model_versions"]) == 1


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server over a folder that it shares with nobody."""
    with running_site(tmp_path_factory.mktemp("bare"), shared_folder="") as running:
        yield running


def test_the_vocabulary_changes_nothing_else(site: Site) -> None:
    full_name = site.model(versions=1)
    for path in (
        f"{UC}/models/{full_name}",
        f"{UC}/models/{full_name}/versions",
        f"{UC}/models",
        f"{UC}/catalogs",
        f"{V1}/users",
    ):
        bodies = [call(site, agent, "GET", path).json() for agent in (OSS[0], DATABRICKS[0])]
        assert bodies[0] == bodies[1]
