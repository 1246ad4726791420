"""Exit codes: one for each thing that a script tells apart, from the program itself, and as the guide has them."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from modelkeep.cli import exits

STATUSES = {400: 1, 409: 10, 401: 8, 403: 8, 404: 9, 429: 7, 502: 7, 503: 7, 504: 7}


class Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status = int(self.path.rpartition("name=")[2])
        body = b'{"error_code": "X", "message": "why"}'
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def ran(tmp_path: Path, *command: str, **environment: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "modelkeep", *command],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "MODELKEEP_DATA_DIR": str(tmp_path / "data"), **environment},
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stderr


@pytest.mark.parametrize("status", STATUSES)
def test_a_refusal_of_the_server_has_a_code(host: str, tmp_path: Path, status: int) -> None:
    assert exits.of_status(status) == STATUSES[status]
    code, said = ran(tmp_path, "models", "get", str(status), DATABRICKS_HOST=host, DATABRICKS_TOKEN="x")
    assert code == STATUSES[status], said


@pytest.mark.parametrize(
    ("command", "environment", "code"),
    [
        (["nothing"], {}, exits.USAGE),
        (["serve", "--port", "x"], {}, exits.USAGE),
        (["serve"], {"MODELKEEP_PORT": "0"}, exits.SETTINGS),
        (["serve"], {"MODELKEEP_LOG_LEVEL": "verbose"}, exits.SETTINGS),
        (["serve"], {"MODELKEEP_STORAGE_URL": "gs://x"}, exits.SETTINGS),
        (["migrate"], {"MODELKEEP_NONE": "1"}, exits.SETTINGS),
        (["migrate"], {"MODELKEEP_DATABASE_URL_FILE": "/none"}, exits.SETTINGS),
        (["migrate"], {"MODELKEEP_DATA_DIR": "/dev/null/data"}, exits.FAILED),
        (["serve"], {"MODELKEEP_DATA_DIR": "/dev/null/data"}, exits.FAILED),
        (["models", "get", "a"], {}, exits.SETTINGS),
        (["models", "get", "a"], {"DATABRICKS_HOST": "http://127.0.0.1:9", "DATABRICKS_TOKEN": "x"}, exits.UNREACHABLE),
        (
            ["migrate"],
            {"MODELKEEP_DATABASE_URL": "postgresql://u:p@127.0.0.1:9/x?connect_timeout=2"},
            exits.UNAVAILABLE,
        ),
    ],
)
def test_a_failure_at_home_has_a_code_and_one_line(
    tmp_path: Path, command: list[str], environment: dict[str, str], code: int
) -> None:
    ended, said = ran(tmp_path, *command, **environment)
    assert ended == code, said
    assert code == exits.USAGE or len([line for line in said.splitlines() if not line.startswith("{")]) == 1, said
    assert "u:p" not in said


def test_the_guide_has_all_of_them() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "guides" / "operate.md").read_text()
    table = guide[guide.index("## Exit codes") :].partition("\n## ")[0]
    codes = {value for name, value in vars(exits).items() if name.isupper() and isinstance(value, int)}
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)} == codes
    assert len(codes) == 11
