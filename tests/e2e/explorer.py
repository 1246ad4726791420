"""What the tests of Catalog Explorer share: a browser that tells all its complaints, and a world of real models."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from e2e.test_pages import CHROMIUM, FLAGS
from e2e.test_pages import pytestmark as needs_a_browser
from live import Server, run_client, succeeded
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from modelkeep.api.docs import web_ui

needs_the_pages = [
    needs_a_browser,
    pytest.mark.skipif(web_ui.build() is None, reason="the web UI is not built: `make ui`"),
]
expect.set_options(timeout=20_000)  # as long as for actions: other tests may run beside these
V1, UC = "/api/modelkeep/v1", "/api/2.1/unity-catalog"
MAKE = """
import json, sys
import mlflow, pandas as pd
from mlflow import MlflowClient
from mlflow.models import infer_signature
catalog = sys.argv[1]
name = f"{catalog}.ml_team.churn"
signature = infer_signature(pd.DataFrame({"age": [1.0], "plan": ["a"]}), [0.5], {"threshold": 0.5})
mlflow.set_experiment(f"/{catalog}")
facts = {"name": name, "runs": []}
for depth in (3, 5, 7):
    with mlflow.start_run(run_name=f"depth {depth}") as run:
        mlflow.log_params({"depth": depth, "kind": "tree"})
        mlflow.log_metric("accuracy", 0.9 + depth / 100)
        mlflow.log_input(mlflow.data.from_pandas(pd.DataFrame({"age": [1.0]}), source="x.csv"), "training")
        mlflow.pyfunc.log_model(name="model", python_model=lambda model_input: model_input, signature=signature, pip_requirements=["numpy"],
                                registered_model_name=name if depth < 7 else None)
    facts["runs"].append([run.info.experiment_id, run.info.run_id])
client = MlflowClient()
client.set_registered_model_alias(name, "Champion", 1)
client.set_model_version_tag(name, "1", "validation_status", "approved")
print("facts", json.dumps(facts))
"""


@dataclass
class World:
    """A catalog with `ml_team.churn`: two READY versions, @Champion on the first; a third run is not registered."""

    server: Server
    catalog: str
    model: str
    runs: list[list[str]]
    """(experiment, run) of each version, and of the run that is none yet"""
    users: list[str] = field(default_factory=list[str])

    @property
    def page(self) -> str:
        return f"/explore/data/models/{self.model.replace('.', '/')}"


def make_world(server: Server, catalog: str) -> World:
    output = succeeded(run_client(server, MAKE, catalog)).rpartition("facts ")[2]
    facts = json.loads(output.splitlines()[0])
    world = World(server, catalog, facts["name"], facts["runs"], [f"ann@{catalog}.io", f"team of {catalog}"])
    server.cli("users", "create", world.users[0])
    server.cli("groups", "create", world.users[1])
    return world


class Complaints(list[str]):
    """What the browser's console, and the policy of our pages, had to complain of. MLflow's own pages are not ours."""

    def hear(self, page: Page) -> None:
        page.on("console", self._say)
        page.on("pageerror", lambda error: self.append(str(error)))

    def _say(self, message: ConsoleMessage) -> None:
        # A refusal is told by the page itself; the browser also writes its status to the console.
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            self.append(message.text)


@contextmanager
def browsing() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


def open_page(browser: Browser, server: Server, *, token: str = "", width: int = 1440, dark: bool = False) -> Page:
    """A page of a new session, signed in unless `token` is '-'."""
    scheme = "dark" if dark else "light"
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, base_url=server.host, accept_downloads=True
    )
    if token != "-":
        form = {"token": token or server.admin_token, "next": "/"}
        answer = context.request.post("/login", form=form, headers={"origin": server.host}, max_redirects=0)
        assert answer.status == 303, answer.text()
    page = context.new_page()
    page.set_default_timeout(20_000)
    return page


def picture(page: Page, name: str) -> None:
    """Kept where SCREENSHOTS names a folder: for people to look at."""
    if folder := os.environ.get("SCREENSHOTS"):
        page.wait_for_timeout(300)
        page.screenshot(path=f"{folder}/{name}.png")
