"""In a real browser: prompts are created, read, compared, named, found and deleted, by keyboard and by mouse; axe finds nothing."""

import re
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from e2e.explorer import Complaints, needs_the_pages, open_page
from e2e.hands import Hand, Keyboard, Mouse
from e2e.test_quality import _look  # pyright: ignore[reportPrivateUsage]
from live import Server, allow, new_catalog
from playwright.sync_api import Browser, Page, expect

pytestmark = needs_the_pages
B = "/api/2.0/mlflow/unity-catalog/prompts"
CHAT = '[{"role": "system", "content": "Be {{ style }}."}, {"role": "user", "content": "{{ question }}"}]'


def _call(server: Server, path: str, body: dict[str, Any]) -> None:
    server.sdk().api_client.do("POST", path, body=body)


@pytest.fixture(scope="module")
def catalog(server: Server) -> str:
    """With the prompts `ml_team.greet` (two versions, @live on the first) and `ml_team.talk`."""
    name = new_catalog(server)
    for prompt, templates in (
        ("greet", ['"Hello {{ name }}!\\nHow are you?"', '"Bye {{ name }}!\\nHow are you?"']),
        ("talk", [CHAT]),
    ):
        full = f"{name}.ml_team.{prompt}"
        _call(server, B, {"name": full, "prompt": {"name": full, "description": f"It says {prompt}"}})
        for template in templates:
            _call(server, f"{B}/{full}/versions", {"name": full, "prompt_version": {"template": template}})
    _call(server, f"{B}/{name}.ml_team.greet/aliases/live", {"version": "1"})
    return name


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    complaints, opened = Complaints(), open_page(browser, server)
    opened.emulate_media(reduced_motion="reduce")
    complaints.hear(opened)
    yield opened
    opened.context.close()
    assert complaints == []


PAGES = {
    "schema": "/explore/data/{c}/ml_team",
    "prompt": "/explore/data/prompts/{c}/ml_team/greet",
    "chat": "/explore/data/prompts/{c}/ml_team/talk",
    "use": "/explore/data/prompts/{c}/ml_team/greet?tab=use",
    "links": "/explore/data/prompts/{c}/ml_team/greet?tab=links",
    "permissions": "/explore/data/prompts/{c}/ml_team/greet?tab=permissions",
    "activity": "/explore/data/prompts/{c}/ml_team/greet?tab=activity",
    "compare": "/explore/data/prompts/{c}/ml_team/greet/compare?versions=1,2",
    "search": "/explore/search?q=greet&kind=PROMPT",
}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_accessible(page: Page, catalog: str, name: str) -> None:
    page.goto(PAGES[name].format(c=catalog))
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.get_by_role("status").filter(has_text="Loading")).to_have_count(0)
    assert _look(page, f"prompts-{name}") == ""


def test_a_version_is_shown_with_its_variables_and_compared_line_by_line(page: Page, catalog: str) -> None:
    page.goto(f"/explore/data/prompts/{catalog}/ml_team/greet")
    newest = page.get_by_role("region", name="Template of version 2")
    expect(newest.locator("mark")).to_have_text(["{{ name }}"])
    page.get_by_role("link", name="Alias live: version 1").click()
    expect(page.get_by_role("region", name="Template of version 1")).to_contain_text("Hello {{ name }}!")
    for version in (1, 2):
        page.get_by_role("checkbox", name=f"Compare version {version}").check()
    page.get_by_role("button", name="Compare", exact=True).click()
    expect(page.get_by_text("1 line added, 1 line removed.")).to_be_visible()
    difference = page.get_by_role("region", name="Differences of the templates")
    expect(difference.locator("del")).to_have_text(re.compile("Hello"))
    expect(difference.locator("ins")).to_have_text(re.compile("Bye"))


def test_a_chat_stands_under_its_roles_and_the_snippet_formats_it(page: Page, catalog: str) -> None:
    page.goto(f"/explore/data/prompts/{catalog}/ml_team/talk")
    expect(page.get_by_role("region", name="Message 1, system")).to_have_text("Be {{ style }}.")
    expect(page.get_by_role("region", name="Message 2, user")).to_have_text("{{ question }}")
    page.get_by_role("tab", name="Use this prompt").click()
    expect(page.get_by_label("Load it in Python", exact=True)).to_contain_text(
        'prompt.format(style="...", question="...")'
    )


def test_the_tree_holds_prompts_behind_models(page: Page, catalog: str) -> None:
    page.goto(f"/explore/data/prompts/{catalog}/ml_team/talk")
    tree = page.get_by_role("tree")
    expect(tree.get_by_role("treeitem", name="talk")).to_have_attribute("aria-selected", "true")
    tree.get_by_role("treeitem", name="greet").click()
    expect(page.get_by_role("heading", name="Prompt greet")).to_be_visible()


def test_browse_alone_shows_metadata_and_asks_for_more(browser: Browser, server: Server, catalog: str) -> None:
    user = f"browser@{catalog}"
    token = server.user(user)["DATABRICKS_TOKEN"]
    allow(server, user, "catalog", catalog, "BROWSE")
    page = open_page(browser, server, token=token)
    page.goto(f"/explore/data/prompts/{catalog}/ml_team/greet")
    expect(page.get_by_text("You see this prompt's metadata")).to_be_visible()
    expect(page.get_by_text("It says greet")).to_be_visible()
    expect(page.get_by_text("Hello")).to_have_count(0)
    expect(page.get_by_role("button", name="Request access")).to_be_visible()
    page.context.close()


def _linked(server: Server, prompt: str) -> tuple[str, dict[str, str]]:
    """An experiment, and the ids of a run, a logged model and a trace in it that use version 1 of the prompt."""

    def post(path: str, body: dict[str, Any]) -> Any:
        return server.sdk().api_client.do("POST", path, body=body)

    v2, v3 = "/api/2.0/mlflow", "/api/3.0/mlflow"
    experiment = str(post(f"{v2}/experiments/create", {"name": f"/links of {prompt}"})["experiment_id"])
    run = post(f"{v2}/runs/create", {"experiment_id": experiment, "run_name": "the reader"})["run"]["info"]["run_id"]
    logged = post(f"{v2}/logged-models", {"experiment_id": experiment, "name": "agent"})["model"]["info"]["model_id"]
    trace = f"tr-{uuid.uuid4().hex}"
    home = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment}}
    info = {"trace_id": trace, "trace_location": home, "request_time": "2026-01-01T00:00:00Z", "state": "OK"}
    post(f"{v3}/traces", {"trace": {"trace_info": info}})
    versions = [{"name": prompt, "version": "1"}]
    links = "/api/2.0/mlflow/unity-catalog/prompt-versions/links-to"
    post(f"{links}-runs", {"prompt_versions": versions, "run_ids": [run]})
    post(f"{links}-models", {"prompt_versions": versions, "model_ids": [logged]})
    post(f"{links}-traces", {"prompt_versions": versions, "trace_ids": [trace]})
    return experiment, {"run": run, "logged_model": logged, "trace": trace}


def test_uses_lead_to_mlflows_pages(page: Page, server: Server, catalog: str) -> None:
    experiment, ids = _linked(server, f"{catalog}.ml_team.talk")
    page.goto(f"/explore/data/prompts/{catalog}/ml_team/talk?tab=links")
    table = page.get_by_role("table", name="Used by")
    home = f"/explore/experiments/{experiment}"
    for name, address in (
        ("the reader", f"{home}/runs/{ids['run']}"),
        ("agent", f"{home}/models/{ids['logged_model']}"),
        (ids["trace"], f"{home}/traces?selectedEvaluationId={ids['trace']}&traceId={ids['trace']}"),
    ):
        expect(table.get_by_role("link", name=name)).to_have_attribute("href", address)
    assert _look(page, "prompts-used-by") == ""
    page.set_viewport_size({"width": 1440, "height": 900})
    table.get_by_role("link", name="the reader").click()
    expect(page.frame_locator("iframe").get_by_text("the reader").first).to_be_visible(timeout=30_000)


@pytest.mark.parametrize("hand_of", [Keyboard, Mouse], ids=["keyboard", "mouse"])
def test_a_prompts_whole_life(page: Page, catalog: str, hand_of: Callable[[Page], Hand]) -> None:
    hand, name = hand_of(page), f"life_of_{hand_of.__name__.lower()}"
    page.goto(f"/explore/data/{catalog}/ml_team")
    hand.press(page.get_by_role("button", name="Create prompt"))
    hand.write(page.get_by_role("textbox", name="Name"), name)
    hand.write(page.get_by_role("textbox", name="Template"), "Dear {{ who }}, {{ unclosed")
    hand.press(page.get_by_role("button", name="Create", exact=True))
    expect(page.get_by_role("heading", name=f"Prompt {name}")).to_be_visible()
    expect(page.get_by_role("region", name="Template of version 1").locator("mark")).to_have_text(["{{ who }}"])
    hand.press(page.get_by_role("button", name="Register version"))
    hand.write(page.get_by_role("textbox", name="Commit message"), "Again")
    hand.press(page.get_by_role("button", name="Register", exact=True))
    expect(page.get_by_role("heading", name="Version 2")).to_be_visible()
    hand.press(page.get_by_role("button", name="Set alias"))
    hand.write(page.get_by_role("textbox", name="Alias"), "production")
    hand.press(page.get_by_role("dialog").get_by_role("button", name="Set alias"))
    expect(page.get_by_role("link", name="Alias production: version 2")).to_be_visible()
    hand.pick(
        page.get_by_role("button", name="More actions on this prompt"), page.get_by_role("menuitem", name="Delete")
    )
    hand.write(page.get_by_label(f"Type {name} to confirm"), name)
    hand.press(page.get_by_role("button", name="Delete", exact=True))
    expect(page.get_by_role("heading", name="Schema ml_team")).to_be_visible()
    expect(page.get_by_role("table", name="Prompts")).not_to_contain_text(name)
