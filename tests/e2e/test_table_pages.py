"""In a real browser: tables, volumes and functions are read, described, tagged, granted, searched and deleted; axe finds nothing."""

import base64
import io
import re
from collections.abc import Iterator
from typing import Any

import pandas as pd  # pyright: ignore[reportMissingTypeStubs]
import pytest
from deltalake import write_deltalake
from e2e.explorer import Complaints, needs_the_pages, open_page
from e2e.test_quality import _look  # pyright: ignore[reportPrivateUsage]
from live import Server, allow, new_catalog
from playwright.sync_api import Browser, Page, expect

pytestmark = needs_the_pages
UC = "/api/2.1/unity-catalog"
COLUMNS: list[dict[str, Any]] = [
    {"name": "id", "type_name": "LONG", "type_text": "bigint", "nullable": False, "comment": "Its key", "position": 0},
    {"name": "day", "type_name": "DATE", "type_text": "date", "partition_index": 0, "position": 1},
    *({"name": f"v{n}", "type_name": "DOUBLE", "type_text": "double", "position": n + 2} for n in range(9)),
]
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def _call(server: Server, method: str, path: str, body: dict[str, Any]) -> Any:
    return server.sdk().api_client.do(method, path, body=body)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]


@pytest.fixture(scope="module")
def catalog(server: Server, tmp_path_factory: pytest.TempPathFactory) -> str:
    """With a table, a volume with files, a function, and a model version that was made of the table."""
    name = new_catalog(server)
    place = {"catalog_name": name, "schema_name": "ml_team"}
    table = {"name": "iris", "table_type": "EXTERNAL", "data_source_format": "DELTA", "columns": COLUMNS, **place}
    table |= {"storage_location": f"s3://{name.replace('_', '-')}/iris", "comment": "Measures of **flowers**"}
    _call(server, "POST", f"{UC}/tables", {**table, "properties": {"delta.appendOnly": "true"}})
    _call(server, "POST", f"{UC}/volumes", {"name": "scans", "volume_type": "MANAGED", "comment": "Scanned", **place})
    parameter = {"name": "x", "type_text": "double", "type_name": "DOUBLE", "position": 0, "comment": "A number"}
    function = {"name": "half", "data_type": "DOUBLE", "full_data_type": "DOUBLE", "routine_body": "SQL", **place}
    function |= {"routine_definition": "x / 2", "input_params": {"parameters": [parameter]}, "parameter_style": "S"}
    function |= {"is_deterministic": True, "sql_data_access": "NO_SQL", "is_null_call": False, "specific_name": "half"}
    function |= {"security_type": "DEFINER", "properties": "{}"}
    _call(server, "POST", f"{UC}/functions", {"function_info": function})
    lake = tmp_path_factory.mktemp("lake").resolve()
    write_deltalake(str(lake / "sales"), pd.DataFrame({"id": range(30), "shop": [None, *["Ulm"] * 29]}))
    write_deltalake(str(lake / "sales"), pd.DataFrame({"id": [30], "shop": ["Köln"]}), mode="append")
    location = {"name": f"lake_{name}", "url": f"file://{lake}", "skip_validation": True}
    _call(server, "POST", f"{UC}/external-locations", location)
    sales = {"name": "sales", "table_type": "EXTERNAL", "data_source_format": "DELTA", **place}
    _call(server, "POST", f"{UC}/tables", {**sales, "storage_location": f"file://{lake}/sales"})
    files = server.sdk().files
    root = f"/Volumes/{name}/ml_team/scans"
    for path, data in (("notes.txt", b"Handle <b>with</b> care"), ("pages/one.png", PIXEL), ("raw.bin", b"\0\1\2")):
        files.upload(f"{root}/{path}", io.BytesIO(data))
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
    "table": "/explore/data/{c}/ml_team/iris",
    "models": "/explore/data/{c}/ml_team/iris?tab=models",
    "history": "/explore/data/{c}/ml_team/sales?tab=history",
    "sample": "/explore/data/{c}/ml_team/sales?tab=sample",
    "refused": "/explore/data/{c}/ml_team/iris?tab=sample",
    "permissions": "/explore/data/{c}/ml_team/iris?tab=permissions",
    "activity": "/explore/data/{c}/ml_team/iris?tab=activity",
    "volume": "/explore/data/volumes/{c}/ml_team/scans",
    "files": "/explore/data/volumes/{c}/ml_team/scans?tab=files",
    "function": "/explore/data/functions/{c}/ml_team/half",
    "search": "/explore/search?q=iris&kind=TABLE",
}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_accessible(page: Page, catalog: str, name: str) -> None:
    page.goto(PAGES[name].format(c=catalog))
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.get_by_role("status").filter(has_text="Loading")).to_have_count(0)
    assert _look(page, f"tables-{name}") == ""


def test_a_table_shows_what_the_catalog_knows(page: Page, catalog: str) -> None:
    page.goto(f"/explore/data/{catalog}/ml_team/iris")
    columns = page.get_by_role("table", name="Columns")
    expect(columns.get_by_role("row").nth(1)).to_contain_text("idbigintnoIts key")
    expect(columns.get_by_role("row").nth(2)).to_contain_text("partition")
    page.get_by_role("textbox", name="Filter columns").fill("v7")
    expect(columns.get_by_role("row")).to_have_count(2)
    expect(page.get_by_text("11 columns, partitioned by day")).to_be_visible()
    expect(page.get_by_role("table", name="Properties")).to_contain_text("delta.appendOnlytrue")
    about = page.get_by_role("complementary", name="About this table")
    for text in ("external", "delta", "s3://", "admin"):
        expect(about).to_contain_text(text)


def test_history_and_rows_of_a_table(page: Page, catalog: str) -> None:
    page.goto(f"/explore/data/{catalog}/ml_team/sales")
    page.get_by_role("tab", name="History").click()
    history = page.get_by_role("table", name="History")
    expect(history.get_by_role("row").nth(1)).to_contain_text("WRITE (Append)")
    expect(history.get_by_role("row")).to_have_count(3)
    expect(page.get_by_text("Version 1 has 31 rows, 2 files")).to_be_visible()
    page.get_by_role("tab", name="Sample").click()
    rows = page.get_by_role("table", name="Sample rows")
    expect(rows.get_by_role("row")).to_have_count(21)
    expect(page.get_by_text("20 rows of version 1, in no order")).to_be_visible()
    page.goto(f"/explore/data/{catalog}/ml_team/iris?tab=history")
    expect(page.get_by_text("There are no credentials for")).to_be_visible()


def test_a_function_and_a_volume_show_theirs(page: Page, catalog: str) -> None:
    page.goto(f"/explore/data/functions/{catalog}/ml_team/half")
    expect(page.get_by_role("table", name="Parameters")).to_contain_text("xdouble")
    expect(page.get_by_label("Definition of the function", exact=True)).to_have_text("x / 2")
    page.goto(f"/explore/data/volumes/{catalog}/ml_team/scans")
    about = page.get_by_role("complementary", name="About this volume")
    expect(about).to_contain_text(f"/Volumes/{catalog}/ml_team/scans")


def test_files_of_a_volume_have_previews(page: Page, catalog: str) -> None:
    page.goto(f"/explore/data/volumes/{catalog}/ml_team/scans?tab=files")
    page.get_by_role("button", name="Preview notes.txt").click()
    expect(page.get_by_label("Content of notes.txt")).to_have_text("Handle <b>with</b> care")
    page.get_by_role("button", name="Close the preview").click()
    page.get_by_role("button", name="Preview raw.bin").click()
    expect(page.get_by_text("This file is not text.")).to_be_visible()
    page.get_by_role("button", name="Close the preview").click()
    page.get_by_role("button", name="Open pages").click()
    expect(page).to_have_url(re.compile("path=pages"))
    page.get_by_role("button", name="Preview one.png").click()
    picture = page.get_by_role("img", name="Content of pages/one.png")
    expect(picture).to_be_visible()
    assert picture.evaluate("picture => [picture.complete, picture.naturalWidth]") == [True, 1]
    page.get_by_role("button", name="Close the preview").click()
    page.get_by_role("navigation", name="Directory").get_by_role("button", name="scans").click()
    expect(page.get_by_role("button", name="Preview notes.txt")).to_be_visible()


def test_the_tree_holds_all_kinds(page: Page, catalog: str) -> None:
    page.goto(f"/explore/data/{catalog}/ml_team/iris")
    tree = page.get_by_role("tree")
    expect(tree.get_by_role("treeitem", name="iris")).to_have_attribute("aria-selected", "true")
    for leaf, heading in (("scans", "Volume scans"), ("half", "Function half"), ("iris", "Table iris")):
        tree.get_by_role("treeitem", name=leaf).click()
        expect(page.get_by_role("heading", name=heading)).to_be_visible()
        expect(tree.get_by_role("treeitem", name=leaf)).to_have_attribute("aria-selected", "true")


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("table", "{c}/ml_team/iris"),
        ("volume", "volumes/{c}/ml_team/scans"),
        ("function", "functions/{c}/ml_team/half"),
    ],
)
def test_description_tags_and_grants_are_edited(page: Page, server: Server, catalog: str, kind: str, path: str) -> None:
    page.goto(f"/explore/data/{path.format(c=catalog)}")
    user = f"{kind}@{catalog}"
    server.user(user)
    page.get_by_role("button", name="Edit description").or_(
        page.get_by_role("button", name="Add", exact=True)
    ).first.click()
    page.get_by_role("textbox", name="Description").fill(f"The {kind} of the page")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Description saved.")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_text(f"The {kind} of the page")).to_be_visible()
    page.get_by_role("button", name="Edit tags").click()
    page.get_by_role("combobox", name="Key").or_(page.get_by_role("textbox", name="Key")).first.fill("tier")
    page.get_by_role("combobox", name="Value").or_(page.get_by_role("textbox", name="Value")).first.fill("gold")
    page.get_by_role("button", name="Save tags").click()
    expect(page.get_by_role("complementary")).to_contain_text("tier")
    page.get_by_role("tab", name="Permissions").click()
    page.get_by_role("button", name="Grant").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Principal").first.fill(user)
    page.get_by_role("option", name=user).click()
    privilege = {"table": "SELECT", "volume": "READ VOLUME", "function": "EXECUTE"}[kind]
    dialog.get_by_role("checkbox", name=privilege, exact=True).check()
    dialog.get_by_role("button", name="Grant", exact=True).click()
    expect(page.get_by_role("table", name="Grants")).to_contain_text(user)


def test_browse_alone_shows_metadata(browser: Browser, server: Server, catalog: str) -> None:
    user = f"browser@{catalog}"
    token = server.user(user)["DATABRICKS_TOKEN"]
    allow(server, user, "catalog", catalog, "BROWSE")
    page = open_page(browser, server, token=token)
    page.goto(f"/explore/data/{catalog}/ml_team/iris")
    expect(page.get_by_text("You see this table's metadata")).to_be_visible()
    expect(page.get_by_role("table", name="Columns")).to_have_count(0)
    expect(page.get_by_role("button", name="Request access")).to_be_visible()
    page.context.close()
