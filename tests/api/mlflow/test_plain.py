"""Plain MLflow REST on the wire: names of one level, sources, stages, signatures, searches, and what it refuses."""

import time
import uuid
from typing import Any

import pytest
from api.serving import DATABRICKS_UC, UC, V1, Site, refused, site
from world import MODEL_FILES

from modelkeep.api.sql.routes import STATEMENTS, WAREHOUSE_ID
from modelkeep.jobs.check import findings

__all__ = ["site"]

A = "/api/2.0/mlflow"
INVALID, MISSING = "INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST"


def fresh(begin: str = "m") -> str:
    return f"{begin} {uuid.uuid4().hex[:8]}"


def create_model(site: Site, name: str, **fields: Any) -> dict[str, Any]:
    return site.ok("POST", f"{A}/registered-models/create", {"name": name, **fields})["registered_model"]


def pointer(site: Site, name: str, source: str = "s3://elsewhere/m", **fields: Any) -> dict[str, Any]:
    return site.ok("POST", f"{A}/model-versions/create", {"name": name, "source": source, **fields})["model_version"]


def ready(site: Site, name: str, files: dict[str, bytes] = MODEL_FILES) -> str:
    """The number of a new READY version of a model of three levels, made through `databricks-uc`."""
    number = site.ok("POST", f"{DATABRICKS_UC}/model-versions/create", {"name": name, "source": "x"})["model_version"][
        "version"
    ]
    for path, data in files.items():
        url = site.ok(
            "POST", "/api/2.0/fs/create-upload-url", {"path": f"/Models/{name.replace('.', '/')}/{number}/{path}"}
        )
        assert site.http.put(url["url"], content=data).status_code == 200
    site.ok("POST", f"{DATABRICKS_UC}/model-versions/finalize", {"name": name, "version": number})
    return number


# --- names -----------------------------------------------------------------------------------------------------------


def test_a_short_name_keeps_its_spelling_and_is_one_model_in_any_case(site: Site) -> None:
    name = fresh("Churn Model")
    assert create_model(site, name)["name"] == name
    for item in (name, name.upper(), f"main.default.{name}", f"MAIN.Default.{name.lower()}"):
        assert site.ok("GET", f"{A}/registered-models/get", {"name": item})["registered_model"]["name"] == name
    refused(site.call("POST", f"{A}/registered-models/create", {"name": name.lower()}), 400, "RESOURCE_ALREADY_EXISTS")
    full = f"main.default.{name.lower()}"
    assert site.b("GET", "registered-models/get", {"name": full}).json()["registered_model"]["name"] == full
    assert site.ok("GET", f"{UC}/models/{full}")["name"] == name.lower()
    refused(site.b("GET", "registered-models/get", {"name": name}), 400, INVALID, "specify all three levels")
    other = fresh("Another")
    site.ok("POST", f"{A}/registered-models/rename", {"name": name, "new_name": other})
    assert site.ok("GET", f"{A}/registered-models/get", {"name": other.upper()})["registered_model"]["name"] == other
    site.ok("POST", f"{A}/registered-models/rename", {"name": other, "new_name": other.upper()})
    assert site.ok("GET", f"{A}/registered-models/get", {"name": other})["registered_model"]["name"] == other.upper()


def test_names_of_three_levels_are_those_of_the_other_dialects(site: Site) -> None:
    model = site.model(versions=1)
    assert site.ok("GET", f"{A}/registered-models/get", {"name": model.upper()})["registered_model"]["name"] == model
    assert site.ok("GET", f"{A}/model-versions/get", {"name": model, "version": 1})["model_version"]["name"] == model
    refused(site.call("POST", f"{A}/registered-models/create", {"name": f"{model} x"}), 400, INVALID, "space")
    short = fresh()
    refused(
        site.call("POST", f"{A}/registered-models/rename", {"name": model, "new_name": short}), 400, INVALID, "schema"
    )


@pytest.mark.parametrize(
    "name", ["one.dot", "a.b.c.d", ".", "", " lead", "trail ", "a/b", "a\tb", "a\u00a0b", "n" * 256]
)
def test_what_no_name_is(site: Site, name: str) -> None:
    for method, path in (("POST", "create"), ("GET", "get"), ("DELETE", "delete")):
        refused(site.call(method, f"{A}/registered-models/{path}", {"name": name}), 400, INVALID)


def test_the_default_namespace_is_published(site: Site) -> None:
    from databricks.sdk import WorkspaceClient

    client = WorkspaceClient(host=site.host, token=site.admin, auth_type="pat")
    assert client.settings.default_namespace.get().namespace.value == "main.default"


# --- shapes ----------------------------------------------------------------------------------------------------------


def test_messages_are_those_of_mlflows_own_server(site: Site) -> None:
    name = fresh()
    create_model(site, name, description="d", tags=[{"key": "a", "value": "b"}])
    version = pointer(site, name, description="v", tags=[{"key": "k", "value": "v"}], run_id="r")
    site.ok("POST", f"{A}/registered-models/alias", {"name": name, "alias": "champion", "version": "1"})
    version = site.ok("GET", f"{A}/model-versions/get", {"name": name, "version": "1"})["model_version"]
    model = site.ok("GET", "/ajax-api/2.0/mlflow/registered-models/get", {"name": name})["registered_model"]
    assert (version["version"], version["current_stage"], version["aliases"]) == ("1", "None", ["champion"])
    assert isinstance(version["creation_timestamp"], int) and version["tags"] == [{"key": "k", "value": "v"}]
    assert model["aliases"] == [{"alias": "champion", "version": "1"}] and model["tags"] == [{"key": "a", "value": "b"}]
    assert model["latest_versions"] == [version]
    for method in ("GET", "POST"):
        for stages in (
            {},
            {"stages": ["None"]},
            {"stages": ["None", "Staging", "Production", "Archived"]},
            {"stages": []},
        ):
            latest = site.ok(method, f"{A}/registered-models/get-latest-versions", {"name": name, **stages})
            assert latest == {"model_versions": [version]}, stages


def test_refusals_speak_of_registered_models(site: Site) -> None:
    """Databricks' "Routine or Model" is for its own clients."""
    name = fresh()
    missing = f"Registered Model '{name}'"
    refused(site.call("GET", f"{A}/registered-models/get", {"name": name}), 404, MISSING, missing)
    refused(site.call("GET", f"{A}/model-versions/get", {"name": name, "version": "7"}), 404, MISSING, missing)
    create_model(site, name)
    refused(site.call("POST", f"{A}/registered-models/create", {"name": name}), 400, "RESOURCE_ALREADY_EXISTS", missing)


def test_tags_by_the_rule_of_mlflow(site: Site) -> None:
    """Its own keys have dots, and a prompt is a value of many characters."""
    name = fresh()
    create_model(site, name, tags=[{"key": "mlflow.source", "value": " x "}])
    number = pointer(site, name)["version"]
    tags = {"mlflow.prompt.text": "p" * 100_000, "a/b-c d": "", "a:b": " v "}
    for key, value in tags.items():
        site.ok("POST", f"{A}/registered-models/set-tag", {"name": name, "key": key, "value": value})
        site.ok("POST", f"{A}/model-versions/set-tag", {"name": name, "version": number, "key": key, "value": value})
    result = site.ok("GET", f"{A}/model-versions/get", {"name": name, "version": number})["model_version"]["tags"]
    assert {tag["key"]: tag["value"] for tag in result} == tags
    site.ok("DELETE", f"{A}/model-versions/delete-tag", {"name": name, "version": number, "key": "a:b"})
    full = f"main.default.{name}"  # what was set here goes through the other dialects, too
    assert {"key": "a/b-c d", "value": ""} in site.ok("GET", f"{DATABRICKS_UC}/registered-models/get", {"name": full})[
        "registered_model"
    ]["tags"]
    assert site.b("DELETE", "registered-models/delete-tag", {"name": full, "key": "a/b-c d"}).json() == {}
    for key, value in (("a,b", ""), ("a=b", ""), ("", ""), ("k" * 251, ""), ("a\tb", ""), ("k", "v" * 100_001)):
        sent = {"name": name, "key": key, "value": value}
        refused(site.call("POST", f"{A}/registered-models/set-tag", json=sent), 400, INVALID)
        refused(site.call("POST", f"{A}/model-versions/set-tag", json={**sent, "version": number}), 400, INVALID)


# --- stages ----------------------------------------------------------------------------------------------------------


def test_stages_are_refused_with_a_word_about_aliases(site: Site) -> None:
    name = fresh()
    create_model(site, name)
    pointer(site, name)
    for method, path, extra in (
        ("POST", "model-versions/transition-stage", {"version": "1", "stage": "Production"}),
        ("POST", "registered-models/get-latest-versions", {"stages": ["Staging"]}),
        ("GET", "registered-models/get-latest-versions", {"stages": ["Staging", "Production"]}),
        ("POST", "registered-models/get-latest-versions", {"stages": ["None", "Bogus"]}),
        ("POST", "model-versions/create", {"source": f"models:/{name}/Production"}),
    ):
        refused(site.call(method, f"{A}/{path}", {"name": name, **extra}), 400, INVALID, "use aliases")


# --- the newest version ----------------------------------------------------------------------------------------------


def test_latest_is_the_newest_version(site: Site) -> None:
    """`load_prompt("p")`, `prompts:/p@latest`, `models:/m@latest`: MLflow's server answers the highest number."""
    name = fresh("Latest")
    create_model(site, name)
    missing = refused(site.call("GET", f"{A}/registered-models/alias", {"name": name, "alias": "latest"}), 404, MISSING)
    assert name in missing and "main.default" not in missing
    for number in ("1", "2", "3"):
        pointer(site, name, f"s3://elsewhere/{number}")
        for word in ("latest", "LATEST", "Latest"):
            model_version = site.ok("GET", f"{A}/registered-models/alias", {"name": name, "alias": word})[
                "model_version"
            ]
            assert (model_version["version"], model_version["source"]) == (number, f"s3://elsewhere/{number}")
    site.ok("DELETE", f"{A}/model-versions/delete", {"name": name, "version": "3"})
    by_uc_prefix = site.ok("GET", "/ajax-api/2.0/mlflow/registered-models/alias", {"name": name, "alias": "latest"})
    assert by_uc_prefix["model_version"]["version"] == "2"
    _, stranger = site.user()
    denied = site.call("GET", f"{A}/registered-models/alias", {"name": name, "alias": "latest"}, token=stranger)
    assert denied.status_code == 403
    nothing = site.call("GET", f"{A}/registered-models/alias", {"name": fresh(), "alias": "latest"})
    refused(nothing, 404, MISSING, "Registered Model")


@pytest.mark.parametrize("word", ["latest", "LATEST", "v1", "V12"])
def test_no_alias_can_be_called_so(site: Site, word: str) -> None:
    name = fresh()
    create_model(site, name)
    pointer(site, name)
    sent = {"name": name, "alias": word, "version": "1"}
    refused(site.call("POST", f"{A}/registered-models/alias", sent), 400, INVALID, "reserved")
    assert site.ok("DELETE", f"{A}/registered-models/alias", {"name": name, "alias": word}) == {}


@pytest.mark.parametrize("source", ["models:/{}@latest", "models:/{}/latest", "models:/{}@LATEST"])
def test_a_copy_of_the_latest_version(site: Site, source: str) -> None:
    name = site.model("main.default")
    newest = [ready(site, name) for _ in range(2)][-1]
    short = name.rpartition(".")[2]
    copy = fresh("copy")
    create_model(site, copy)
    made_of = pointer(site, copy, source.format(short))
    assert made_of["status"] == "READY"
    other = site.ok("GET", f"{UC}/models/main.default.{copy}/versions/1", {})
    assert other["status"] == "READY" and newest == "2"
    refused(
        site.call("POST", f"{A}/model-versions/create", {"name": copy, "source": source.format(copy + " none")}),
        404,
        MISSING,
    )


def test_latest_is_no_word_of_unity_catalog(site: Site) -> None:
    name = site.model(versions=2)
    refused(site.b("GET", "registered-models/alias", {"name": name, "alias": "latest"}), 404, MISSING, "Alias 'latest'")
    refused(site.call("GET", f"{UC}/models/{name}/aliases/latest"), 404, MISSING, "Alias 'latest'")


def test_refusals_speak_of_the_callers_own_name(site: Site) -> None:
    name = fresh("UpdateRMTest")
    for method, path, extra in (
        ("GET", "registered-models/get", {}),
        ("PATCH", "registered-models/update", {"description": "x"}),
        ("POST", "registered-models/rename", {"new_name": "other"}),
        ("DELETE", "registered-models/delete", {}),
        ("POST", "registered-models/set-tag", {"key": "k", "value": "v"}),
        ("GET", "model-versions/get", {"version": "1"}),
        ("POST", "model-versions/create", {"source": "s3://x/y"}),
        ("GET", "registered-models/alias", {"alias": "champion"}),
        ("GET", "registered-models/alias", {"alias": "latest"}),
    ):
        said = refused(site.call(method, f"{A}/{path}", {"name": name, **extra}), 404, MISSING, f"'{name}'")
        assert "main.default" not in said and name.lower() not in said
    create_model(site, name)
    refused(site.call("GET", f"{A}/model-versions/get", {"name": name, "version": "7"}), 404, MISSING, f"'{name}'")
    taken = site.call("POST", f"{A}/registered-models/create", {"name": name})
    refused(taken, 400, "RESOURCE_ALREADY_EXISTS", f"'{name}' already exists")
    full = f"main.default.{name.lower()}"
    refused(site.call("GET", f"{A}/model-versions/get", {"name": full, "version": "7"}), 404, MISSING, full)
    refused(site.b("GET", "registered-models/get", {"name": f"main.default.{fresh()}"}), 404, MISSING, "main.default.")


# --- sources ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source",
    ["/etc/passwd", "file:///x", "FILE:/x", "./x", "x", "", "C:\\x", "~/x", "s3:", "s3://a/../b", "s3://a/%2e%2e/b"],
)
def test_sources_that_no_other_client_could_follow(site: Site, source: str) -> None:
    name = fresh()
    create_model(site, name)
    answer = site.call("POST", f"{A}/model-versions/create", {"name": name, "source": source})
    refused(answer, 400, INVALID, "source")


@pytest.mark.parametrize(
    "source",
    [
        "runs:/0123/model",
        "models:/m-0123",
        "mlflow-artifacts:/1/r/artifacts/m",
        "mlflow-artifacts:/x",
        "dbfs:/databricks/mlflow-tracking/1/r/artifacts/m",
        "models:/absent-model/1",
        "models:/absent-model@champion",
        "models:/",
        "runs:/",
    ],
)
def test_sources_that_should_be_here_and_are_not(site: Site, source: str) -> None:
    name = fresh()
    create_model(site, name)
    refused(site.call("POST", f"{A}/model-versions/create", {"name": name, "source": source}), 404, MISSING)


@pytest.mark.parametrize(
    "source", ["s3://bucket/m", "gs://b/m", "https://host/m?x=1", "hdfs://n/m", "mlflow-artifacts://other/1/r"]
)
def test_a_pointer_is_kept_as_it_is_and_has_no_files_here(site: Site, source: str) -> None:
    name = fresh()
    create_model(site, name)
    version = pointer(site, name, source)
    assert (version["status"], version["source"]) == ("READY", source)
    fields = {"name": name, "version": "1"}
    assert site.ok("GET", f"{A}/model-versions/get-download-uri", fields) == {"artifact_uri": source}
    listed = site.ok("GET", "/api/2.0/mlflow-artifacts/artifacts", {"path": f"Models/main/default/{name}/1"})
    assert listed == {"files": []}
    elsewhere = f"not in this registry, but at '{source}'"
    on_b = {"name": f"main.default.{name}", "version": "1", "operation": "MODEL_VERSION_OPERATION_READ"}
    refused(site.b("POST", "model-versions/generate-temporary-credentials", on_b), 400, "INVALID_STATE", elsewhere)
    refused(site.call("GET", f"/api/2.0/fs/directories/Models/main/default/{name}/1"), 400, "INVALID_STATE", elsewhere)
    copied = fresh("copy")
    create_model(site, copied)
    assert pointer(site, copied, f"models:/{name}/1")["source"] == f"models:/{name}/1"
    again = fresh("again")
    site.ok("POST", f"{V1}/models/main.default.{copied}/versions/1/copy", {"destination": f"main.default.{again}"})
    for copy in (copied, again):
        fields = {"name": copy, "version": "1"}
        assert site.ok("GET", f"{A}/model-versions/get-download-uri", fields) == {"artifact_uri": source}
        refused(
            site.call("GET", f"/api/2.0/fs/directories/Models/main/default/{copy}/1"), 400, "INVALID_STATE", elsewhere
        )

    async def check_findings() -> list[str]:
        return [text async for text in findings(site.registry.db, site.registry.blobs)]

    assert not [text for text in site.run(check_findings()) if "READY" in text]


def test_a_copy_shares_the_files_and_needs_execute_on_its_source(site: Site) -> None:
    model, name = site.model(), fresh("copy")
    number = ready(site, model)
    create_model(site, name)
    copy = pointer(site, name, f"models:/{model}/{number}", tags=[{"key": "k", "value": "v"}])
    assert (copy["status"], copy["tags"], copy["aliases"]) == ("READY", [{"key": "k", "value": "v"}], [])
    place = site.ok("GET", f"{A}/model-versions/get-download-uri", {"name": name, "version": "1"})["artifact_uri"]
    root = place.removeprefix("mlflow-artifacts:/")
    listed = site.ok("GET", "/api/2.0/mlflow-artifacts/artifacts", {"path": root})["files"]
    assert {(f["path"], f["is_dir"], f["file_size"]) for f in listed} == {
        (p, False, len(d)) for p, d in MODEL_FILES.items()
    }
    got = site.call("GET", f"/api/2.0/mlflow-artifacts/artifacts/{root}/MLmodel")
    assert got.content == MODEL_FILES["MLmodel"]
    for method in ("PUT", "DELETE"):
        refused(
            site.call(method, f"/api/2.0/mlflow-artifacts/artifacts/{root}/MLmodel"), 403, "PERMISSION_DENIED", "final"
        )
    files = site.ok("GET", f"{A}/model-versions/list-artifacts", {"name": name, "version": "1"})["files"]
    assert {f["path"] for f in files} == set(MODEL_FILES)
    signed = site.ok(
        "GET", f"{A}/model-versions/get-signed-download-uri", {"name": name, "version": "1", "path": "MLmodel"}
    )
    assert site.http.get(signed["signed_uri"]).content == MODEL_FILES["MLmodel"]
    user, token = site.user()
    for kind, on, privileges in (("catalog", "main", ("USE_CATALOG", "USE_SCHEMA", "CREATE_MODEL_VERSION")),):
        site.allow(user, kind, on, *privileges)
    fields = {"name": name, "source": f"models:/{model}/{number}"}
    refused(site.call("POST", f"{A}/model-versions/create", fields, token=token), 403, "PERMISSION_DENIED")
    refused(
        site.call("GET", f"/api/2.0/mlflow-artifacts/artifacts/{root}/MLmodel", token=token), 403, "PERMISSION_DENIED"
    )


UNSIGNED = {"MLmodel": b"flavors:\n  python_function:\n    loader_module: x\n", "model.pkl": b"x"}


def test_a_catalog_may_require_signatures(site: Site) -> None:
    """Open-source clients register models without one, into any catalog but those."""
    open_schema, strict = site.schema(), site.schema()
    site.ok("PATCH", f"{UC}/catalogs/{strict.partition('.')[0]}", {"properties": {"require_signature": "true"}})
    oss = {"user-agent": "mlflow-python-client/3.17.2"}

    def register(schema: str) -> Any:
        model = site.model(schema)
        number = site.ok("POST", f"{DATABRICKS_UC}/model-versions/create", {"name": model, "source": "x"})[
            "model_version"
        ]["version"]
        for path, data in UNSIGNED.items():
            url = site.ok(
                "POST", "/api/2.0/fs/create-upload-url", {"path": f"/Models/{model.replace('.', '/')}/{number}/{path}"}
            )
            assert site.http.put(url["url"], content=data).status_code == 200
        return model, f"{UC}/models/{model}/versions/{number}/finalize"

    model, finalize = register(open_schema)
    assert site.call("PATCH", finalize, {}).status_code == 400  # Databricks' own clients need one everywhere
    answer = site.call("PATCH", finalize, {}, headers=oss)
    assert answer.status_code == 200 and answer.json()["status"] == "READY", answer.text
    _, finalize = register(strict)
    assert "signature" in site.call("PATCH", finalize, {}, headers=oss).json()["message"]
    target = site.model(strict)
    for source in (f"models:/{model}/1", "s3://elsewhere/m"):
        answer = site.call("POST", f"{A}/model-versions/create", {"name": target, "source": source})
        refused(answer, 400, INVALID, "need a signature")
    assert pointer(site, target, f"models:/{(signed := site.model())}/{ready(site, signed)}")["status"] == "READY"


# --- searches --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shelf(site: Site) -> str:
    """Five models whose names end alike: `<mark>`."""
    mark = uuid.uuid4().hex[:8]
    for index, letter in enumerate("BADCE"):
        create_model(
            site, f"{letter} {mark}", tags=[{"key": "n", "value": str(index)}, {"key": "mlflow.dot", "value": "x"}]
        )
        for _ in range(index):
            pointer(site, f"{letter} {mark}", tags=[{"key": "k", "value": letter}], run_id=f"run-{letter}-{mark}")
    return mark


def names(site: Site, token: str | None = None, **request: Any) -> list[str]:
    """Of all pages, the first letters."""
    result, page = list[str](), ""
    while True:
        answer = site.ok("GET", f"{A}/registered-models/search", {**request, "page_token": page}, token)
        result += [m["name"][0] for m in answer["registered_models"]]
        if not (page := answer["next_page_token"]):
            return result


@pytest.mark.parametrize("size", [1, 2, 5, 100])
@pytest.mark.parametrize(
    ("condition", "order", "expected"),
    [
        ("", [], "ABCDE"),
        ("", ["name DESC"], "EDCBA"),
        ("", ["creation_timestamp ASC", "name"], "BADCE"),
        ("", ["`creation_timestamp` desc"], "ECDAB"),
        (" AND tags.n = '1'", [], "A"),
        (" AND tag.`n` != '1'", [], "BCDE"),
        (" AND tags.`mlflow.dot` LIKE 'x%'", ["attribute.name DESC"], "EDCBA"),
        (" and tags.n ilike '%3%'", [], "C"),
        (" AND name LIKE 'a%'", [], "A"),
        (" AND name != 'x'", [], "ABCDE"),
        (" AND tags.absent != 'x'", [], ""),
        (" AND tag.`mlflow.prompt.is_prompt` != 'true'", [], "ABCDE"),
        (" AND tags.`mlflow.prompt.is_prompt` = 'true'", [], ""),
    ],
)
def test_model_searches(site: Site, shelf: str, size: int, condition: str, order: list[str], expected: str) -> None:
    fields = {"filter": f"name LIKE '%{shelf}'{condition}", "order_by": order, "max_results": size}
    assert "".join(names(site, **fields)) == expected


@pytest.mark.parametrize("size", [1, 3, 100])
@pytest.mark.parametrize(
    ("condition", "order", "expected"),
    [
        ("name LIKE '%{}'", ["name", "version_number DESC"], "A1 C3 C2 C1 D2 D1 E4 E3 E2 E1"),
        ("name LIKE '%{}' AND version_number >= 3", ["version_number DESC", "name"], "E4 C3 E3"),
        ("name = 'E {}' AND version_number < 3", ["version_number ASC"], "E1 E2"),
        ("name='c {}' AND tags.k = 'C'", [], "C3 C2 C1"),
        ("run_id IN ('run-A-{}', \"run-D-{}\")", ["name DESC", "version_number"], "D1 D2 A1"),
        ("run_id = 'run-D-{}' AND source_path LIKE 's3:%'", ["creation_timestamp"], "D1 D2"),
        ("name IN ('A {}', 'main.default.d {}') AND version_number != 1", [], "D2"),
        ("run_id NOT IN ('run-A-{}')  AND name in ('A {}', 'D {}')", ["name", "version_number"], "D1 D2"),
        ("name = 'nothing {}'", [], ""),
    ],
)
def test_version_searches(site: Site, shelf: str, size: int, condition: str, order: list[str], expected: str) -> None:
    fields = {"filter": condition.replace("{}", shelf), "order_by": order, "max_results": size}
    result, page = list[str](), ""
    while True:
        answer = site.ok("GET", f"{A}/model-versions/search", {**fields, "page_token": page})
        result += [f"{v['name'][0]}{v['version']}" for v in answer["model_versions"]]
        if not (page := answer["next_page_token"]):
            break
    assert " ".join(result) == expected


def test_a_search_shows_what_the_caller_may_read(site: Site, shelf: str) -> None:
    user, token = site.user()
    fields = {"filter": f"name LIKE '%{shelf}'", "max_results": 1}
    assert names(site, token, **fields) == []
    site.allow(user, "catalog", "main", "USE_CATALOG", "USE_SCHEMA")
    for letter in "DB":
        site.allow(user, "function", f"main.default.{letter.lower()} {shelf}", "EXECUTE")
    for order in ([], ["name DESC"], ["last_updated_timestamp"]):
        assert sorted(names(site, token, **fields, order_by=order)) == ["B", "D"]
    answer = site.ok("GET", f"{A}/model-versions/search", {"filter": f"name = 'E {shelf}'"}, token)
    assert answer["model_versions"] == []


def test_a_version_that_comes_or_goes_changes_its_model(site: Site) -> None:
    """As in MLflow's own store; its UI sorts the models by that, under a name of its own."""
    begin = uuid.uuid4().hex[:8]
    text, other = f"one {begin}", f"other {begin}"

    def order() -> list[str]:
        fields = {"filter": f"name LIKE '%{begin}'", "order_by": ["timestamp DESC"]}
        return [m["name"] for m in site.ok("GET", f"{A}/registered-models/search", fields)["registered_models"]]

    for name in (text, other):
        create_model(site, name)
    time.sleep(0.01)
    pointer(site, text)
    assert order() == [text, other]
    time.sleep(0.01)
    pointer(site, other)
    assert order() == [other, text]
    time.sleep(0.01)
    site.ok("DELETE", f"{A}/model-versions/delete", {"name": text, "version": "1"})
    assert order() == [text, other]


def test_a_page_token_is_for_one_search_of_one_caller(site: Site, shelf: str) -> None:
    request = {"filter": f"name LIKE '%{shelf}'", "max_results": 2, "order_by": ["name"]}
    token = site.ok("GET", f"{A}/registered-models/search", request)["next_page_token"]
    _, stranger = site.user()
    for change, who in (
        ({"filter": ""}, None),
        ({"order_by": ["name DESC"]}, None),
        ({"page_token": token[:-2]}, None),
        ({}, stranger),
    ):
        fields = {**request, "page_token": token, **change}
        refused(site.call("GET", f"{A}/registered-models/search", fields, token=who), 400, INVALID, "page token")


@pytest.mark.parametrize(
    "fields",
    [
        {"filter": " AND ".join(["name = 'a'"] * 1_000)},
        {"filter": "run_id = 'x'"},
        {"filter": "name = 'a' OR name = 'b'"},
        {"filter": "name ~ 'a'"},
        {"filter": "name = 'a"},
        {"filter": "name = 'a' -- x"},
        {"filter": "name IN 'a'"},
        {"filter": "name = 'none at all'", "max_results": -1},
        {"filter": "name = 'none at all'", "page_token": "junk"},
        {"max_results": 1001},
        {"order_by": ["owner"]},
        {"order_by": ["name; DROP"]},
        {"order_by": ["name", "name DESC"]},
        {"order_by": ["name up"]},
        {"max_results": -1},
        {"max_results": "many"},
        {"page_token": "x"},
    ],
)
def test_bad_searches(site: Site, fields: dict[str, Any]) -> None:
    refused(site.call("GET", f"{A}/registered-models/search", fields), 400, INVALID)


def test_ten_thousand_conditions(site: Site) -> None:
    """More than a client's own limits let through."""
    query = "%20AND%20".join(["name%3D%27a%27"] * 10_000)
    answer = site.raw(site.head("GET", f"{A}/registered-models/search?filter={query}"))
    assert answer.startswith(b"HTTP/1.1 400"), answer[:300]


def test_no_dialect_names_the_source_of_a_copy_to_a_stranger(site: Site) -> None:
    source, copy = site.model(), site.model()
    number = ready(site, source)
    site.ok("POST", f"{V1}/models/{source}/versions/{number}/copy", {"destination": copy})
    site.ok("POST", f"{DATABRICKS_UC}/registered-models/alias", {"name": copy, "alias": "champion", "version": "1"})
    user, token = site.user()
    catalog, model = copy.partition(".")[0], {"name": copy}
    site.allow(user, "catalog", catalog, "USE_CATALOG", "USE_SCHEMA", "EXECUTE")
    uc, views = f"{UC}/models/{copy}", f"SELECT source, copied_from FROM {catalog}.information_schema.model_versions"
    requests: list[tuple[str, str, dict[str, Any]]] = [
        ("GET", f"{DATABRICKS_UC}/model-versions/get", {**model, "version": "1"}),
        ("GET", f"{DATABRICKS_UC}/registered-models/alias", {**model, "alias": "champion"}),
        ("GET", f"{DATABRICKS_UC}/model-versions/search", {"filter": f"name='{copy}'"}),
        ("GET", f"{A}/model-versions/get", {**model, "version": "1"}),
        ("GET", f"{A}/registered-models/get", model),
        ("GET", f"{A}/registered-models/search", {"filter": f"name='{copy}'"}),
        ("POST", f"{A}/registered-models/get-latest-versions", model),
        ("GET", f"{uc}/versions", {}),
        ("GET", f"{uc}/versions/1", {}),
        ("GET", f"{uc}/aliases/champion", {}),
        ("GET", f"{V1}/models/{copy}/versions", {}),
        ("GET", f"{V1}/models/{copy}/versions/1", {}),
        ("GET", f"{V1}/models/{copy}/versions/1/lineage", {}),
        ("POST", STATEMENTS, {"statement": views, "warehouse_id": WAREHOUSE_ID}),
    ]
    names = source.split(".")
    for bearer, reply in ((token, False), (site.admin, True)):
        for method, path, fields in requests:
            answer = site.call(method, path, fields, token=bearer)
            assert answer.status_code == 200, (path, answer.text)
            if "registered-models/search" not in path or not reply:  # some answers of models have no versions in them
                assert any(name in answer.text for name in (names[0], names[2])) is reply, (path, answer.text)
    site.allow(user, "catalog", names[0], "BROWSE")
    assert site.call("GET", f"{A}/model-versions/get", {**model, "version": "1"}, token=token).json()["model_version"][
        "source"
    ]
