"""The page about adding an operation: its edits are made on a copy of the source, which then runs."""

import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from live import admin_exports, free_port, wait_until_healthy

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "dev" / "adding-an-operation.md"
V1 = "/api/modelkeep/v1"


class Edit(NamedTuple):
    """`text` goes into the file, before the only line that begins with the anchor."""

    file: str
    anchor: str
    text: str


EDITS = [
    Edit(*match)
    for match in re.findall(
        r"In `([^`]+)`, before `([^`]+)`:\n\n```(?:python|text)\n(.*?)```", PAGE.read_text(), re.DOTALL
    )
]


def edited(text: str, edit: Edit) -> str:
    lines = text.splitlines(keepends=True)
    places = [number for number, line in enumerate(lines) if line.strip().startswith(edit.anchor)]
    assert len(places) == 1, f"{edit.anchor!r} begins {len(places)} lines of {edit.file}"
    margin = lines[places[0]][: -len(lines[places[0]].lstrip())]
    text = textwrap.indent(textwrap.dedent(edit.text), margin)
    return "".join([*lines[: places[0]], text, *lines[places[0] :]])


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source with the page's edits."""
    folder = tmp_path_factory.mktemp("copy")
    left_out = shutil.ignore_patterns("__pycache__", "web")
    shutil.copytree(ROOT / "src" / "modelkeep", folder / "src" / "modelkeep", ignore=left_out)
    (folder / "tests" / "authz").mkdir(parents=True)
    shutil.copy(ROOT / "tests" / "authz" / "rows.py", folder / "tests" / "authz")
    for edit in EDITS:
        file = folder / edit.file
        file.write_text(edited(file.read_text(), edit))
    return folder


def test_the_page_has_its_four_edits(copy: Path) -> None:
    assert len({edit.file for edit in EDITS}) == 4
    compile((copy / "tests" / "authz" / "rows.py").read_text(), "rows.py", "exec")


def test_the_edits_make_an_operation_that_is_decided_audited_and_described(copy: Path, tmp_path: Path) -> None:
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MODELKEEP_")} | {
        "PYTHONPATH": str(copy / "src"),
        "MODELKEEP_DATA_DIR": str(tmp_path / "data"),
        "MODELKEEP_PORT": str(port),
        "MODELKEEP_WORKSPACE": "0",
    }
    command = [sys.executable, "-m", "modelkeep"]
    subprocess.run([*command, "migrate"], env=environment, check=True, capture_output=True, timeout=120)
    secret = admin_exports(environment)["DATABRICKS_TOKEN"]
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen([*command, "serve"], env=environment, stdout=log, stderr=log)
    try:
        wait_until_healthy(f"http://127.0.0.1:{port}", server, tmp_path / "log")
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as http:
            _use(http, {"Authorization": f"Bearer {secret}"})
    finally:
        server.terminate()
        server.wait(60)


def _use(http: httpx.Client, admin: dict[str, str]) -> None:
    def ok(method: str, path: str, body: Any = None) -> Any:
        answer = http.request(method, path, json=body, headers=admin)
        assert answer.status_code == 200, answer.text
        return answer.json()

    registry = "/api/2.0/mlflow/unity-catalog"
    ok("POST", f"{registry}/registered-models/create", {"name": "main.default.counted"})
    for _ in range(3):
        ok("POST", f"{registry}/model-versions/create", {"name": "main.default.counted", "source": "s"})
    path = f"{V1}/models/main.default.counted/version-count"
    assert ok("GET", path) == {"versions": 3}
    ok("POST", f"{V1}/users", {"name": "ann"})
    token = ok("POST", f"{V1}/tokens", {"principal": "ann"})["token_value"]
    ann = {"Authorization": f"Bearer {token}"}
    refused = http.get(path, headers=ann)
    assert (refused.status_code, refused.json()["error_code"]) == (403, "PERMISSION_DENIED")
    rights = {"changes": [{"principal": "ann", "add": ["USE_CATALOG", "USE_SCHEMA", "EXECUTE"]}]}
    ok("PATCH", "/api/2.1/unity-catalog/permissions/catalog/main", rights)
    assert http.get(path, headers=ann).json() == {"versions": 3}
    events = ok("GET", f"{V1}/audit?event=version.count&outcome=refused")["events"]
    assert [(event["actor"], event["outcome"]) for event in events] == [("ann", "PERMISSION_DENIED")]
    assert path.replace("main.default.counted", "{full_name}") in http.get("/openapi.json").json()["paths"]
    explained = ok(
        "GET",
        f"{V1}/explain?securable_type=function&full_name=main.default.counted&operation=count_versions&principal=ann",
    )
    assert explained["allowed"] is True
