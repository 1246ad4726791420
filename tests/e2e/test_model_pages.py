"""In a real browser: MLflow's own pages register a run's model, and show it."""

import re
import uuid

import pytest
from e2e.test_pages import page, sign_in
from live import Server, run_client, succeeded
from playwright.sync_api import Page, expect

__all__ = ["page"]
pytestmark = pytest.mark.usefixtures("page")
RUN = """
import mlflow
mlflow.pyfunc.save_model("m", python_model=lambda model_input: model_input, pip_requirements=[])
with mlflow.start_run() as run:
    mlflow.log_artifacts("m", "trained")
print("run", run.info.experiment_id, run.info.run_id)
"""


def test_the_register_button_of_a_run(server: Server, page: Page) -> None:
    match = re.search(r"run (\d+) (\w+)", succeeded(run_client(server, RUN)))
    assert match
    experiment, run = match.groups()
    name = f"From the page {uuid.uuid4().hex[:6]}"
    page.goto(f"{server.host}/login")
    sign_in(page, server.admin_token)
    page.wait_for_url(f"{server.host}/explore")
    page.goto(f"{server.host}/ml/#/experiments/{experiment}/runs/{run}/artifacts")
    page.get_by_text("trained").first.click(timeout=30_000)
    page.get_by_role("button", name="Register model").click(timeout=30_000)
    page.get_by_role("dialog").get_by_role("combobox").click()
    page.get_by_text("Create New Model", exact=True).click()
    page.get_by_placeholder("Input a model name").fill(name)
    page.get_by_role("button", name="Register", exact=True).click()
    expect(page.get_by_role("dialog")).to_be_hidden(timeout=30_000)
    page.goto(f"{server.host}/ml/#/models")
    expect(page.get_by_role("link", name=name)).to_be_visible(timeout=30_000)
    page.goto(f"{server.host}/ml/#/models/{name.replace(' ', '%20')}")
    expect(page.get_by_role("link", name="Version 1")).to_be_visible(timeout=30_000)
    page.goto(f"{server.host}/ml/#/models/{name.replace(' ', '%20')}/versions/1")
    expect(page.get_by_role("heading", name="Version 1")).to_be_visible(timeout=30_000)
    # A Unity Catalog client finds the same model, which the server has filled from the run's files.
    full = f"main.default.{name.lower()}"
    done = run_client(server, f"import mlflow; mlflow.pyfunc.load_model('models:/{full}/1'); print('loaded')")
    assert "loaded" in succeeded(done)
