"""In a real browser: Catalog Explorer is accessible, small, harmless with hostile content, and quick with long lists."""

import uuid

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from e2e.explorer import UC, Complaints, World, open_page, picture
from e2e.test_pages import pytestmark as needs_a_browser
from live import Server, new_catalog
from playwright.sync_api import Browser, Page, Response, expect

from modelkeep.wire.console import pages

pytestmark = [needs_a_browser, pytest.mark.skipif(pages.build() is None, reason="the web UI is not built: `make ui`")]

AXE = {"resultTypes": ["violations"], "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
FIRST_ROUTE = 250_000  # bytes of gzipped JavaScript
HOSTILE = """<img src=x onerror="window.hurt=1"><script>window.hurt=1</script>

[a link](javascript:window.hurt=1) ![a picture](https://elsewhere.example/p.png) <b>bold</b>

\u202eright to left"""


def every_page(world: World) -> dict[str, str]:
    model = world.page
    return {
        "home": "/explore", "catalog": f"/explore/data/{world.catalog}", "schema": f"/explore/data/{world.catalog}/ml_team",
        "model": model, "model-use": f"{model}?tab=use", "model-permissions": f"{model}?tab=permissions",
        "model-activity": f"{model}?tab=activity", "version": f"{model}/version/1", "version-files": f"{model}/version/1?tab=files",
        "version-lineage": f"{model}/version/1?tab=lineage", "compare": f"{model}/compare?versions=1,2",
        "search": f"/explore/search?q={world.catalog}", "tokens": "/explore/tokens", "users": "/explore/admin/users",
        "groups": "/explore/admin/groups", "audit": "/explore/admin/audit", "health": "/explore/admin/health",
        "nowhere": "/explore/data/absent", "no-page": "/explore/what/is/this",
    }  # fmt: skip


@pytest.mark.parametrize(("width", "dark"), [(1440, False), (390, True)], ids=["wide, light", "narrow, dark"])
def test_nothing_serious_is_found_by_axe(browser: Browser, world: World, width: int, dark: bool) -> None:
    complaints, found = Complaints(), list[str]()
    page = open_page(browser, world.server, width=width, dark=dark)
    complaints.hear(page)
    for name, path in every_page(world).items():
        page.goto(path)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        expect(page.get_by_role("status").filter(has_text="Loading")).to_have_count(0)
        page.wait_for_timeout(250)  # for what fades in
        picture(page, f"{name}-{'dark' if dark else 'light'}-{width}")
        found += [f"{name}: {one}" for one in _serious(page)]
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, f"{name} is {wide} pixels wide"
    if width == 390:
        page.get_by_role("button", name="Open the navigation").click()
        expect(page.get_by_role("tree")).to_be_visible()
        picture(page, "navigation-dark-390")
        found += _serious(page)
    page.goto(f"{world.page}?tab=permissions")
    for button in ("Grant", "Explain access"):
        page.get_by_role("button", name=button).first.click()
        expect(page.get_by_role("dialog")).to_be_visible()
        page.wait_for_timeout(300)
        found += [f"dialog {button}: {one}" for one in _serious(page)]
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_be_hidden()
    page.context.close()
    assert "\n".join(found) == ""
    assert complaints == []


def _serious(page: Page) -> list[str]:
    told = Axe().run(page, options=AXE).response["violations"]
    return [
        f"{one['id']}: {node['html'][:160]} {node['failureSummary'][:300]}"
        for one in told
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"][:3]
    ]


def test_the_first_route_is_small_and_everything_is_our_own(browser: Browser, server: Server) -> None:
    sizes: dict[str, int] = {}
    elsewhere: list[str] = []

    def count(response: Response) -> None:
        if not response.url.startswith(server.host):
            elsewhere.append(response.url)
        elif response.url.endswith(".js"):
            assert response.headers["content-encoding"] == "gzip"
            sizes[response.url] = int(response.headers["content-length"])

    page = open_page(browser, server)
    page.on("response", count)
    page.goto("/explore")
    expect(page.get_by_role("heading", name="Catalogs")).to_be_visible()
    page.wait_for_timeout(300)
    page.context.close()
    assert elsewhere == []
    assert 0 < sum(sizes.values()) < FIRST_ROUTE, sizes


def test_hostile_content_is_shown_and_does_nothing(browser: Browser, world: World) -> None:
    name = f"{world.catalog}.ml_team.x{uuid.uuid4().hex[:4]}<img src=x onerror=alert(1)>".replace(" ", "_")
    headers = {"authorization": f"Bearer {world.server.admin_token}"}
    with httpx.Client(base_url=world.server.host, headers=headers) as http:
        catalog, schema, leaf = name.split(".")
        made = http.post(
            f"{UC}/models", json={"catalog_name": catalog, "schema_name": schema, "name": leaf, "comment": HOSTILE}
        )
        assert made.status_code == 200, made.text
        tags = {"changes": {"add_tags": [{"key": "<script>", "value": "<b>x</b>"}]}}
        tagged = http.patch(f"{UC}/securable-tags/function/{name}", json=tags)
        assert tagged.status_code == 200, tagged.text
    asked: list[str] = []
    complaints = Complaints()
    page = open_page(browser, world.server)
    complaints.hear(page)
    page.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: complaints.append(dialog.message))
    page.goto(f"/explore/data/{world.catalog}/ml_team")
    page.get_by_role("link", name=leaf).click()
    expect(page.get_by_role("heading", name=f"Model {leaf}")).to_be_visible()
    expect(page.get_by_text("<b>x</b>")).to_be_visible()
    expect(page.get_by_text("<script>window.hurt=1</script>", exact=False)).to_be_visible()
    link = page.get_by_text("a link", exact=True)
    expect(link).to_be_visible()
    assert "javascript" not in (link.get_attribute("href") or "")
    expect(page.get_by_role("link", name="a picture")).to_have_attribute("rel", "noreferrer noopener nofollow")
    picture(page, "hostile")
    page.goto(f"/explore/search?q={leaf[:5]}")
    expect(page.get_by_role("table", name="Search results")).to_be_visible()
    assert page.evaluate("window.hurt") is None
    assert [url for url in asked if not url.startswith(world.server.host)] == []
    page.context.close()
    assert complaints == []


def test_a_long_list_comes_in_pages_and_only_what_shows_is_there(browser: Browser, server: Server) -> None:
    catalog = new_catalog(server, "many")
    headers = {"authorization": f"Bearer {server.admin_token}"}
    with httpx.Client(base_url=server.host, headers=headers) as http:
        for number in range(420):
            http.post(
                f"{UC}/models", json={"catalog_name": catalog, "schema_name": "many", "name": f"model_{number:03}"}
            )
    page = open_page(browser, server)
    page.goto(f"/explore/data/{catalog}/many")
    table = page.get_by_role("table", name="Models")
    expect(table.get_by_role("link", name="model_000")).to_be_visible()
    assert table.get_by_role("row").count() < 80
    region = page.get_by_role("region", name="Models")
    for _ in range(40):
        region.evaluate("element => element.scrollBy(0, 2000)")
        page.wait_for_timeout(80)
        if table.get_by_role("link", name="model_419").count():
            break
    expect(table.get_by_role("link", name="model_419")).to_be_visible()
    assert table.get_by_role("row").count() < 80
    page.context.close()


def test_whoever_may_only_browse_is_told_what_is_missing(browser: Browser, world: World) -> None:
    person = f"browser@{world.catalog}.io"
    token = world.server.user(person)["DATABRICKS_TOKEN"]
    world.server.cli("grants", "add", "catalog", world.catalog, person, "BROWSE", "USE_CATALOG", "USE_SCHEMA")
    page = open_page(browser, world.server, token=token)
    page.goto(world.page)
    expect(page.get_by_text("Versions, aliases, tags and files need EXECUTE")).to_be_visible()
    page.goto(f"{world.page}/version/1")
    expect(page.get_by_role("alert")).to_contain_text("User does not have EXECUTE")
    page.goto("/explore/admin/users")
    expect(page.get_by_role("link", name="Administration", exact=True)).to_have_count(
        1
    )  # the page's own crumb, no section
    page.context.close()
