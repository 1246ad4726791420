"""Fixtures: a fresh deployment on SQLite and on PostgreSQL. A test module asks for them with `pytest_plugins = ("backends", "places")`."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from world import World, drop, new_place, world

from modelkeep.settings import Settings


@pytest.fixture(params=["sqlite", "postgresql"])
def dialect(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
async def place(dialect: str, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Settings]:
    """A fresh deployment on each of the databases (needs the plugin `backends`)."""
    server = request.getfixturevalue("postgres") if dialect == "postgresql" else None
    result = await new_place(tmp_path, server)
    yield result
    drop(result, server)


@pytest.fixture
async def w(place: Settings) -> AsyncIterator[World]:
    """A fresh deployment, opened, on each of the databases."""
    async with world(place) as opened_world:
        yield opened_world


@pytest.fixture
async def lite(tmp_path: Path) -> AsyncIterator[World]:
    """A fresh deployment on SQLite."""
    async with world(await new_place(tmp_path)) as opened_world:
        yield opened_world
