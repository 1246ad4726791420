"""In a real browser: axe finds nothing moderate or worse on any page or dialog, in light and dark, on a wide and on a narrow window."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
from e2e.explorer import Complaints, World, needs_the_pages, open_page, picture
from playwright.sync_api import Browser, Page, expect

pytestmark = needs_the_pages

AXE = (Path(axe_playwright_python.__file__ or "").parent / "axe.min.js").read_text()
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
IMPACTS = ("moderate", "serious", "critical")
EVERYTHING = {"type": "tag", "values": TAGS}
COLOURS = {"type": "rule", "values": ["color-contrast"]}  # the one rule that light or dark makes a difference to
COMBINATIONS: list[tuple[int, Any, dict[str, Any]]] = [
    (1440, "light", EVERYTHING),
    (1440, "dark", COLOURS),
    (390, "dark", EVERYTHING),
    (390, "light", COLOURS),
]

# {c} is the world's catalog, {m} the path of its model.
PAGES = {
    "home": "/explore",
    "search": "/explore/search?q={c}",
    "search-nothing": "/explore/search?q=zzzz&tag=a:b",
    "tokens": "/explore/tokens",
    "requests": "/explore/requests",
    "requests-mine": "/explore/requests?tab=mine",
    "nowhere": "/explore/data/absent",
    "no-page": "/explore/what/is/this",
    "catalog": "/explore/data/{c}",
    "catalog-permissions": "/explore/data/{c}?tab=permissions",
    "catalog-workspaces": "/explore/data/{c}?tab=workspaces",
    "catalog-activity": "/explore/data/{c}?tab=activity",
    "schema": "/explore/data/{c}/ml_team",
    "schema-permissions": "/explore/data/{c}/ml_team?tab=permissions",
    "schema-activity": "/explore/data/{c}/ml_team?tab=activity",
    "schema-empty": "/explore/data/main/default",
    "model": "{m}",
    "model-use": "{m}?tab=use",
    "model-lineage": "{m}?tab=lineage",
    "model-permissions": "{m}?tab=permissions",
    "model-activity": "{m}?tab=activity",
    "version": "{m}/version/1",
    "version-files": "{m}/version/1?tab=files",
    "version-use": "{m}/version/1?tab=use",
    "version-lineage": "{m}/version/1?tab=lineage",
    "compare": "{m}/compare?versions=1,2",
    "users": "/explore/admin/users",
    "groups": "/explore/admin/groups",
    "service-principals": "/explore/admin/service-principals",
    "tags": "/explore/admin/tags",
    "workspaces": "/explore/admin/workspaces",
    "audit": "/explore/admin/audit?show=all",
    "health": "/explore/admin/health",
    "experiments": "/explore/experiments",
}

# Where it is opened from, and what is pressed one after the other: a button, or an item of the menu that it opens.
DIALOGS = {
    "create-catalog": ("home", "Create catalog"),
    "register": ("home", "Register model"),
    "account": ("home", "Account"),
    "create-schema": ("catalog", "Create schema"),
    "rename": ("catalog", "More actions on this catalog", "Rename"),
    "transfer": ("schema", "More actions on this schema", "Transfer ownership"),
    "delete": ("schema", "More actions on this schema", "Delete"),
    "create-model": ("schema", "Create model"),
    "describe": ("version", "Add"),
    "tags": ("model", "Edit tags"),
    "register-version": ("model", "Register version"),
    "copy": ("version", "Copy this version"),
    "alias": ("version", "Set alias"),
    "delete-version": ("version", "More actions on this version", "Delete"),
    "preview": ("version-files", "Preview MLmodel"),
    "protect": ("model", "Protect alias"),
    "bind": ("catalog-workspaces", "Bind workspace"),
    "govern": ("tags", "Create governed tag"),
    "create-workspace": ("workspaces", "Create workspace"),
    "people": ("workspaces", "Actions on default", "People"),
    "grant": ("model-permissions", "Grant"),
    "explain": ("model-permissions", "Explain access"),
    "create-token": ("tokens", "Create token"),
    "revoke-token": ("tokens", re.compile("^Revoke token")),
    "add-user": ("users", "Add user"),
    "members": ("groups", "Actions on account users", "Members"),
    "delete-group": ("groups", "Actions on account users", "Delete"),
}


@pytest.fixture(scope="module")
def page(browser: Browser, world: World) -> Iterator[Page]:
    opened = open_page(browser, world.server)
    opened.emulate_media(reduced_motion="reduce")  # so that nothing is looked at while it fades in
    yield opened
    opened.context.close()


@pytest.fixture
def complaints(page: Page) -> Iterator[Complaints]:
    heard = Complaints()
    heard.hear(page)
    yield heard
    page.remove_listener("console", heard._say)  # pyright: ignore[reportPrivateUsage]
    assert heard == []


def _open(page: Page, world: World, path: str) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(path.format(c=world.catalog, m=world.page))
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.get_by_role("status").filter(has_text="Loading")).to_have_count(0)


def _serious(page: Page, rules: dict[str, Any]) -> list[str]:
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
    page.evaluate(
        "document.getAnimations().forEach(animation => animation.effect.getTiming().iterations < 9 && animation.finish())"
    )
    # What is in MLflow's frame is MLflow's.
    options = {"resultTypes": ["violations"], "runOnly": rules, "iframes": False}
    violations = page.evaluate("async options => (await axe.run(document, options)).violations", options)
    return [
        f"{violation['id']}: {node['html'][:160]} {node['failureSummary'][:300]}"
        for violation in violations
        if violation["impact"] in IMPACTS
        for node in violation["nodes"][:3]
    ]


def _look(page: Page, name: str) -> str:
    """All that is wrong, in every combination; the page stays where it is, as when a window is resized."""
    problems: list[str] = []
    for width, scheme, rules in COMBINATIONS:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        expect(page.locator("html")).to_have_attribute("data-mantine-color-scheme", scheme)
        problems += [f"{width} {scheme}: {problem}" for problem in _serious(page, rules)]
        wide = page.evaluate("document.documentElement.scrollWidth")
        problems += [f"{wide} pixels wide on a window of {width}"] if wide > width else []
        picture(page, f"{name}-{scheme}-{width}")
    return "\n".join(problems)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_accessible(page: Page, world: World, complaints: Complaints, name: str) -> None:
    _open(page, world, PAGES[name])
    assert _look(page, name) == ""


@pytest.mark.parametrize("name", DIALOGS)
def test_a_dialog_is_accessible(page: Page, world: World, complaints: Complaints, name: str) -> None:
    where, button, *items = DIALOGS[name]
    _open(page, world, PAGES[where])
    opener = page.get_by_role("button", name=button, exact=True).first
    opener.click()
    for item in items:
        page.get_by_role("menuitem", name=item).click()
    opened = page.get_by_role("menu" if name == "account" else "dialog")
    expect(opened).to_be_visible()
    expect(opened.get_by_role("status").filter(has_text="Loading")).to_have_count(0)
    assert _look(page, f"dialog-{name}") == ""
    page.keyboard.press("Escape")
    expect(opened).to_be_hidden()
    expect(opener).to_be_focused()


def test_the_navigation_of_a_narrow_window(page: Page, world: World, complaints: Complaints) -> None:
    _open(page, world, PAGES["model"])
    page.set_viewport_size({"width": 390, "height": 900})
    closed = page.get_by_role("button", name="Open the navigation")
    tree = page.get_by_role("tree")
    expect(tree).to_be_hidden()
    closed.click()
    expect(tree).to_be_visible()
    assert _serious(page, EVERYTHING) == []
    picture(page, "navigation-390")
    page.get_by_role("link", name="Home").focus()
    page.keyboard.press("Escape")
    expect(tree).to_be_hidden()
    expect(closed).to_be_focused()


def test_the_workspaces_are_in_the_account_menu_of_a_narrow_window(
    page: Page, world: World, complaints: Complaints
) -> None:
    _open(page, world, PAGES["model"])
    page.set_viewport_size({"width": 390, "height": 900})
    page.get_by_role("button", name="Account").click()
    menu = page.get_by_role("menu", name="Account")
    expect(menu).to_contain_text("Workspace default")
    expect(menu.get_by_role("menuitem").first).to_be_in_viewport(ratio=1)
    assert _serious(page, EVERYTHING) == []
    picture(page, "workspaces-390")


def test_the_sign_in_page(browser: Browser, world: World) -> None:
    page = open_page(browser, world.server, token="-")
    for width, scheme, rules in COMBINATIONS:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        page.goto("/login?next=/explore")
        page.get_by_label("Access token").fill("mk_nobody")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("alert")).to_be_visible()
        assert _serious(page, rules) == []
        picture(page, f"sign-in-{scheme}-{width}")
    page.context.close()


def test_a_server_that_does_not_answer_is_told_and_asked_again(page: Page, world: World) -> None:
    listed = re.compile(r"/api/2\.1/unity-catalog/schemas\?")
    page.route(listed, lambda route: route.abort())
    _open(page, world, "/explore/data/{c}")
    alert = page.get_by_role("alert").filter(has_text="The server does not answer")
    expect(alert.first).to_be_visible()
    assert _look(page, "unreachable") == ""
    page.unroute(listed)
    alert.get_by_role("button", name="Try again").click()
    page.set_viewport_size({"width": 1440, "height": 900})
    expect(page.get_by_role("link", name="ml_team")).to_be_visible()
