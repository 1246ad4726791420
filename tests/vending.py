"""A server that vends the temporary credentials of a real store. A test module asks for it with `pytest_plugins`."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from backends import fronted
from live import Server, running_server

if TYPE_CHECKING:
    from backends import Seaweed


@dataclass(frozen=True)
class OnStore:
    """The server, and the settings with which MLflow's clients find the store."""

    server: Server
    settings: dict[str, str]


@pytest.fixture(scope="session")
def on_store(seaweedfs: "Seaweed", tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnStore]:
    settings = {
        "MODELKEEP_STORAGE_URL": f"s3://{seaweedfs.bucket}/clients",
        "MODELKEEP_S3_ENDPOINT": seaweedfs.endpoint,
    }
    settings |= {"MODELKEEP_S3_ROLE_ARN": seaweedfs.role, **seaweedfs.env()}
    with fronted(seaweedfs) as address, running_server(tmp_path_factory.mktemp("on-store"), **settings) as server:
        yield OnStore(server, {"MLFLOW_S3_ENDPOINT_URL": address, "AWS_DEFAULT_REGION": "us-east-1"})
