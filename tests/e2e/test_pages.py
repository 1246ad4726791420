"""In a real browser: signing in, the link that a client prints after a run, and the page that describes the API."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from live import Server, run_client
from playwright.sync_api import Browser, Page, expect

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
pytestmark = pytest.mark.skipif(not Path(CHROMIUM).exists(), reason=f"no browser at {CHROMIUM}: set CHROMIUM")
# Without the last five, Chromium calls home; without a sandbox it also runs as root, as in containers.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
RUN = """
import mlflow
with mlflow.start_run() as run:
    mlflow.log_param("depth", 7)
    mlflow.log_metric("accuracy", 0.93)
    mlflow.log_text("kept by us", "notes/hello.txt")
print("run", run.info.experiment_id, run.info.run_id)
"""


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    yield context.new_page()
    context.close()


def sign_in(page: Page, token: str) -> None:
    page.get_by_label("Access token").fill(token)
    page.get_by_role("button", name="Sign in").click()


def test_the_printed_link_opens_the_run(server: Server, page: Page) -> None:
    said = run_client(server, RUN)
    match = re.search(r"run (\d+) (\w+)", said.stdout)
    assert match, said.stderr
    experiment, run = match.groups()
    assert f"{server.host}/ml/experiments/{experiment}/runs/{run}" in said.stdout + said.stderr, (
        "the client prints another link"
    )
    page.goto(f"{server.host}/ml/experiments/{experiment}/runs/{run}")
    sign_in(page, "mk_nobody")
    expect(page.get_by_role("alert")).to_have_text("The access token is not known here.")
    sign_in(page, server.admin_token)
    expect(page.get_by_text("accuracy").first).to_be_visible(timeout=30_000)
    assert run in page.url
    page.get_by_role("tab", name="Artifacts").click()
    page.get_by_text("notes").first.click()
    page.get_by_text("hello.txt").first.click()
    expect(page.get_by_text("kept by us")).to_be_visible(timeout=30_000)


def test_the_session_cookie_is_out_of_reach_of_scripts(server: Server, page: Page) -> None:
    page.goto(f"{server.host}/login")
    sign_in(page, server.admin_token)
    page.wait_for_url(f"{server.host}/explore")
    cookie = next(c for c in page.context.cookies() if c["name"] == "modelkeep_session")
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Lax"
    assert page.evaluate("document.cookie") == ""


def test_the_api_is_described_without_a_sign_in_or_another_server(server: Server, page: Page) -> None:
    fresh = page.context.browser.new_context(viewport={"width": 1440, "height": 900}).new_page()  # type: ignore[union-attr]
    said: list[str] = []
    urls: list[str] = []
    fresh.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    fresh.on("pageerror", lambda error: said.append(str(error)))
    fresh.on("request", lambda request: urls.append(request.url))
    fresh.goto(f"{server.host}/docs")
    expect(fresh.get_by_role("heading", name=re.compile(r"^Modelkeep \d"))).to_be_visible(timeout=30_000)
    fresh.locator("h3.opblock-tag", has_text="MLflow databricks-uc").click()
    fresh.locator(
        "#operations-MLflow_databricks-uc-mlflow_uc_post_registered_models_create .opblock-summary-control"
    ).click()
    expect(fresh.get_by_text("Needs: CREATE MODEL").first).to_be_visible()
    if folder := os.environ.get("SCREENSHOTS"):
        fresh.screenshot(path=f"{folder}/docs.png")
    assert said == []
    assert {url.partition("/docs")[0].partition("/openapi.json")[0] for url in urls if not url.startswith("data:")} == {
        server.host
    }
    fresh.context.close()
