"""Artifacts: which path means what, the fallback URLs, MLflow's UI, and plain http clients."""

import os
import subprocess
import sys
import uuid
from pathlib import Path

import httpx
import pytest
import requests
from mlflow.utils.uri import validate_path_is_safe
from tracking.tracking_site import Site

from modelkeep.domain.errors import RegistryError
from modelkeep.domain.listed_names import listed, meant
from modelkeep.tracking.artifacts import internal_place, proxied_place
from modelkeep.tracking.locations import is_plain

ALICE, BOB = "alice@x.io", "bob@x.io"
V2 = "/api/2.0/mlflow"


@pytest.fixture
def mine(site: Site) -> dict[str, str]:
    with site.client(ALICE) as http:
        experiment = http.post(f"{V2}/experiments/create", json={"name": uuid.uuid4().hex}).json()["experiment_id"]
        run = http.post(f"{V2}/runs/create", json={"experiment_id": experiment}).json()["run"]["info"]["run_id"]
        body = {"experiment_id": experiment, "name": "m"}
        model = http.post(f"{V2}/logged-models", json=body).json()["model"]["info"]["model_id"]
    return {"experiment": experiment, "run": run, "model": model}


def test_signed_urls_for_runs_and_models(site: Site, mine: dict[str, str]) -> None:
    run, model = mine["run"], mine["model"]
    with site.client(ALICE) as http:
        write = http.post(f"{V2}/artifacts/credentials-for-write", json={"run_id": run, "path": ["d/a b.txt"]}).json()
        (info,) = write["credential_infos"]
        assert (info["run_id"], info["path"], info["type"], info["headers"]) == (run, "d/a b.txt", "GCP_SIGNED_URL", [])
        assert httpx.put(info["signed_uri"], content=b"abc").status_code == 200
        read = http.post(f"{V2}/artifacts/credentials-for-read", json={"run_id": run, "path": ["d/a b.txt"]}).json()
        assert httpx.get(read["credential_infos"][0]["signed_uri"]).content == b"abc"
        root = f"dbfs:/databricks/mlflow-tracking/{mine['experiment']}/{run}/artifacts"
        listed = {"root_uri": root, "files": [{"path": "d", "is_dir": True}]}
        assert http.get(f"{V2}/artifacts/list", params={"run_id": run}).json() == listed
        entry = {"path": "d/a b.txt", "is_dir": False, "file_size": 3}
        for path in ("d", "d/", "d/a b.txt"):
            assert http.get(f"{V2}/artifacts/list", params={"run_id": run, "path": path}).json()["files"] == [entry]
        up = http.post(
            f"{V2}/logged-models/{model}/artifacts/credentials-for-upload", json={"paths": ["MLmodel"]}
        ).json()
        assert httpx.put(up["credentials"][0]["credential_info"]["signed_uri"], content=b"x").status_code == 200
        body = http.get(f"{V2}/logged-models/{model}/artifacts/directories").json()
        assert body["files"] == [{"path": "MLmodel", "is_dir": False, "file_size": 1}]


@pytest.mark.parametrize(
    "path",
    [
        "../x",
        "a/../../x",
        "/etc/passwd",
        "a/./../x",
        "..\\x",
        "a\\..\\b",
        "%2e%2e/x",
        "%252e%252e/x",
        "..%2fx",
        "//x",
        "a//../b",
        "\u2025/x",
        "x" * 2000,
    ],
)
def test_paths_that_lead_out_are_refused_everywhere(site: Site, mine: dict[str, str], path: str) -> None:
    run, model = mine["run"], mine["model"]
    with site.client(ALICE) as http:
        for answer in (
            http.get(f"{V2}/artifacts/list", params={"run_id": run, "path": path}),
            http.post(f"{V2}/artifacts/credentials-for-read", json={"run_id": run, "path": [path]}),
            http.post(f"{V2}/artifacts/credentials-for-write", json={"run_id": run, "path": ["ok", path]}),
            http.get(f"{V2}/logged-models/{model}/artifacts/directories", params={"artifact_directory_path": path}),
            http.post(f"{V2}/logged-models/{model}/artifacts/credentials-for-upload", json={"paths": [path]}),
            http.get("/ml/get-artifact", params={"run_id": run, "path": path}),
        ):
            assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    with pytest.raises(RegistryError):
        internal_place(f"/WorkspaceInternal/Mlflow/Artifacts/1/Runs/r/artifacts/{path}")
    with pytest.raises(RegistryError):
        proxied_place(f"1/r/artifacts/{path}")


def test_internal_paths_whose_ids_do_not_belong_together_name_nothing(site: Site, mine: dict[str, str]) -> None:
    root = "/api/2.0/fs/files/WorkspaceInternal/Mlflow/Artifacts"
    with site.client(ALICE) as http:
        other = http.post(f"{V2}/experiments/create", json={"name": uuid.uuid4().hex}).json()["experiment_id"]
        good = f"{root}/{mine['experiment']}/Runs/{mine['run']}/artifacts/a"
        assert http.put(good, content=b"1").status_code == 204
        for bad in (
            f"{root}/{other}/Runs/{mine['run']}/artifacts/a",
            f"{root}/{mine['experiment']}/Runs/{mine['model']}/artifacts/a",
            f"{root}/{mine['experiment']}/LoggedModels/{mine['run']}/artifacts/a",
            f"{root}/{mine['experiment']}/Runs/{mine['run']}/a",
        ):
            assert http.get(bad).status_code == http.put(bad, content=b"2").status_code == 404
    with site.client(BOB) as http:
        assert http.get(good).status_code == http.put(good, content=b"2").status_code == 404


def test_files_pass_at_the_address_of_plain_clients(site: Site, mine: dict[str, str]) -> None:
    """A stream can be sent once: nobody is led elsewhere with it."""
    root = f"/ajax-api/2.0/mlflow-artifacts/artifacts/{mine['experiment']}"
    with site.client(ALICE) as http:
        for place in (f"{root}/{mine['run']}/artifacts", f"{root}/models/{mine['model']}/artifacts"):
            put = http.put(f"{place}/d/a b.txt", content=iter([b"one ", b"two"]))
            assert (put.status_code, put.json()) == (200, {})
            assert http.get(f"{place}/d/a b.txt").content == b"one two"
            assert http.get(f"{place}/d/a b.txt", headers={"range": "bytes=4-"}).content == b"two"
            with site.client(BOB) as other:
                for answer in (
                    other.get(f"{place}/d/a b.txt"),
                    other.put(f"{place}/b", content=b"x"),
                    other.delete(f"{place}/d/a b.txt"),
                ):
                    assert answer.status_code == 404
            part = http.put(f"{place}/d/a b.txt", content=b"x", headers={"content-range": "bytes 0-0/5"})
            assert (part.status_code, part.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
            assert http.delete(f"{place}/d/a b.txt").status_code == 200
            assert http.get(f"{place}/d/a b.txt").status_code == 404
        assert http.put(f"{root}/{mine['run']}/artifacts/", content=b"x").status_code == 400


_IMAGE = "epoch%step%{}%timestamp%1796090773743%{}3b8e7c1-0c52.png"
NAMES_OF_RUNS = (
    *(_IMAGE.format(step, uuid_) for step, uuid_ in ((0, "c0"), (23, "5c"), (25, "2f"), (41, "ff"))),
    "w:0",
    "plan：b.txt",
    "back\\slash",
    "half%5cway",
    "x%00y",
    "C%23/part",
    "a%2fb",
    "%41",
    "100%",
    "q?x=1",
    "a#b",
    "é％％",
    "tab%09",
    "\u200fright",
)


def test_plain_mlflow_keeps_every_image_and_finds_it_by_what_it_is_listed(site: Site, mine: dict[str, str]) -> None:
    """Its client decodes each name of a list, gives up on the whole list for a `#`, and quotes nothing in a URL."""
    root, agent = f"{mine['experiment']}/{mine['run']}/artifacts", {"user-agent": "mlflow-python-client/3.10.0"}
    api = f"{site.url}/api/2.0/mlflow-artifacts/artifacts"
    with site.client(ALICE) as http, requests.Session() as plain:
        plain.headers.update({**agent, "authorization": http.headers["authorization"]})
        body = {"run_id": mine["run"], "path": [f"images/{name}" for name in NAMES_OF_RUNS]}
        write = http.post(f"{V2}/artifacts/credentials-for-write", json=body).json()["credential_infos"]
        for info in write:
            assert httpx.put(info["signed_uri"], content=info["path"].encode()).status_code == 200

        def walk(directory: str) -> dict[str, bytes]:
            result = dict[str, bytes]()
            for entry in plain.get(api, params={"path": f"{root}/{directory}"}).json()["files"]:
                path = f"{directory}/{validate_path_is_safe(entry['path'])}"
                result |= walk(path) if entry["is_dir"] else {path: plain.get(f"{api}/{root}/{path}").content}
            return result

        assert sorted(walk("images").values()) == sorted(f"images/{name}".encode() for name in NAMES_OF_RUNS)
        listed = http.get(f"{V2}/artifacts/list", params={"run_id": mine["run"], "path": "images"}).json()["files"]
        assert {entry["path"].split("/")[1] for entry in listed} == {name.split("/")[0] for name in NAMES_OF_RUNS}


@pytest.mark.parametrize("step", [*range(20, 50)])
def test_an_image_of_any_step_is_kept_by_the_client(step: int) -> None:
    name = listed(_IMAGE.format(step, "f3"))
    assert validate_path_is_safe(name) == name and meant(name) == _IMAGE.format(step, "f3")


def test_plain_paths_mean_what_they_mean_to_mlflow_s_own_server(site: Site, mine: dict[str, str]) -> None:
    root, run = f"/api/2.0/mlflow-artifacts/artifacts/{mine['experiment']}/{mine['run']}/artifacts", mine["run"]
    first, inside = [{"path": "d", "is_dir": True}], {"path": "d/b.txt", "is_dir": False, "file_size": 1}
    with site.client(ALICE) as http:
        assert http.put(f"{root}/d//b.txt", content=b"1").status_code == 200
        for path, files in (
            (".", first),
            ("./", first),
            ("", first),
            ("d/.", [inside]),
            ("./d", [inside]),
            ("d//b.txt", [inside]),
        ):
            listed = http.get(f"{V2}/artifacts/list", params={"run_id": run, "path": path}).json()
            assert listed["files"] == files, path
        proxied = {"path": f"{mine['experiment']}/{run}/artifacts/d//."}
        listed = http.get("/api/2.0/mlflow-artifacts/artifacts", params=proxied).json()
        assert listed["files"] == [{**inside, "path": "b.txt"}]
        for path in ("d/b.txt", "d//b.txt", "%2e/d/b.txt", "d/%2e/b.txt"):
            assert http.get(f"{root}/{path}").content == b"1", path
        for path in ("./d/b.txt", "d/./b.txt", "d//b.txt"):
            read = http.post(f"{V2}/artifacts/credentials-for-read", json={"run_id": run, "path": [path]}).json()
            assert read["credential_infos"][0]["path"] == path
            assert httpx.get(read["credential_infos"][0]["signed_uri"]).content == b"1"
            assert http.get("/ml/get-artifact", params={"run_id": run, "path": path}).status_code == 307
        for path in ("%2e%2e/x", "d/%2e%2e/%2e%2e/x", "/x"):
            assert http.get(f"{root}/{path}").status_code == 400, path


@pytest.mark.parametrize("agent", ["mlflow-python-client/3.17.2", "databricks-sdk-py/0.156.0", "curl/8"])
def test_the_root_of_a_listing_is_the_artifact_uri(site: Site, mine: dict[str, str], agent: str) -> None:
    with site.client(ALICE) as http:
        headers = {"user-agent": agent}
        for prefix in (V2, "/ajax-api/2.0/mlflow"):
            run = http.get(f"{prefix}/runs/get", params={"run_id": mine["run"]}, headers=headers).json()["run"]
            for path in ("", "absent"):
                listed = http.get(
                    f"{prefix}/artifacts/list", params={"run_id": mine["run"], "path": path}, headers=headers
                )
                assert listed.json()["root_uri"] == run["info"]["artifact_uri"]


@pytest.mark.parametrize(
    ("local", "name"),
    [
        ("/tmp/x/big.bin", "big.bin"),
        ("C:\\x\\big.bin", "big.bin"),
        ("c:/x/y.bin", "y.bin"),
        ("\\\\host\\share\\z.bin", "z.bin"),
        ("out/back\\slash.bin", "back\\slash.bin"),
        ("back\\slash.bin", "back\\slash.bin"),
        ("w:0", "w:0"),
    ],
)
def test_an_upload_in_parts_has_the_name_of_the_client_s_file(
    site: Site, mine: dict[str, str], local: str, name: str
) -> None:
    place = f"{mine['experiment']}/{mine['run']}/artifacts/d"
    with site.client(ALICE) as http:
        upload = http.post(f"/api/2.0/mlflow-artifacts/mpu/create/{place}", json={"path": local, "num_parts": 1}).json()
        (part,) = upload["credentials"]
        etag = httpx.put(part["url"], content=b"1").headers["etag"]
        parts = [{"part_number": 1, "etag": etag}]
        body = {"path": local, "upload_id": upload["upload_id"], "parts": parts}
        assert http.post(f"/api/2.0/mlflow-artifacts/mpu/complete/{place}", json=body).status_code == 200
        listed = http.get(f"{V2}/artifacts/list", params={"run_id": mine["run"], "path": "d"}).json()
        assert [entry["path"] for entry in listed["files"]] == [f"d/{name}"]


def test_the_ui_and_its_links(site: Site, mine: dict[str, str]) -> None:
    with site.client(ALICE) as http:
        page = http.get("/ml/")
        assert page.status_code == 200 and '<div id="root"' in page.text
        assert "default-src 'none'" in page.headers["content-security-policy"]
        script = page.text.split('src="')[1].split('"')[0]
        assert script.startswith("static-files/")
        assert (
            http.get(f"/ml/{script}").headers["content-type"].startswith(("text/javascript", "application/javascript"))
        )
        link = http.get(f"/ml/experiments/{mine['experiment']}/runs/{mine['run']}")
        assert (link.status_code, link.headers["location"]) == (
            302,
            f"/ml/#/experiments/{mine['experiment']}/runs/{mine['run']}",
        )
        for path in (
            "/ml/static-files/../index.html",
            "/ml/static-files/%2e%2e/index.html",
            "/ml/static-files/",
            "/ml/x",
            "/ml/static-files/..%2f..%2f..%2f__init__.py",
            "/ml/experiments/1/runs/a%0d%0ab",
        ):
            assert http.get(path).status_code == 404, path
        place = f"/WorkspaceInternal/Mlflow/Artifacts/{mine['experiment']}/Runs/{mine['run']}/artifacts/a.html"
        assert http.put(f"/api/2.0/fs/files{place}", content=b"<b>").status_code == 204
        file = http.get("/ml/get-artifact", params={"run_uuid": mine["run"], "path": "a.html"})
        assert file.status_code == 307 and file.headers["location"].startswith(site.url)
        page = httpx.get(file.headers["location"])
        assert page.content == b"<b>" and page.headers["content-disposition"].startswith("attachment")
        assert http.get("/ml/ajax-api/2.0/mlflow/artifacts/list", params={"run_uuid": mine["run"]}).json()["files"]
        assert http.get("/ml/ajax-api/3.0/mlflow/ui-telemetry").json()["disable_ui_telemetry"] is True
        assert http.get("/ml/ajax-api/3.0/mlflow/server-info").json()["workspaces_enabled"] is False
        assert http.get("/ml/ajax-api/2.0/mlflow/model-versions/search").json() == {
            "model_versions": [],
            "next_page_token": "",
        }
    with site.client(BOB) as http:
        assert http.get("/ml/get-artifact", params={"run_uuid": mine["run"], "path": "a.html"}).status_code == 404


@pytest.mark.parametrize(
    ("agent", "plain"),
    [
        ("mlflow-python-client/3.17.2", True),
        ("mlflow-python-client/2.15.0", True),
        ("mlflow-python-client/2.14.3", False),
        ("mlflow-python-client/1.30", False),
        ("unknown/0.0.0 databricks-sdk-py/0.156.0 python/3.11", False),
        ("", False),
        ("curl/8 mlflow-python-client/3.1", False),
    ],
)
def test_who_is_a_plain_client(agent: str, plain: bool) -> None:
    assert is_plain(agent) is plain


PLAIN = """
import mlflow, os
mlflow.set_tracking_uri(os.environ["URL"])
experiment = mlflow.set_experiment("/Users/alice@x.io/plain")
assert experiment.artifact_location == f"mlflow-artifacts:/{experiment.experiment_id}", experiment
with mlflow.start_run() as run:
    mlflow.log_text("hello", "deep/a.txt")
    mlflow.log_metric("m", 1)
    model = mlflow.pyfunc.log_model(name="m", python_model=lambda model_input: model_input, pip_requirements=[])
assert run.info.artifact_uri == f"mlflow-artifacts:/{experiment.experiment_id}/{run.info.run_id}/artifacts"
client = mlflow.MlflowClient()
assert [f.path for f in client.list_artifacts(run.info.run_id, "deep")] == ["deep/a.txt"]
assert mlflow.artifacts.load_text(run.info.artifact_uri + "/deep/a.txt") == "hello"
assert mlflow.get_logged_model(model.model_id).artifact_location.startswith("mlflow-artifacts:/")
assert mlflow.pyfunc.load_model(model.model_uri).predict(["x"]) == ["x"]
with mlflow.start_span("s") as span:
    span.set_outputs(7)
mlflow.flush_trace_async_logging()
(trace,) = mlflow.search_traces(locations=[experiment.experiment_id], return_type="list")
assert trace.data.spans[0].outputs == 7
print("PLAIN OK")
"""


@pytest.mark.clients
def test_a_plain_http_client_logs_and_loads(site: Site, tmp_path: Path) -> None:
    env = {
        "URL": site.url,
        "MLFLOW_TRACKING_TOKEN": site.tokens[ALICE],
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    done = subprocess.run(
        [sys.executable, "-c", PLAIN], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=200, check=False
    )
    assert "PLAIN OK" in done.stdout, done.stderr[-3000:]
