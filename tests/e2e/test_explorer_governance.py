"""In a real browser: drafts of descriptions, requests for access, protected aliases, governed tags, workspaces."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from completions import Completions, completions
from e2e.explorer import Complaints, World, open_page, picture
from e2e.test_pages import pytestmark as needs_a_browser
from live import Server, running_server
from playwright.sync_api import Browser, Page, expect

from modelkeep.wire.console import pages

pytestmark = [needs_a_browser, pytest.mark.skipif(pages.build() is None, reason="the web UI is not built: `make ui`")]


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    """Signed in as the admin; whatever the console complains of fails the test."""
    complaints = Complaints()
    opened = open_page(browser, server)
    complaints.hear(opened)
    yield opened
    opened.context.close()
    assert complaints == []


# --- drafts of descriptions ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def scribe() -> Iterator[Completions]:
    with completions() as told:
        yield told


@pytest.fixture(scope="module")
def writing(tmp_path_factory: pytest.TempPathFactory, scribe: Completions) -> Iterator[Server]:
    """A server whose operator has named a language model."""
    folder: Path = tmp_path_factory.mktemp("writing")
    named = {"MODELKEEP_AI_URL": scribe.url, "MODELKEEP_AI_MODEL": "small-1"}
    with running_server(folder, "--no-workspace", **named) as running:
        running.cli("models", "create", "main.default.churn")
        yield running


def test_a_description_is_drafted_read_and_saved(browser: Browser, writing: Server, scribe: Completions) -> None:
    page = open_page(browser, writing)
    page.goto("/explore/data/models/main/default/churn")
    scribe.fail(500)
    page.get_by_role("button", name="AI generate").click()
    dialog = page.get_by_role("dialog", name="Add description")
    expect(dialog.get_by_role("alert")).to_contain_text("answers 500. Try again in a moment.")
    scribe.say("## Use\n\nPredicts who will **leave**.")
    dialog.get_by_role("button", name="Try again").click()
    expect(dialog.get_by_role("textbox", name="Description")).to_have_value("## Use\n\nPredicts who will **leave**.")
    picture(page, "draft")
    dialog.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("button", name="Add", exact=True)).to_be_visible()  # nothing was saved by itself
    page.get_by_role("button", name="AI generate").click()
    expect(dialog.get_by_role("region", name="Preview")).to_contain_text("Predicts who will leave.")
    dialog.get_by_role("textbox", name="Description").fill("Predicts who will leave **soon**.")
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Predicts who will leave soon.")).to_be_visible()
    page.context.close()


def test_where_nobody_writes_the_button_says_how_to_set_it(page: Page, world: World) -> None:
    page.goto(f"{world.page}/version/1")
    button = page.get_by_role("button", name="AI generate")
    expect(button).to_have_attribute("aria-disabled", "true")
    expect(button).to_have_accessible_description(re.compile("MODELKEEP_AI_URL"))


# --- requests for access ---------------------------------------------------------------------------------------------


def test_access_is_requested_approved_and_refused(browser: Browser, page: Page, world: World) -> None:
    person = f"asker@{world.catalog}.io"
    token = world.server.user(person)["DATABRICKS_TOKEN"]
    asker = open_page(browser, world.server, token=token)
    asker.goto(world.page)  # nothing is granted: the way is closed, and the first step is what can be asked for
    expect(asker.get_by_role("alert")).to_contain_text("User does not have USE CATALOG")
    asker.get_by_role("button", name="Request access").click()
    dialog = asker.get_by_role("dialog", name="Request access")
    expect(dialog.get_by_role("listitem")).to_have_text(f"USE CATALOG on catalog {world.catalog}")
    asker.keyboard.press("Escape")
    world.server.cli("grants", "add", "catalog", world.catalog, person, "BROWSE")
    asker.goto(world.page)
    expect(asker.get_by_text("You see this model's metadata")).to_be_visible()
    asker.get_by_role("button", name="Request access").click()
    expect(dialog.get_by_role("checkbox", name="EXECUTE")).to_be_checked()
    expect(dialog.get_by_role("listitem")).to_have_count(2)
    dialog.get_by_role("textbox", name="What for?").fill("nightly scoring")
    picture(asker, "request-access")
    dialog.get_by_role("button", name="Request", exact=True).click()
    expect(dialog).to_be_hidden()
    asker.get_by_role("link", name="Access requests").click()
    asker.get_by_role("tab", name="Asked by me").click()
    expect(asker.get_by_role("table", name="My requests").get_by_text("pending")).to_have_count(3)

    page.goto("/explore")
    page.get_by_role("link", name=re.compile("^Access requests")).click()
    inbox = page.get_by_role("table", name="Requests to decide")
    expect(inbox.get_by_role("row", name=re.compile(f"{world.model} {person} EXECUTE"))).to_be_visible()
    picture(page, "requests")
    for name in (world.catalog, f"{world.catalog}.ml_team", world.model):
        page.get_by_role("button", name=f"Approve the request of {person} on {name}", exact=True).click()
        page.get_by_role("dialog").get_by_role("button", name="Approve").click()
        expect(page.get_by_role("dialog")).to_be_hidden()
    asker.goto(world.page)
    expect(asker.get_by_role("link", name="Version 1")).to_be_visible()

    asker.goto(f"{world.page}?tab=permissions")
    asker.get_by_role("button", name="Request access").click()
    dialog.get_by_role("checkbox", name="EXECUTE").uncheck()
    dialog.get_by_role("checkbox", name="MANAGE").check()
    dialog.get_by_role("button", name="Request", exact=True).click()
    expect(dialog).to_be_hidden()
    page.goto("/explore/requests")
    page.get_by_role("button", name=f"Reject the request of {person}").click()
    page.get_by_label("Why not?").fill("Ask your team's lead.")
    page.get_by_role("dialog").get_by_role("button", name="Reject").click()
    expect(page.get_by_text("Nothing to decide")).to_be_visible()
    asker.goto("/explore/requests?tab=mine")
    expect(asker.get_by_role("row", name=re.compile("MANAGE rejected"))).to_contain_text("Ask your team's lead.")
    asker.context.close()
