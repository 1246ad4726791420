"""One browser and one world of real models for all tests of the pages."""

from collections.abc import Iterator

import pytest
from e2e.explorer import World, browsing, make_world
from live import Server, new_catalog
from playwright.sync_api import Browser


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with browsing() as running:
        yield running


@pytest.fixture(scope="package")
def world(server: Server) -> World:
    return make_world(server, new_catalog(server))
