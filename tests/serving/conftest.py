"""A server with models to serve, registered once for each test process, and short ways to manage endpoints."""

import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from live import Server, new_catalog, run_script, running_server, succeeded

MODELS = Path(__file__).with_name("models.py")
READY_S = 120


class Serving:
    """A server, the catalog of its models, and calls of the serving API as the admin or another principal."""

    def __init__(self, server: Server, catalog: str) -> None:
        self.server = server
        self.catalog = catalog
        self.http = httpx.Client(base_url=server.host, timeout=60)

    def model(self, name: str) -> str:
        return f"{self.catalog}.ml_team.{name}"

    def call(self, method: str, path: str, body: Any = None, token: str = "", **named: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {token or self.server.admin_token}"}
        content = {} if body is None else {"json": body}
        return self.http.request(method, path, headers=headers, **content, **named)

    def api(self, method: str, path: str, body: Any = None, token: str = "") -> httpx.Response:
        return self.call(method, f"/api/2.0/serving-endpoints{path}", body, token)

    def begin(self, model: str, version: str = "1", token: str = "", **entity: Any) -> str:
        """A new endpoint's name, which is being created."""
        name = f"e-{uuid.uuid4().hex[:8]}"
        served = {"entity_name": self.model(model), "entity_version": version, **entity}
        answer = self.api("POST", "", {"name": name, "config": {"served_entities": [served]}}, token)
        assert answer.status_code == 200, answer.text
        return name

    def get(self, name: str) -> dict[str, Any]:
        answer = self.api("GET", f"/{name}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def until(self, name: str, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The endpoint, once it is so."""
        deadline = time.monotonic() + READY_S
        while not condition(endpoint := self.get(name)):
            assert time.monotonic() < deadline, endpoint
            time.sleep(0.1)
        return endpoint

    def settled(self, name: str) -> dict[str, Any]:
        return self.until(name, lambda endpoint: endpoint["state"]["config_update"] != "IN_PROGRESS")

    def create(self, model: str, version: str = "1", token: str = "", **entity: Any) -> str:
        """A new endpoint's name, which is ready."""
        name = self.begin(model, version, token, **entity)
        state = self.settled(name)["state"]
        assert state == {"ready": "READY", "config_update": "NOT_UPDATING"}, self.get(name)
        return name

    def query(self, name: str, body: Any, token: str = "", **named: Any) -> httpx.Response:
        return self.call("POST", f"/serving-endpoints/{name}/invocations", body, token, **named)

    def word(self, name: str, word: str, token: str = "", **fields: Any) -> httpx.Response:
        return self.query(name, {"dataframe_records": [{"word": word}], **fields}, token)


@pytest.fixture(scope="session")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with running_server(tmp_path_factory.mktemp("serving"), "--no-workspace") as server:
        catalog = new_catalog(server)
        succeeded(run_script(server, MODELS, catalog))
        yield Serving(server, catalog)


@pytest.fixture(scope="session")
def words(serving: Serving) -> str:
    """The name of an endpoint that serves the model `words`."""
    return serving.create("words", environment_vars={"GREETING": "hello"})
