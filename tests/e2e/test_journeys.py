"""In a real browser: from an empty server to a model that is registered, described, tagged, named, shared, copied, found and deleted."""

import re
from collections.abc import Callable, Iterator

import pytest
from e2e.explorer import Complaints, needs_the_pages, open_page, picture
from e2e.hands import Hand, Keyboard, Mouse
from live import Server, run_client, running_server, succeeded
from playwright.sync_api import Browser, Page, expect

pytestmark = needs_the_pages
RUN = """
import mlflow, pandas as pd
from mlflow.models import infer_signature
mlflow.set_experiment("/forecasts")
with mlflow.start_run(run_name="first try"):
    mlflow.log_metric("accuracy", 0.9)
    mlflow.pyfunc.log_model(name="model", python_model=lambda model_input: model_input, pip_requirements=[],
                            signature=infer_signature(pd.DataFrame({"age": [1.0]}), [0.5]))
"""


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A new server, where nobody has done anything but log one run."""
    with running_server(tmp_path_factory.mktemp("empty")) as running:
        succeeded(run_client(running, RUN))
        yield running


@pytest.mark.parametrize("hand_of", [Keyboard, Mouse], ids=["keyboard", "mouse"])
def test_from_an_empty_server_to_a_model_in_production(
    browser: Browser, empty: Server, hand_of: Callable[[Page], Hand]
) -> None:
    for catalog in empty.sdk().catalogs.list():
        if catalog.name != "main":
            empty.sdk().catalogs.delete(catalog.name or "", force=True)
    page, complaints = open_page(browser, empty, token="-"), Complaints()
    complaints.hear(page)
    hand = hand_of(page)
    word = hand_of.__name__.lower()
    dev, prod, team = f"dev_{word}", f"prod_{word}", f"team of the {word}"
    page.goto("/explore")
    hand.write(page.get_by_label("Access token"), empty.admin_token)
    hand.press(page.get_by_role("button", name="Sign in"))
    expect(page.get_by_text("No models yet")).to_be_visible()
    _make_a_group(hand, team)
    for catalog in (prod, dev):
        hand.press(page.get_by_role("link", name="Home"))
        _make_a_catalog(hand, catalog)
    _register(hand, f"{dev}.team.forecast")
    _describe_tag_and_share(hand, team)
    _name_and_copy(hand, f"{prod}.team.forecast")
    _find_and_delete(hand, f"{prod}.team.forecast")
    page.context.close()
    assert complaints == []


def _make_a_group(hand: Hand, name: str) -> None:
    page = hand.page
    hand.press(page.get_by_role("link", name="Administration"))
    expect(page.get_by_role("heading", name="Users", level=1)).to_be_visible()
    tabs = page.get_by_role("tablist", name="Administration")
    if isinstance(hand, Keyboard):  # these tabs are pages: the arrow keys move, Enter opens
        hand.reach(tabs.get_by_role("tab", selected=True))
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Enter")
    else:
        hand.press(tabs.get_by_role("tab", name="Groups"))
    expect(page.get_by_role("heading", name="Groups", level=1)).to_be_visible()
    hand.press(page.get_by_role("button", name="Add group"))
    hand.write(page.get_by_role("textbox", name="Name", exact=True), name)
    hand.press(page.get_by_role("button", name="Add", exact=True))
    expect(page.get_by_role("row", name=re.compile(name))).to_be_visible()


def _make_a_catalog(hand: Hand, name: str) -> None:
    page = hand.page
    hand.press(page.get_by_role("button", name="Create catalog"))
    hand.write(page.get_by_role("textbox", name="Name"), name)
    hand.press(page.get_by_role("button", name="Create", exact=True))
    expect(page.get_by_role("heading", name=f"Catalog {name}")).to_be_visible()
    expect(page.get_by_role("link", name="default", exact=True)).to_be_visible()
    hand.press(page.get_by_role("button", name="Create schema").last)
    hand.write(page.get_by_role("textbox", name="Name"), "team")
    hand.press(page.get_by_role("button", name="Create", exact=True))
    expect(page.get_by_text("No models in this schema")).to_be_visible()


def _register(hand: Hand, name: str) -> None:
    page = hand.page
    hand.press(page.get_by_role("button", name="Register model").first)
    experiment = page.get_by_role("option", name="/forecasts")
    hand.choose(page.get_by_role("combobox", name="Experiment"), "fore", experiment)
    run = page.get_by_role("combobox", name="Run", exact=True)
    expect(run).to_have_attribute("placeholder", "Choose a run")
    hand.choose(run, "first", page.get_by_role("option", name=re.compile("first try")))
    expect(page.get_by_role("combobox", name="Model of the run")).to_have_value("model")
    new = page.get_by_role("option", name=f"Create new model {name}")
    hand.choose(page.get_by_role("combobox", name="Destination model"), name, new)
    hand.press(page.get_by_role("button", name="Register", exact=True))
    expect(page.get_by_role("dialog").get_by_role("status")).to_contain_text("is ready", timeout=60_000)
    hand.press(page.get_by_role("button", name="Open the version"))
    expect(page.get_by_role("heading", name="forecast Version 1")).to_be_visible()


def _describe_tag_and_share(hand: Hand, team: str) -> None:
    page = hand.page
    hand.press(page.get_by_role("navigation", name="Breadcrumbs").get_by_role("link", name="forecast"))
    expect(page.get_by_role("heading", name="Model forecast")).to_be_visible()
    hand.press(page.get_by_role("button", name="Add", exact=True))
    hand.write(page.get_by_role("textbox", name="Description"), "What will be **sold**?")
    hand.press(page.get_by_role("button", name="Save"))
    expect(page.get_by_text("What will be sold?")).to_be_visible()
    edit = page.get_by_role("button", name="Edit tags")
    hand.press(edit)
    hand.write(page.get_by_role("combobox", name="Key"), "task")
    hand.write(page.get_by_role("combobox", name="Value"), "forecasting")
    hand.press(page.get_by_role("button", name="Save tags"))
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(edit).to_be_focused()  # where it was before the dialog
    tabs = page.get_by_role("tablist")
    hand.tab(tabs, tabs.get_by_role("tab", name="Permissions"))
    hand.press(page.get_by_role("button", name="Grant").first)
    hand.choose(page.get_by_role("combobox", name="Principal"), team[:10], page.get_by_role("option", name=team))
    hand.press(page.get_by_role("checkbox", name="EXECUTE", exact=True))
    hand.press(page.get_by_role("dialog").get_by_role("button", name="Grant"))
    expect(page.get_by_role("row", name=re.compile(f"{team} EXECUTE Granted here"))).to_be_visible()


def _name_and_copy(hand: Hand, destination: str) -> None:
    page = hand.page
    tabs = page.get_by_role("tablist")
    hand.tab(tabs, tabs.get_by_role("tab", name="Overview"))
    hand.press(page.get_by_role("link", name="Version 1", exact=True))
    expect(page.get_by_role("heading", name="forecast Version 1")).to_be_visible()
    hand.press(page.get_by_role("button", name="Set alias"))
    hand.write(page.get_by_role("textbox", name="Alias"), "Champion")
    hand.press(page.get_by_role("dialog").get_by_role("button", name="Set alias"))
    expect(page.get_by_role("button", name="Delete alias Champion")).to_be_visible()
    hand.press(page.get_by_role("button", name="Copy this version"))
    new = page.get_by_role("option", name=f"Create new model {destination}")
    hand.choose(page.get_by_role("combobox", name="Destination model"), destination, new)
    hand.press(page.get_by_role("button", name="Copy", exact=True))
    expect(page).to_have_url(re.compile(f"{destination.replace('.', '/')}/version/1$"))


def _find_and_delete(hand: Hand, name: str) -> None:
    page = hand.page
    option = page.get_by_role("option", name=re.compile(re.escape(name))).first
    hand.choose(page.get_by_role("combobox", name=re.compile("Search catalogs")), name, option)
    expect(page.get_by_role("heading", name="Model forecast")).to_be_visible()
    picture(page, "found")
    menu = page.get_by_role("button", name="More actions on this registered model")
    delete = page.get_by_role("menuitem", name="Delete")
    hand.pick(menu, delete)
    expect(page.get_by_role("dialog", name="Delete registered model")).to_be_visible()
    page.get_by_role("button", name="Cancel").click() if isinstance(hand, Mouse) else page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(menu).to_be_focused()
    hand.pick(menu, delete)
    hand.write(page.get_by_label("Type forecast to confirm"), "forecast")
    hand.press(page.get_by_role("button", name="Delete", exact=True))
    expect(page.get_by_text("No models in this schema")).to_be_visible()
