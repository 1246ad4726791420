"""A browser for each module, and one world of real models for all tests of the pages."""

from collections.abc import Iterator

import pytest
from e2e.explorer import World, browsing, make_world
from live import Server, new_catalog
from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Ends with each module: while it runs, nothing else in this process can start an event loop."""
    with browsing() as running:
        yield running


@pytest.fixture(scope="session")
def world(server: Server) -> World:
    return make_world(server, new_catalog(server))
