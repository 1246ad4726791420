"""The README's tour and the quick start: a reader who copies each block, in their order, gets to the end."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from connect import BLOCK, GUIDES, run_text, sections
from live import Server, running_server

pytestmark = pytest.mark.clients
README = Path(__file__).parents[2] / "README.md"
PROGRAMS = Path(sys.executable).parent


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("tours")) as server:
        yield server


def here(server: Server) -> dict[str, str]:
    """`make up` and its reader share a folder: the data directory is the default there."""
    return {"MODELKEEP_DATA_DIR": str(server.data_dir)}


def test_the_tour(server: Server) -> None:
    tour = sections(README)["A tour of five minutes"]
    output = run_text(server, tour, PROGRAMS, here(server), leave_out='eval "\\$\\(make -s env\\)"|export PATH=')
    assert "alice may NOT delete_model" in output
    assert re.search(r"sealed \d+ .* head [0-9a-f]{64}", output) and "BROKEN" not in output
    assert {"prod.ml_team.iris_model", "prod.ml_team.iris_release"} <= set(server.cli("models", "list").split())


def test_the_quick_start(server: Server) -> None:
    text = (GUIDES / "quickstart.md").read_text()
    if "prod" in server.cli("catalogs", "list"):
        server.cli("catalogs", "delete", "prod", "--force")
        server.cli("users", "delete", "alice")
    output = run_text(server, text, PROGRAMS, here(server))
    assert "alice may get_model" in output and "BROKEN" not in output


def test_every_block_is_run() -> None:
    """A block in another language than these would be skipped in silence."""
    for page in (README, GUIDES / "quickstart.md"):
        assert {language for language, _ in BLOCK.findall(page.read_text())} <= {"sh", "python", "text"}
