"""The stores that files are tested over."""

from collections.abc import Iterator

import pytest
from wire.filing import Shelf, prefix, running_shelf

pytest_plugins = ("backends",)


@pytest.fixture(scope="session")
def folder_shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    with running_shelf(tmp_path_factory.mktemp("folder")) as running:
        yield running


@pytest.fixture(scope="session")
def s3_shelf(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    store = request.getfixturevalue("seaweedfs")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in store.env().items():
            patch.setenv(name, value)
        url = f"s3://{store.bucket}/{prefix()}"
        with running_shelf(tmp_path_factory.mktemp("s3"), storage_url=url, s3_endpoint=store.endpoint) as running:
            yield running


@pytest.fixture(params=("folder", "s3"))
def shelf(request: pytest.FixtureRequest) -> Shelf:
    """A server over each kind of storage."""
    return request.getfixturevalue(f"{request.param}_shelf")
