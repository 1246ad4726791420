"""Plain MLflow REST through MLflow's own client: an address and a token, no Databricks, no Unity Catalog."""

import tempfile
import uuid
from pathlib import Path

import pytest
from live import Server, allow, run_client, run_script, succeeded

PLAIN = Path(__file__).parent / "plain"
pytestmark = pytest.mark.clients


def plain(server: Server, token: str | None = None) -> dict[str, str]:
    """What such a client is told; an empty registry address is MLflow's own default."""
    return {
        "MLFLOW_TRACKING_URI": server.host,
        "MLFLOW_REGISTRY_URI": server.host,
        "MLFLOW_TRACKING_TOKEN": token or server.admin_token,
    }


def test_registry(server: Server) -> None:
    assert "done" in succeeded(run_script(server, PLAIN / "registry.py", uuid.uuid4().hex[:6], settings=plain(server)))


def test_a_token_as_the_password_of_a_user(server: Server) -> None:
    """MLFLOW_TRACKING_USERNAME and _PASSWORD, as for MLflow's own server with sign-in."""
    settings = {name: value for name, value in plain(server).items() if name != "MLFLOW_TRACKING_TOKEN"}
    settings |= {"MLFLOW_TRACKING_USERNAME": "token", "MLFLOW_TRACKING_PASSWORD": server.admin_token}
    code = """
import mlflow
with mlflow.start_run() as run:
    mlflow.log_metric("m", 1.0)
    mlflow.log_text("x", "a.txt")
print(mlflow.get_run(run.info.run_id).data.metrics, mlflow.search_registered_models(max_results=1) is not None)
"""
    assert "{'m': 1.0} True" in run_code(server, code, settings)


def run_code(server: Server, code: str, settings: dict[str, str]) -> str:
    """What the script printed, and MLflow said of it."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "client.py"
        script.write_text(code)
        done = run_script(server, script, settings=settings)
    succeeded(done)
    return done.stdout + done.stderr


BIG = """
import os, sys, tempfile
import mlflow
os.environ["MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE"] = os.environ["MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE"] = str(5 << 20)
data = os.urandom(12 << 20)
with tempfile.NamedTemporaryFile(suffix=".bin") as file, mlflow.start_run() as run:
    file.write(data); file.flush()
    mlflow.log_artifact(file.name, "weights")
name = "weights/" + os.path.basename(file.name)
with open(mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path=name), "rb") as got:
    assert got.read() == data
print("whole")
"""


def test_a_large_file_goes_up_in_parts(server: Server) -> None:
    assert "whole" in run_code(server, BIG, plain(server))
    assert "mpu/complete" in server.log.read_text()


def test_what_a_plain_client_registers_a_databricks_client_uses_under_the_same_grants(server: Server) -> None:
    suffix = uuid.uuid4().hex[:6]
    code = f"""
import mlflow
mlflow.pyfunc.log_model(name="m", python_model=lambda model_input: model_input, pip_requirements=[], registered_model_name="Lent {suffix}")
"""
    done = run_code(server, code, plain(server))
    assert f"Created version '1' of model 'Lent {suffix}'" in done
    name = f"main.default.lent {suffix}"
    load = f"import mlflow; mlflow.pyfunc.load_model('models:/{name}/1'); print('loaded')"
    assert "loaded" in succeeded(run_client(server, load))
    user = f"reader-{suffix}"
    token = server.user(user)["DATABRICKS_TOKEN"]
    denied = run_client(server, load, token=token)
    assert "PERMISSION_DENIED" in denied.stderr
    allow(server, user, "catalog", "main", "USE_CATALOG", "USE_SCHEMA")
    allow(server, user, "function", name, "EXECUTE")
    assert "loaded" in run_code(server, load.replace("main.default.", ""), plain(server, token))
