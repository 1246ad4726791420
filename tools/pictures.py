"""Takes the pictures of docs/images: starts a server, fills it as a small team would, and looks at it with Chromium.

    python tools/pictures.py [FOLDER]     all of them, in docs/images unless FOLDER says otherwise

Needs the web UI (`make ui`), the extra `workspace`, and a Chromium: CHROMIUM=/path/to/it. Look at each picture before you commit it.
"""

import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from live import Server, free_port, run_client, running_server, succeeded  # noqa: E402
from playwright.sync_api import Browser, Page, expect, sync_playwright  # noqa: E402

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
MODEL, PROD = "staging.ml_team.iris_model", "prod.ml_team.iris_model"
PAGE = f"/explore/data/models/{MODEL.replace('.', '/')}"
DESCRIPTION = """### Iris species
Predicts the species of an iris from four lengths.

- trained on *Fisher's* data
- not for other flowers

| metric | value |
| --- | --- |
| accuracy | 0.97 |
"""
TEAM = """
import sys
import mlflow
from mlflow import MlflowClient
from mlflow.models import infer_signature
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

model, description = sys.argv[1:]
frame = load_iris(as_frame=True)
client = MlflowClient()
mlflow.set_experiment("/iris")
for number, strength in enumerate((10.0, 0.1, 1.0), 1):
    with mlflow.start_run(run_name=f"C = {strength:g}"):
        fitted = LogisticRegression(C=strength, max_iter=300).fit(frame.data, frame.target)
        mlflow.log_params({"C": strength, "max_iter": 300, "solver": "lbfgs"})
        mlflow.log_metrics({"accuracy": fitted.score(frame.data, frame.target), "training_rows": len(frame.data)})
        mlflow.log_input(mlflow.data.from_pandas(frame.frame, source="iris.csv", name="iris"), context="training")
        mlflow.sklearn.log_model(
            fitted,
            name="model",
            signature=infer_signature(frame.data, fitted.predict(frame.data)),
            input_example=frame.data.head(2),
            registered_model_name=model,
        )
    client.set_model_version_tag(model, str(number), "validation_status", "approved" if number < 3 else "pending")
client.update_registered_model(model, description)
client.set_registered_model_tag(model, "task", "classification")
client.set_registered_model_tag(model, "team", "ds")
client.set_registered_model_alias(model, "champion", "2")
client.set_registered_model_alias(model, "challenger", "3")
"""


def fill(server: Server) -> None:
    """Catalogs, people, a model of three versions and its grants."""
    for name, comment in (
        ("dev", "Experiments"),
        ("staging", "Candidates, before they are promoted"),
        ("prod", "Models that production traffic may call"),
    ):
        server.cli("catalogs", "create", name, "--comment", comment)
        server.cli("schemas", "create", f"{name}.ml_team")
    for user in ("alice@example.com", "bob@example.com"):
        server.cli("users", "create", user)
    server.cli("groups", "create", "reviewers")
    succeeded(run_client(server, TEAM, MODEL, DESCRIPTION))
    server.cli("models", "copy", MODEL, "2", PROD)
    server.cli("grants", "add", "catalog", "staging", "reviewers", "USE_CATALOG", "USE_SCHEMA", "EXECUTE")
    server.cli("grants", "add", "function", MODEL, "alice@example.com", "EXECUTE")
    server.cli("grants", "add", "catalog", "prod", "bob@example.com", "BROWSE")


def open_page(browser: Browser, server: Server, token: str = "") -> Page:
    """A page of a new session that is signed in."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, base_url=server.host, color_scheme="light")
    form = {"token": token or server.admin_token, "next": "/"}
    answer = context.request.post("/login", form=form, headers={"origin": server.host}, max_redirects=0)
    assert answer.status == 303, answer.text()
    page = context.new_page()
    page.set_default_timeout(20_000)
    return page


class Camera:
    """Takes pictures of one server, in the order in which the pages lead to each other."""

    def __init__(self, browser: Browser, server: Server, folder: Path) -> None:
        self.browser, self.server, self.folder = browser, server, folder
        self.page = open_page(browser, server)

    def take(self, name: str, page: Page | None = None) -> None:
        page = page or self.page
        page.mouse.move(720, 2)
        page.wait_for_timeout(700)
        page.screenshot(path=self.folder / f"{name}.png")

    def model(self) -> None:
        self.page.goto(PAGE)
        self.page.get_by_role("button", name=re.compile("favourites")).first.click()
        expect(self.page.get_by_text("Ready", exact=True)).to_have_count(3)
        self.take("model")

    def compare(self) -> None:
        for version in (2, 3):
            self.page.get_by_role("checkbox", name=f"Compare version {version}").check()
        self.page.get_by_role("button", name="Compare", exact=True).click()
        expect(self.page.get_by_role("table", name="Parameters")).to_be_visible()
        self.take("compare")

    def version(self) -> None:
        self.page.goto(f"{PAGE}/version/2")
        expect(self.page.get_by_text("Ready", exact=True)).to_be_visible()
        self.take("version")

    def lineage(self) -> None:
        self.page.goto(f"{PAGE}/version/2?tab=lineage")
        expect(self.page.get_by_role("link", name="C = 0.1")).to_be_visible()
        self.take("lineage")

    def permissions(self) -> None:
        self.page.goto(f"{PAGE}?tab=permissions")
        expect(self.page.get_by_role("row", name=re.compile("reviewers EXECUTE"))).to_be_visible()
        self.take("permissions")

    def home(self) -> None:
        self.page.goto("/explore")
        expect(self.page.get_by_role("link", name=PROD)).to_be_visible()
        self.take("home")

    def register(self) -> None:
        self.page.goto("/explore/data/staging/ml_team")
        self.page.get_by_role("button", name="Register model").click()
        self.page.get_by_role("combobox", name="Experiment").fill("iris")
        self.page.get_by_role("option", name="/iris").click()
        self.page.get_by_role("combobox", name="Run", exact=True).click()
        self.page.get_by_role("option", name=re.compile("C = 1")).first.click()
        self.page.get_by_label("Destination model").fill(MODEL)
        self.page.get_by_label("Destination model").blur()
        self.take("register")

    def experiments(self) -> None:
        self.page.goto("/explore/experiments/1")
        frame = self.page.frame_locator("iframe[title='MLflow experiments and runs']")
        expect(frame.get_by_text("C = 10").first).to_be_visible(timeout=60_000)
        self.page.wait_for_timeout(2_000)
        self.take("experiments")

    def requests(self) -> None:
        token = self.server.cli("tokens", "create", "--principal", "bob@example.com").split()[-1]
        asker = open_page(self.browser, self.server, token)
        asker.goto(f"/explore/data/models/{PROD.replace('.', '/')}")
        asker.get_by_role("button", name="Request access").click()
        dialog = asker.get_by_role("dialog", name="Request access")
        dialog.get_by_role("textbox", name="What for?").fill("Nightly scoring of the greenhouse's data")
        self.take("request-access", asker)
        dialog.get_by_role("button", name="Request", exact=True).click()
        expect(dialog).to_be_hidden()
        self.page.goto("/explore")
        self.page.get_by_role("link", name=re.compile("^Access requests")).click()
        expect(self.page.get_by_role("row", name=re.compile("bob@example.com")).first).to_be_visible()
        self.take("requests")

    def bindings(self) -> None:
        self.server.cli("workspaces", "create", "analytics", f"127.0.0.1:{free_port()}")
        self.server.cli("catalogs", "isolate", "prod")
        self.server.cli("catalogs", "bind", "prod", "analytics", "--read-only")
        self.page.goto("/explore/data/prod?tab=workspaces")
        expect(self.page.get_by_role("row", name=re.compile("analytics"))).to_be_visible()
        self.take("bindings")

    def audit(self) -> None:
        self.page.goto("/explore/admin/audit")
        expect(self.page.get_by_text("workspace.create")).to_be_visible()
        self.take("audit")


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


def main(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as data, running_server(Path(data)) as server, chromium() as browser:
        fill(server)
        camera = Camera(browser, server, folder)
        steps: list[Callable[[], None]] = [
            camera.model,
            camera.compare,
            camera.version,
            camera.lineage,
            camera.permissions,
            camera.home,
            camera.register,
            camera.experiments,
            camera.requests,
            camera.bindings,
            camera.audit,
        ]
        for step in steps:
            step()
            sys.stdout.write(f"{step.__name__}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else ROOT / "docs" / "images")
