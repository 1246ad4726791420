"""Plain MLflow REST over the real tracking server and each kind of storage: the server brings a run's files into a version."""

import uuid
from typing import Any

import httpx
import pytest
from api.files.test_files_workspace import V2, bench, experiment, root_of, run
from api.filing import Shelf
from api.serving import UC, refused
from world import MODEL_FILES

__all__ = ["bench"]
pytest_plugins = ("backends", "api.filing")
MISSING = "RESOURCE_DOES_NOT_EXIST"
BIG = b"x" * (3 * 1024 * 1024)


def trained(bench: Shelf, files: dict[str, bytes]) -> tuple[str, str]:
    """(experiment, run) with these files below `m`, and one beside it."""
    home = experiment(bench)
    run_id = run(bench, home)
    for path, data in {**{f"m/{path}": data for path, data in files.items()}, "other.txt": b"y"}.items():
        assert bench.fs("PUT", "files", f"{root_of(home, run_id)}/{path}", content=data).status_code == 204
    return home, run_id


def register(bench: Shelf, source: str, **fields: Any) -> dict[str, Any]:
    name = f"M {uuid.uuid4().hex[:8]}"
    bench.ok("POST", f"{V2}/registered-models/create", {"name": name})
    model_version = bench.ok("POST", f"{V2}/model-versions/create", {"name": name, "source": source, **fields})[
        "model_version"
    ]
    assert model_version["status"] == "PENDING_REGISTRATION", model_version
    bench.work()
    return bench.ok("GET", f"{V2}/model-versions/get", {"name": name, "version": "1"})["model_version"]


def test_a_runs_files_become_a_versions(bench: Shelf) -> None:
    files = {**MODEL_FILES, "data/big.bin": BIG, "empty": b""}
    home, run_id = trained(bench, files)
    for source in (
        f"runs:/{run_id}/m",
        f"mlflow-artifacts:/{home}/{run_id}/artifacts/m/",
        f"dbfs:/databricks/mlflow-tracking/{home}/{run_id}/artifacts/m",
    ):
        version = register(bench, source)
        assert (version["status"], version["run_id"], version["source"]) == ("READY", run_id, source), version
        fields = {"name": version["name"], "version": "1"}
        root = bench.ok("GET", f"{V2}/model-versions/get-download-uri", fields)["artifact_uri"].partition(":/")[2]
        for path, data in files.items():
            got = bench.call("GET", f"/api/2.0/mlflow-artifacts/artifacts/{root}/{path}")
            assert got.status_code == 200 and got.content == data, (path, got.text[:200])
    # What happens to the run afterwards is the run's business.
    assert bench.fs("DELETE", "files", f"{root_of(home, run_id)}/m/MLmodel").status_code == 204
    assert bench.call("GET", f"/api/2.0/mlflow-artifacts/artifacts/{root}/MLmodel").content == files["MLmodel"]


RESOURCES = b"""resources:
  api_version: '1'
  databricks:
    table: [{name: Raw.Sales.Orders}, {name: raw.sales.theirs, on_behalf_of_user: true}]
    function: [{name: raw.ml.score}]
    serving_endpoint: [{name: Embeddings}]
    sql_warehouse: [{name: w}]
"""


def test_what_the_mlmodel_file_needs_is_upstream_however_it_was_registered(bench: Shelf) -> None:
    """`log_model(resources=[DatabricksTable(...)])`: MLflow's client sends it with `databricks-uc` alone."""
    files = {**MODEL_FILES, "MLmodel": MODEL_FILES["MLmodel"] + RESOURCES}
    _, run_id = trained(bench, files)
    version = register(bench, f"runs:/{run_id}/m")
    needed = {("TABLE", "raw.sales.orders"), ("FUNCTION", "raw.ml.score"), ("MODEL_ENDPOINT", "Embeddings")}

    def dependencies(name: str, number: int) -> list[tuple[str, str]]:
        listed = bench.ok("GET", f"/api/modelkeep/v1/models/{name}/versions/{number}/lineage")["lineage"]
        return [(edge["entity_type"], edge["entity_name"]) for edge in listed if edge["context"] == "dependency"]

    plain = dependencies(f"main.default.{version['name'].lower()}", 1)
    assert (set(plain), len(plain)) == (needed, 3)
    # On databricks-uc the client says it, too, and it is one edge.
    name = bench.model()
    said = [
        {"type": "DATABRICKS_TABLE", "name": "raw.sales.Orders"},
        {"type": "DATABRICKS_UC_MODEL_SERVICE", "name": "a.b.c"},
    ]
    bench.b("POST", "model-versions/create", {"name": name, "source": "x", "model_version_dependencies": said})
    for path, data in files.items():
        root = f"/Models/{name.replace('.', '/')}/1"
        assert bench.fs("PUT", "files", f"{root}/{path}", content=data).status_code == 204
    assert bench.b("POST", "model-versions/finalize", {"name": name, "version": "1"}).status_code == 200
    both = dependencies(name, 1)
    assert (set(both), len(both)) == (needed | {("MODEL_SERVICE", "a.b.c")}, 4)


def test_what_a_client_says_of_features_is_kept_word_for_word(bench: Shelf) -> None:
    name = bench.model()
    text = '{"input_tables": [{"table_name": "Raw.t", "table_id": "7"}], "x": "\\u00e9"}'
    fields = {"name": name, "source": "x", "feature_deps": text}
    assert bench.b("POST", "model-versions/create", fields).json()["model_version"]["feature_deps"] == text
    assert (
        bench.b("GET", "model-versions/get", {"name": name, "version": "1"}).json()["model_version"]["feature_deps"]
        == text
    )
    assert bench.ok("GET", f"{UC}/models/{name}/versions/1")["feature_deps"] == text
    assert "feature_deps" not in bench.ok("GET", f"{UC}/models/{name}/versions")["model_versions"][0]
    refused(
        bench.b("POST", "model-versions/create", fields | {"feature_deps": "x" * 65_537}),
        400,
        "INVALID_PARAMETER_VALUE",
        "65536",
    )
    bench.b("POST", "model-versions/create", fields | {"feature_deps": ""})
    assert (
        "feature_deps"
        not in bench.b("GET", "model-versions/get", {"name": name, "version": "2"}).json()["model_version"]
    )


def test_files_of_a_volume_become_a_versions(bench: Shelf) -> None:
    """A run whose experiment keeps its artifacts in a volume is registered from there."""
    schema = bench.schema()
    catalog, team = schema.split(".")
    for kind in ("MANAGED", "EXTERNAL"):
        place = {"storage_location": "s3://elsewhere/x"} if kind == "EXTERNAL" else {}
        bench.ok(
            "POST",
            f"{UC}/volumes",
            {"catalog_name": catalog, "schema_name": team, "name": kind.lower(), "volume_type": kind, **place},
        )
    root = f"/Volumes/{catalog}/{team}/managed/runs/r1/artifacts"
    for path, data in MODEL_FILES.items():
        assert bench.fs("PUT", "files", f"{root}/m/{path}", content=data).status_code == 204
    version = register(bench, f"dbfs:{root}/m")
    assert (version["status"], version["source"]) == ("READY", f"dbfs:{root}/m"), version
    listed = bench.ok(
        "GET", "/api/2.0/mlflow-artifacts/artifacts", {"path": f"Models/main/default/{version['name']}/1"}
    )
    assert {file["path"] for file in listed["files"]} == set(MODEL_FILES)
    # It takes READ VOLUME, and files that are here.
    user, token = bench.user()
    bench.allow(user, "catalog", "main", "USE_CATALOG", "USE_SCHEMA", "CREATE_MODEL")
    bench.allow(user, "catalog", catalog, "USE_CATALOG", "USE_SCHEMA")
    name = f"mine {uuid.uuid4().hex[:8]}"
    bench.ok("POST", f"{V2}/registered-models/create", {"name": name}, token)
    fields = {"name": name, "source": f"dbfs:{root}/m"}
    answer = bench.call("POST", f"{V2}/model-versions/create", fields, token=token)
    refused(answer, 403, "PERMISSION_DENIED", "READ VOLUME on Volume")
    bench.allow(user, "volume", f"{schema}.managed", "READ_VOLUME")
    assert bench.ok("POST", f"{V2}/model-versions/create", fields, token)["model_version"]["version"] == "1"
    bench.ok("POST", f"{V2}/registered-models/create", {"name": f"{name} too"})
    outside = {"name": f"{name} too", "source": f"dbfs:/Volumes/{catalog}/{team}/external/m"}
    refused(bench.call("POST", f"{V2}/model-versions/create", outside), 400, "INVALID_STATE", "external")
    bench.work()


def logged(bench: Shelf, home: str, run_id: str, name: str = "lm") -> dict[str, Any]:
    fields = {"experiment_id": home, "name": name, "source_run_id": run_id}
    return bench.ok("POST", f"{V2}/logged-models", fields)["model"]["info"]


def test_a_run_stands_for_its_logged_model(bench: Shelf) -> None:
    """MLflow 3 keeps models beside runs, and `runs:/<run>/<name>` still means them."""
    home, run_id = trained(bench, dict(MODEL_FILES))
    for number, text in enumerate((b"old", b"new")):
        model_id = logged(bench, home, run_id)["model_id"]
        root = f"/WorkspaceInternal/Mlflow/Artifacts/{home}/LoggedModels/{model_id}/artifacts"
        for path, data in {**MODEL_FILES, "which": text}.items():
            assert bench.fs("PUT", "files", f"{root}/{path}", content=data).status_code == 204, number
    for source in (f"runs:/{run_id}/lm", f"mlflow-artifacts:/{home}/{run_id}/artifacts/lm"):
        version = register(bench, source)
        assert (version["status"], version["run_id"], version["source"]) == ("READY", run_id, source), version
        got = bench.call("GET", f"/api/2.0/mlflow-artifacts/artifacts/Models/main/default/{version['name']}/1/which")
        assert got.content == b"new"
    # The run's own files come first, and another name is no model.
    logged(bench, home, run_id, "m")
    assert register(bench, f"runs:/{run_id}/m")["status"] == "READY"
    assert "no files" in register(bench, f"runs:/{run_id}/other")["status_message"]


def test_a_run_whose_files_are_in_a_volume(bench: Shelf) -> None:
    schema = bench.schema()
    catalog, team = schema.split(".")
    volume = {"catalog_name": catalog, "schema_name": team, "name": "v", "volume_type": "MANAGED"}
    bench.ok("POST", f"{UC}/volumes", volume)
    place = f"dbfs:/Volumes/{catalog}/{team}/v/runs"
    home = bench.ok("POST", f"{V2}/experiments/create", {"name": uuid.uuid4().hex, "artifact_location": place})
    home = home["experiment_id"]
    run_id = run(bench, home)
    root = bench.ok("GET", f"{V2}/runs/get", {"run_id": run_id})["run"]["info"]["artifact_uri"]
    model = logged(bench, home, run_id)
    for where in (f"{root}/m", model["artifact_uri"]):
        assert where.startswith(f"{place}/"), where
        for path, data in MODEL_FILES.items():
            assert bench.fs("PUT", "files", f"{where.removeprefix('dbfs:')}/{path}", content=data).status_code == 204
    for source in (f"runs:/{run_id}/m", f"runs:/{run_id}/lm", f"models:/{model['model_id']}"):
        version = register(bench, source)
        assert (version["status"], version["source"]) == ("READY", source), version
    # Who may read the run must be allowed to read the volume, too.
    user, token = bench.user()
    bench.allow(user, "catalog", "main", "USE_CATALOG", "USE_SCHEMA", "CREATE_MODEL")
    bench.allow(user, "catalog", catalog, "USE_CATALOG", "USE_SCHEMA")
    fields = {"access_control_list": [{"user_name": user, "permission_level": "CAN_READ"}]}
    bench.ok("PATCH", f"/api/2.0/permissions/experiments/{home}", fields)
    mine = {"name": f"mine {uuid.uuid4().hex[:8]}", "source": f"runs:/{run_id}/m"}
    bench.ok("POST", f"{V2}/registered-models/create", {"name": mine["name"]}, token)
    answer = bench.call("POST", f"{V2}/model-versions/create", mine, token=token)
    refused(answer, 403, "PERMISSION_DENIED", "READ VOLUME on Volume")
    bench.allow(user, "volume", f"{schema}.v", "READ_VOLUME")
    assert bench.ok("POST", f"{V2}/model-versions/create", mine, token)["model_version"]["version"] == "1"
    bench.work()


def test_a_link_to_the_run_is_kept(bench: Shelf) -> None:
    _, run_id = trained(bench, dict(MODEL_FILES))
    link = f"https://mlflow.example.com/#/experiments/1/runs/{run_id}"
    version = register(bench, f"runs:/{run_id}/m", run_link=link)
    assert version["run_link"] == link
    copied = f"copy {uuid.uuid4().hex[:8]}"
    bench.ok("POST", f"{V2}/registered-models/create", {"name": copied})
    fields = {"name": copied, "source": f"models:/{version['name']}/1"}
    for odd in ("javascript:alert(1)", "http://", "https://x/<b>", "x" * 3000):
        answer = bench.call("POST", f"{V2}/model-versions/create", {**fields, "run_link": odd})
        refused(answer, 400, "INVALID_PARAMETER_VALUE", "run_link")


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "no files"),
        ({"readme": b"x"}, "no MLmodel file"),
        ({"MLmodel": b"a: [b"}, "not plain YAML"),
        ({"MLmodel": b"a: 1"}, "flavors"),
    ],
)
def test_what_is_no_model_fails_with_the_reason(bench: Shelf, files: dict[str, bytes], words: str) -> None:
    _, run_id = trained(bench, files)
    version = register(bench, f"runs:/{run_id}/m")
    assert version["status"] == "FAILED_REGISTRATION" and words in version["status_message"], version


def test_who_cannot_read_the_run_is_told_that_there_is_none(bench: Shelf) -> None:
    _, run_id = trained(bench, dict(MODEL_FILES))
    user, token = bench.user()
    bench.allow(user, "schema", "main.default", "CREATE_MODEL", "USE_SCHEMA")
    bench.allow(user, "catalog", "main", "USE_CATALOG")
    name = f"mine {uuid.uuid4().hex[:8]}"
    bench.ok("POST", f"{V2}/registered-models/create", {"name": name}, token)
    said = set[str]()
    for source in (f"runs:/{run_id}/m", f"runs:/{'0' * 32}/m"):
        answer = bench.call("POST", f"{V2}/model-versions/create", {"name": name, "source": source}, token=token)
        said.add(refused(answer, 404, MISSING).replace(run_id, "0" * 32))
    assert len(said) == 1, said


def test_a_version_deleted_meanwhile_leaves_nothing(bench: Shelf) -> None:
    _, run_id = trained(bench, dict(MODEL_FILES))
    name = f"M {uuid.uuid4().hex[:8]}"
    bench.ok("POST", f"{V2}/registered-models/create", {"name": name})
    bench.ok("POST", f"{V2}/model-versions/create", {"name": name, "source": f"runs:/{run_id}/m"})
    bench.ok("DELETE", f"{V2}/registered-models/delete", {"name": name})
    bench.work()
    jobs = bench.ok("GET", "/api/modelkeep/v1/jobs")
    assert not [job for job in jobs["jobs"] if job["task"] == "bring"], jobs


# --- the run of a version --------------------------------------------------------------------------------------------


def create(bench: Shelf, source: str, **fields: str) -> httpx.Response:
    name = f"M {uuid.uuid4().hex[:8]}"
    bench.ok("POST", f"{V2}/registered-models/create", {"name": name})
    return bench.call("POST", f"{V2}/model-versions/create", {"name": name, "source": source, **fields})


def test_the_run_of_a_version_is_the_one_that_its_source_names(bench: Shelf) -> None:
    home, run_id = trained(bench, MODEL_FILES)
    other = run(bench, home)
    sources = (f"runs:/{run_id}/m", f"mlflow-artifacts:/{home}/{run_id}/artifacts/m")
    for source in sources:
        for wrong in (other, uuid.uuid4().hex, "no-run"):
            answer = create(bench, source, run_id=wrong)
            refused(answer, 400, "INVALID_PARAMETER_VALUE", "run_id request parameter must identify the resource")
        for right in ({}, {"run_id": run_id}):
            model_version = create(bench, source, **right).json()["model_version"]
            assert model_version["run_id"] == run_id


def test_a_run_that_nobody_knows_is_refused_unless_a_link_says_where_it_is(bench: Shelf) -> None:
    home = experiment(bench)
    run_id, unknown, pointer = run(bench, home), uuid.uuid4().hex, "s3://bucket/model"
    refused(create(bench, pointer, run_id=unknown), 400, "INVALID_PARAMETER_VALUE", "run_id request parameter")
    for item in ({"run_id": run_id}, {"run_id": unknown, "run_link": "https://elsewhere.example/runs/1"}, {}):
        model_version = create(bench, pointer, **item).json()["model_version"]
        assert model_version["run_id"] == item.get("run_id", "")


def test_a_copy_has_the_run_of_its_source(bench: Shelf) -> None:
    _, run_id = trained(bench, MODEL_FILES)
    version = register(bench, f"runs:/{run_id}/m")
    source = f"models:/{version['name']}/1"
    refused(create(bench, source, run_id=uuid.uuid4().hex), 400, "INVALID_PARAMETER_VALUE", "must match")
    assert create(bench, source, run_id=run_id).json()["model_version"]["run_id"] == run_id
    assert create(bench, source).status_code == 200


def test_a_registered_run_says_which_directories_some_clients_miss(bench: Shelf) -> None:
    _, run_id = trained(bench, {**MODEL_FILES, "C#/part": b"1", "50%/a#b": b"2"})
    version = register(bench, f"runs:/{run_id}/m")
    assert version["status"] == "READY" and "'C#'" in version["status_message"]
    _, plain = trained(bench, {**MODEL_FILES, "50%/a#b": b"2", "a b/x?": b"3"})
    assert register(bench, f"runs:/{plain}/m")["status_message"] == ""
