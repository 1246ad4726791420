"""MLflow's `uc:` client moves files by itself: over a store, with its temporary credentials, and over a shared folder."""

import stat
from pathlib import Path

import pytest
from live import Server, new_catalog, run_script, succeeded
from vending import OnStore

HERE = Path(__file__).parent
pytest_plugins = ("backends", "vending")
pytestmark = pytest.mark.clients


def test_over_a_store(on_store: OnStore) -> None:
    script = HERE / "native" / "uc_files.py"
    catalog = new_catalog(on_store.server)
    succeeded(run_script(on_store.server, script, catalog, "s3:", settings=on_store.settings))


def test_the_newest_client_goes_on_with_urls(on_store: OnStore) -> None:
    """Without any setting for a store: it does not look at what the answer also holds."""
    succeeded(run_script(on_store.server, HERE / "native" / "urls.py", new_catalog(on_store.server)))


def test_over_a_shared_folder(server: Server, catalog: str, shared_folder: Path) -> None:
    """As a user whom file modes bind, root or not: what is read cannot be changed."""
    succeeded(run_script(server, HERE / "native" / "bound.py", str(HERE / "native" / "uc_files.py"), catalog, "file:"))
    for place in shared_folder.glob("read-*"):
        for path in (place, *place.rglob("*")):
            writable = path.stat().st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH)
            assert not writable or path.name == "registered_model_meta", path
