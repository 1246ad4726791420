"""A browser for each module, and one world of real models for all tests of the pages."""

from collections.abc import Iterator

import pytest
from e2e.explorer import Complaints, World, browsing, make_world, open_page
from live import Server, new_catalog
from playwright.sync_api import Browser, Page


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Ends with each module: while it runs, nothing else in this process can start an event loop."""
    with browsing() as running:
        yield running


@pytest.fixture(scope="session")
def world(server: Server) -> World:
    return make_world(server, new_catalog(server))


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    """Signed in as the admin; whatever the console complains of fails the test."""
    complaints = Complaints()
    opened = open_page(browser, server)
    complaints.hear(opened)
    yield opened
    opened.context.close()
    assert complaints == []
