"""In a real browser: ten thousand models, ten thousand versions and a graph of two hundred are looked at a window at a time."""

import re
import uuid
from dataclasses import dataclass

import pytest
from e2e.explorer import World, needs_the_pages, picture
from e2e.many import COUNT, ENTITIES, many_models, much_lineage
from live import new_catalog
from playwright.sync_api import Locator, Page, Request, expect

pytestmark = needs_the_pages
SHOWN = 90  # rows that a window shows, with those kept ready above and below
FAR = 1_100  # rows, of several pages of the server


@dataclass(frozen=True)
class Big:
    schema: str
    model: str

    @property
    def page(self) -> str:
        return f"/explore/data/models/{self.model.replace('.', '/')}"


@pytest.fixture(scope="module")
def big(world: World) -> Big:
    # "End" in the tree goes to the last row of all: this catalog stands behind those of the other tests.
    catalog = new_catalog(world.server, "many", name=f"z_{uuid.uuid4().hex[:8]}")
    model = f"{catalog}.many.model_00000"
    world.server.cli("models", "create", model)
    world.server.cli("models", "copy", world.model, "1", model)
    database = world.server.data_dir / "modelkeep.db"
    many_models(database, model)
    much_lineage(database, model, 1)
    return Big(f"{catalog}.many", model)


def _scroll(page: Page, table: Locator) -> Locator:
    """With the wheel, as far as it goes each time, for FAR rows; never are there many at once. The link of the last row."""
    rows = table.locator("tbody tr[aria-rowindex]")
    table.get_by_role("row").nth(2).hover()
    for _ in range(200):
        if int(rows.last.get_attribute("aria-rowindex") or 0) > FAR:
            break
        page.mouse.wheel(0, 8_000)
        page.wait_for_timeout(30)
        assert rows.count() < SHOWN
    assert int(rows.last.get_attribute("aria-rowindex") or 0) > FAR
    return rows.last.get_by_role("link").first


def test_a_schema_of_ten_thousand_models(page: Page, big: Big) -> None:
    urls: list[str] = []

    def note(request: Request) -> None:
        if "/unity-catalog/models?" in request.url and "max_results=200" in request.url:
            urls.append(request.url)

    page.on("request", note)
    page.goto(f"/explore/data/{big.schema.replace('.', '/')}")
    table = page.get_by_role("table", name="Models")
    expect(table.get_by_role("link", name="model_00000")).to_be_visible()
    assert table.get_by_role("row").count() < SHOWN
    last = _scroll(page, table)
    number = int((last.text_content() or "").removeprefix("model_"))
    assert number >= FAR - 2
    assert len(set(urls)) == len(urls) <= number // 200 + 3, (
        "the server is urls for pages, each once, as they come near"
    )
    picture(page, "many-models")


def test_a_long_table_is_one_stop_of_the_tab_key(page: Page, big: Big) -> None:
    page.goto(f"/explore/data/{big.schema.replace('.', '/')}")
    table = page.get_by_role("table", name="Models")
    expect(table.get_by_role("link", name="model_00000")).to_be_visible()
    page.get_by_role("region", name="Models", exact=True).focus()
    for _ in range(80):
        page.keyboard.press("ArrowDown")
    expect(table.get_by_role("link", name="model_00079")).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(table.get_by_role("link", name="model_00078")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Edit tags")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Model model_00078")).to_be_visible()


def test_a_tree_of_ten_thousand_models(page: Page, big: Big) -> None:
    page.goto(f"/explore/data/{big.schema.replace('.', '/')}")
    tree = page.get_by_role("tree")
    items = tree.get_by_role("treeitem")
    tree.get_by_role("treeitem", name="many", exact=True).click()
    tree.focus()
    expect(tree.get_by_role("treeitem", name="model_00000", exact=True)).to_be_visible()
    for number in (199, 399, 599):
        page.keyboard.press("End")
        expect(tree.get_by_role("treeitem", name=f"model_{number + 1:05}", exact=True)).to_be_attached()
        assert items.count() < SHOWN
    for _ in range(3):
        page.keyboard.press("ArrowDown")
    at = page.locator(f"#{tree.get_attribute('aria-activedescendant')}")
    name = at.get_attribute("aria-label") or ""
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=f"Model {name}")).to_be_visible()
    expect(tree).to_be_focused()


def test_a_model_of_ten_thousand_versions(page: Page, big: Big) -> None:
    page.goto(big.page)
    table = page.get_by_role("table", name="Versions")
    expect(table.get_by_role("link", name=f"Version {COUNT}", exact=True)).to_be_visible()
    last = _scroll(page, table)
    picture(page, "many-versions")
    name = last.text_content() or ""
    assert int(name.removeprefix("Version ")) <= COUNT - FAR + 2

    urls: list[str] = []
    scrolled = page.locator(".table").first.evaluate("table => table.scrollTop")
    page.on("request", lambda request: urls.append(request.url) if "_token=" in request.url else None)
    page.get_by_role("button", name="Edit tags").click()
    page.get_by_role("combobox", name="Key").fill("seen")
    page.get_by_role("dialog").get_by_role("button", name="Save tags").click()
    expect(page.get_by_role("complementary")).to_contain_text("seen")
    page.wait_for_timeout(700)
    assert 1 <= len([url for url in urls if "/versions?" in url]) <= 2, "of what was scrolled through, what shows"
    expect(last).to_have_text(name)
    assert page.locator(".table").first.evaluate("table => table.scrollTop") == scrolled > 0
    last.click()
    expect(page.get_by_role("heading", name=f"model_00000 {name}")).to_be_visible()


def test_a_graph_of_two_hundred(page: Page, big: Big) -> None:
    # Handed out in several pages, it is all there.
    page.route("**/lineage?*", lambda route: route.continue_(url=f"{route.request.url}&max_results=60"))
    page.goto(f"{big.page}/version/1?tab=lineage")
    expect(page.get_by_text(re.compile(rf"^{ENTITIES + 2} nodes"))).to_be_visible()
    scale = page.locator(".react-flow__viewport").evaluate("e => new DOMMatrix(getComputedStyle(e).transform).a")
    assert scale >= 0.6, "its words can be read"
    root = page.locator(".node[data-root=true]")
    expect(root).to_be_in_viewport()
    boxes = [box for node in page.locator(".node").all()[:60] if (box := node.bounding_box())]
    covered = [(a, b) for n, a in enumerate(boxes) for b in boxes[n + 1 :] if _covers(a, b)]
    assert covered == []
    picture(page, "much-lineage")
    far = page.get_by_role("button", name=re.compile("^Expand prod.sales.region")).last
    expect(far).not_to_be_in_viewport()
    page.keyboard.press("Tab")
    far.focus()
    expect(far).to_be_in_viewport(ratio=1)
    page.get_by_role("radiogroup", name="Show lineage as").get_by_text("List").click()
    expect(page.get_by_role("table", name="Connections").get_by_role("row")).to_have_count(ENTITIES + 2)


def _covers(a: object, b: object) -> bool:
    assert isinstance(a, dict) and isinstance(b, dict)
    return bool(
        a["x"] < b["x"] + b["width"]
        and b["x"] < a["x"] + a["width"]
        and a["y"] < b["y"] + b["height"]
        and b["y"] < a["y"] + a["height"]
    )


def test_a_graph_of_one(page: Page, big: Big) -> None:
    page.goto(f"{big.page}/version/2?tab=lineage")
    expect(page.get_by_text("No connections are known yet.")).to_be_visible()
    expect(page.get_by_role("heading", name="Log what it was trained on")).to_be_visible()
    picture(page, "little-lineage")
    page.set_viewport_size({"width": 800, "height": 900})
    expect(page.locator(".react-flow__node")).to_be_in_viewport(ratio=1)
