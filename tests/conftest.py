"""Fixtures that every suite shares: the real server of this test process, and its log beside each failure."""

import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import guard
import hypothesis
import pytest
from live import Server, new_catalog, running_server, tail

# How long an example takes says nothing on a busy machine. The same examples in every run: a failure is about the change that
# is tested. `MODELKEEP_NEW_EXAMPLES=1` looks for new ones.
hypothesis.settings.register_profile(
    "modelkeep", deadline=None, derandomize=not os.environ.get("MODELKEEP_NEW_EXAMPLES")
)
hypothesis.settings.load_profile("modelkeep")

guard.install()


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `server` shares with its clients."""
    return tmp_path_factory.mktemp("shared")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, shared_folder: Path) -> Iterator[Server]:
    """One `modelkeep serve`, with its workspace, for each test process: tests keep apart by catalogs of their own."""
    settings = {"MODELKEEP_SHARED_FOLDER": str(shared_folder), "MODELKEEP_AUDITORS": "auditors"}
    with running_server(tmp_path_factory.mktemp("server"), **settings) as running:
        yield running


@pytest.fixture
def catalog(server: Server) -> str:
    """The name of a new catalog with the schema `ml_team`."""
    return new_catalog(server)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    report = yield
    running = getattr(item, "funcargs", {}).get("server")
    if report.failed and isinstance(running, Server):
        report.sections.append(("the server's log", tail(running.log)))
    return report
