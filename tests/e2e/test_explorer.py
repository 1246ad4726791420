"""In a real browser: everything that Catalog Explorer is for, from an empty page to a model that is found, copied and deleted."""

import re
import uuid
from typing import Any

import httpx
from api.filing import MLMODEL, send
from e2e.explorer import World, needs_the_pages, open_page, picture
from live import Server, run_client, succeeded
from playwright.sync_api import Browser, Page, expect

pytestmark = needs_the_pages


def test_signing_in_leads_to_the_page_that_was_asked_for(browser: Browser, server: Server, world: World) -> None:
    page = open_page(browser, server, token="-")
    page.goto(f"{world.page}?tab=permissions")
    page.get_by_label("Access token").fill(server.admin_token)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Model churn")).to_be_visible()
    expect(page.get_by_role("tab", name="Permissions")).to_have_attribute("aria-selected", "true")
    page.get_by_role("button", name="Account").click()
    page.get_by_role("menuitem", name="Sign out").click()
    expect(page.get_by_label("Access token")).to_be_visible()
    page.context.close()


def test_the_tree_by_keyboard(page: Page, world: World) -> None:
    page.goto("/explore")
    tree = page.get_by_role("tree", name="Catalogs, schemas and models")
    expect(tree.get_by_role("treeitem", name=world.catalog, exact=True)).to_be_visible()
    tree.focus()
    for _ in range(50):
        at = page.locator(f"#{tree.get_attribute('aria-activedescendant')}")
        if at.get_attribute("aria-label") == world.catalog:
            break
        page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    expect(tree.get_by_role("treeitem", name="ml_team", exact=True)).to_be_visible()
    for key in ("ArrowRight", "ArrowDown", "ArrowRight"):  # into the catalog, past its schema `default`, into ml_team
        page.keyboard.press(key)
    expect(tree.get_by_role("treeitem", name="churn", exact=True)).to_be_visible()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Model churn")).to_be_visible()
    expect(tree.get_by_role("treeitem", name="churn", exact=True)).to_have_attribute("aria-selected", "true")


def _type(page: Page, name: str) -> None:
    expect(page.get_by_role("textbox", name="Name")).to_be_focused()
    page.keyboard.type(name)


def test_a_catalog_a_schema_and_a_model_by_keyboard_alone(page: Page) -> None:
    name = f"k_{uuid.uuid4().hex[:6]}"
    page.goto("/explore")
    page.get_by_role("button", name="Create catalog").focus()
    page.keyboard.press("Enter")
    _type(page, name)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=f"Catalog {name}")).to_be_visible()
    page.get_by_role("button", name="Create schema").first.focus()
    page.keyboard.press("Enter")
    _type(page, "team")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Schema team")).to_be_visible()
    page.get_by_role("button", name="Create model").first.focus()
    page.keyboard.press("Enter")
    _type(page, "first")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Model first")).to_be_visible()
    expect(page.get_by_text("No versions yet")).to_be_visible()
    # What is refused is said in the server's words, in the dialog where it was asked.
    page.goto(f"/explore/data/{name}/team")
    page.get_by_role("button", name="Create model").click()
    page.get_by_role("textbox", name="Name").fill("first")
    page.get_by_role("button", name="Create", exact=True).click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("already exists")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.goto(f"/explore/data/{name}")
    page.get_by_role("button", name="More actions on this catalog").click()
    page.get_by_role("menuitem", name="Delete").click()
    page.get_by_label(f"Type {name} to confirm").fill(name)
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_role("heading", name="Catalog Explorer")).to_be_visible()


def test_description_and_tags_of_a_model(page: Page, world: World) -> None:
    page.goto(world.page)
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_role("textbox", name="Description").fill("# Churn\n\nWho will **leave**?\n\n- one\n- two")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Churn", exact=True)).to_be_visible()
    expect(page.get_by_role("listitem").filter(has_text="two")).to_be_visible()
    page.get_by_role("button", name="Edit tags").click()
    page.get_by_role("combobox", name="Key").fill("task")
    page.get_by_role("combobox", name="Value").fill("churn prediction")
    page.get_by_role("button", name="Save tags").click()
    about = page.get_by_role("complementary", name="About this model")
    expect(about.get_by_text("churn prediction")).to_be_visible()
    picture(page, "model")


def test_aliases_of_a_version(page: Page, world: World) -> None:
    page.goto(f"{world.page}/version/2")
    page.get_by_role("button", name="Set alias").click()
    page.get_by_role("textbox", name="Alias").fill("Champion")
    expect(page.get_by_role("status").filter(has_text="moves from version 1 to version 2")).to_be_visible()
    picture(page, "alias")
    page.get_by_role("button", name="Move alias").click()
    expect(page.get_by_role("button", name="Delete alias Champion")).to_be_visible()
    page.goto(world.page)
    expect(page.get_by_role("link", name="Alias Champion: version 2")).to_be_visible()
    page.goto(f"{world.page}/version/2")
    page.get_by_role("button", name="Delete alias Champion").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_role("button", name="Delete alias Champion")).to_be_hidden()


def test_aliases_of_a_model(page: Page, world: World) -> None:
    page.goto(world.page)
    facts = page.get_by_role("complementary", name="About this model")
    facts.get_by_role("button", name="Set alias").click()
    page.get_by_role("textbox", name="Alias").fill("Shadow")
    page.get_by_role("combobox", name="Version").click()
    page.get_by_role("option", name="Version 1", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Set alias").click()
    expect(facts.get_by_role("link", name="Alias Shadow: version 1")).to_be_visible()
    facts.get_by_role("button", name="Delete alias Shadow").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(facts.get_by_role("link", name="Alias Shadow: version 1")).to_have_count(0)


def test_a_dialog_keeps_the_page_where_it_is(page: Page, world: World) -> None:
    page.set_viewport_size({"width": 1000, "height": 420})
    page.goto(world.page)
    edit = page.get_by_role("button", name="Edit tags")
    edit.scroll_into_view_if_needed()
    before = edit.bounding_box()
    edit.click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.mouse.wheel(0, 600)
    page.wait_for_timeout(200)
    assert edit.bounding_box() == before
    page.keyboard.press("Escape")
    page.get_by_role("treeitem", name="ml_team").click()
    expect(page.get_by_role("heading", name="Schema ml_team")).to_be_in_viewport()


def test_a_version_is_shown_whole(page: Page, world: World) -> None:
    page.goto(f"{world.page}/version/1")
    inputs = page.get_by_role("table", name="Inputs")
    expect(inputs.get_by_role("row", name="plan string required")).to_be_visible()
    expect(
        page.get_by_role("table", name="Parameters").first.get_by_role("row", name="threshold double 0.5")
    ).to_be_visible()
    expect(page.get_by_role("table", name="Metrics").get_by_role("row", name="accuracy 0.93")).to_be_visible()
    expect(page.get_by_text("validation_status")).to_be_visible()
    picture(page, "version")
    page.get_by_role("tab", name="Files").click()
    page.get_by_role("button", name="Preview MLmodel").click()
    expect(page.get_by_label("Content of MLmodel")).to_contain_text("python_function")
    page.keyboard.press("Escape")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download MLmodel").click()
    assert "flavors" in download.value.path().read_text()
    picture(page, "files")
    page.get_by_role("tab", name="Use this model").click()
    code = page.get_by_label("Load it in Python", exact=True).inner_text()
    done = run_client(world.server, code.replace("model.predict(data)", "print('works')"))
    assert "works" in succeeded(done), "what the page tells people to paste"


def test_a_version_becomes_ready_while_its_files_are_looked_at(page: Page, world: World) -> None:
    headers = {"authorization": f"Bearer {world.server.admin_token}"}
    name = f"{world.catalog}.ml_team.live"
    with httpx.Client(base_url=world.server.host, headers=headers) as http:

        def post(route: str, **fields: str) -> dict[str, Any]:
            answer = http.post(f"/api/2.0/{route}", json=fields)
            assert answer.status_code == 200, answer.text
            return answer.json()

        post("mlflow/unity-catalog/registered-models/create", name=name)
        post("mlflow/unity-catalog/model-versions/create", name=name, source="models:/m-1")
        page.goto(f"/explore/data/models/{name.replace('.', '/')}/version/1?tab=files")
        expect(page.get_by_text("Registering", exact=True)).to_be_visible()
        expect(page.get_by_text("They appear when the version is ready.")).to_be_visible()
        to = post("fs/create-upload-url", path=f"/Models/{name.replace('.', '/')}/1/MLmodel")
        sent = send(to, "PUT", MLMODEL)
        assert sent.status_code == 200, sent.text
        post("mlflow/unity-catalog/model-versions/finalize", name=name, version="1")
    expect(page.get_by_text("Ready", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Preview MLmodel")).to_be_visible()


def test_two_versions_side_by_side(page: Page, world: World) -> None:
    page.goto(world.page)
    for version in (1, 2):
        page.get_by_role("checkbox", name=f"Compare version {version}").check()
    page.get_by_role("button", name="Compare", exact=True).click()
    expect(page.get_by_role("table", name="Parameters").get_by_role("row", name="depth 3 5")).to_be_visible()
    expect(page.get_by_role("region", name="Dependencies").first).to_contain_text("the same")
    page.get_by_role("switch", name="Only what differs").check()
    expect(page.get_by_role("table", name="Parameters").get_by_role("row", name="kind tree tree")).to_be_hidden()
    picture(page, "compare")


def test_copying_a_version_and_following_its_lineage(page: Page, world: World) -> None:
    page.goto(f"{world.page}/version/1")
    page.get_by_role("button", name="Copy this version").click()
    page.get_by_label("Destination model").fill(f"{world.catalog}.ml_team.promoted")
    page.get_by_role("option", name=f"Create new model {world.catalog}.ml_team.promoted").click()
    picture(page, "copy")
    page.get_by_role("button", name="Copy", exact=True).click()
    expect(page.get_by_role("link", name=f"{world.model}, version 1")).to_be_visible()
    assert page.url.endswith(f"/explore/data/models/{world.catalog}/ml_team/promoted/version/1")
    page.get_by_role("tab", name="Lineage").click()
    page.get_by_role("button", name=f"Expand {world.model}/1").click()
    expect(page.get_by_role("link", name="depth 3")).to_be_visible()
    picture(page, "lineage")
    page.get_by_role("radiogroup", name="Show lineage as").get_by_text("List").click()
    expect(page.get_by_role("table", name="Connections").get_by_role("row")).to_have_count(3)
    page.get_by_role("table", name="Connections").get_by_title(f"{world.model}/1").first.click()
    expect(page.get_by_role("heading", name="churn Version 1")).to_be_visible()


def test_lineage_goes_on_into_other_systems(page: Page, world: World) -> None:
    server = world.server
    event = {
        "eventType": "COMPLETE",
        "job": {"namespace": "spark", "name": "etl"},
        "inputs": [{"namespace": f"kafka://{world.catalog}", "name": "clicks"}],
        "outputs": [{"namespace": "modelkeep", "name": f"models:/{world.model}/2"}],
    }
    headers = {"authorization": f"Bearer {server.admin_token}"}
    assert httpx.post(f"{server.host}/api/v1/lineage", json=event, headers=headers).json()["recorded"] == 1
    page.goto(f"{world.page}/version/2?tab=lineage")
    page.get_by_role("button", name=f"Expand kafka://{world.catalog}/clicks").click()
    page.get_by_role("radiogroup", name="Show lineage as").get_by_text("List").click()
    row = page.get_by_role("table", name="Connections").get_by_role("row", name="spark/etl")
    expect(row).to_contain_text("clicks")
    expect(row).to_contain_text("admin")
    picture(page, "lineage-systems")


def test_registering_the_model_of_a_run(page: Page, world: World) -> None:
    page.goto(f"/explore/data/{world.catalog}/ml_team")
    page.get_by_role("button", name="Register model").click()
    page.get_by_role("combobox", name="Experiment").fill(world.catalog)
    page.get_by_role("option", name=f"/{world.catalog}").click()
    page.get_by_role("combobox", name="Run", exact=True).click()
    page.get_by_role("option", name=re.compile("depth 7")).click()
    expect(page.get_by_role("radio", name="Unity Catalog")).to_be_checked()
    register = page.get_by_role("button", name="Register", exact=True)
    page.get_by_label("Destination model").fill(f"{world.catalog}.ml_team.none_yet")
    expect(page.get_by_text("This creates a new model.")).to_be_visible()
    expect(register).to_be_enabled()
    page.get_by_label("Destination model").fill("churn")
    expect(register).to_be_disabled()
    page.get_by_label("Destination model").fill(world.model)
    expect(register).to_be_enabled()  # a name in full is a choice
    page.get_by_label("Destination model").fill("churn")
    page.get_by_role("option", name=world.model, exact=True).click()
    picture(page, "register")
    register.click()
    expect(page.get_by_role("dialog").get_by_role("status")).to_contain_text("is ready", timeout=60_000)
    page.get_by_role("button", name="Open the version").click()
    expect(page.get_by_role("heading", name="churn Version 3")).to_be_visible()
    expect(page.get_by_text("Ready", exact=True)).to_be_visible()


def test_granting_explaining_and_revoking(page: Page, world: World) -> None:
    person, team = world.users
    page.goto(f"/explore/data/{world.catalog}?tab=permissions")
    page.get_by_role("button", name="Grant").first.click()
    page.get_by_role("combobox", name="Principal").fill(team)
    page.get_by_role("option", name=team).click()
    for privilege in ("EXECUTE", "USE CATALOG", "USE SCHEMA"):
        page.get_by_role("checkbox", name=privilege, exact=True).check()
    picture(page, "grant")
    page.get_by_role("dialog").get_by_role("button", name="Grant").click()
    expect(page.get_by_role("row", name=re.compile("EXECUTE Granted here"))).to_be_visible()
    page.goto(f"{world.page}?tab=permissions")
    expect(page.get_by_role("row", name=re.compile(f"{team} EXECUTE catalog {world.catalog}"))).to_be_visible()
    page.get_by_role("button", name="Explain access").click()
    page.get_by_role("combobox", name="Principal").fill(person)
    page.get_by_role("option", name=person).click()
    expect(page.get_by_text("No: User does not have USE CATALOG").first).to_be_visible()
    picture(page, "explain")
    page.keyboard.press("Escape")
    page.goto(f"/explore/data/{world.catalog}?tab=permissions")
    page.get_by_role("checkbox", name=f"Choose EXECUTE of {team}").check()
    page.get_by_role("button", name="Revoke").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(page.get_by_role("row", name=re.compile("EXECUTE Granted here"))).to_be_hidden()


def test_activity_tells_who_changed_what(page: Page, world: World) -> None:
    page.goto(f"{world.page}?tab=activity")
    table = page.get_by_role("table", name="Activity")
    expect(
        table.get_by_role("row", name=re.compile(r"alias\.set alias Champion: none → 1|alias\.set"))
    ).not_to_have_count(0)
    expect(table.get_by_text("model.get")).to_have_count(0)
    picture(page, "activity")


def test_search_finds_by_alias_tag_and_words(page: Page, world: World) -> None:
    page.goto("/explore")
    expect(page.get_by_role("heading", name="Catalog Explorer")).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type(f"{world.catalog} churn")
    page.get_by_role("option", name=re.compile(re.escape(world.model))).first.click()
    expect(page.get_by_role("heading", name="Model churn")).to_be_visible()
    page.goto(f"/explore/search?q={world.catalog}&kind=MODEL")
    expect(page.get_by_label("Words")).to_have_value(world.catalog)
    results = page.get_by_role("table", name="Search results")
    expect(results.get_by_role("link", name=world.model, exact=True)).to_be_visible()
    page.get_by_label("Tag").fill("task:none")
    expect(page.get_by_role("heading", name="Nothing found")).to_be_visible()
    assert "tag=task%3Anone" in page.url
    picture(page, "search")
    page.get_by_label("Tag").fill("")
    page.get_by_label("Owner").fill("admin")  # two changes before the address knows of either
    page.get_by_role("radiogroup", name="Kind").get_by_text("All").click()
    expect(page).to_have_url(re.compile(r"q=[^&]+&owner=admin$"))
    page.get_by_label("Search catalogs, schemas and models").fill("elsewhere")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Words")).to_have_value("elsewhere")
    expect(page.get_by_label("Owner")).to_have_value("")


def test_mlflows_pages_in_our_frame_keep_the_address_in_step(browser: Browser, world: World) -> None:
    page = open_page(browser, world.server)
    experiment, run = world.runs[0]
    page.goto(f"/explore/experiments/{experiment}/runs/{run}")
    frame = page.frame_locator("iframe[title='MLflow experiments and runs']")
    expect(frame.get_by_text("accuracy").first).to_be_visible(timeout=30_000)
    picture(page, "experiments")
    frame.get_by_role("link", name="Runs", exact=True).first.click()
    expect(page).to_have_url(re.compile(rf"/explore/experiments/{experiment}(?!/runs/{run})"))
    page.goto(f"/explore/experiments/{experiment}/runs/{run}")
    page.get_by_role("button", name="Register model").click()
    expect(page.get_by_role("dialog").get_by_text("depth 3", exact=True)).to_be_visible()
    page.keyboard.press("Escape")
    experiments = page.get_by_role("navigation", name="Main").get_by_role("link", name="Experiments")
    experiments.click()
    expect(page).to_have_url(re.compile("/explore/experiments$"))
    inside = page.locator("iframe[title='MLflow experiments and runs']")
    inside.evaluate("frame => { frame.contentWindow.location.hash = '#/settings' }")  # what has no page of ours
    page.wait_for_timeout(1000)
    experiments.click()
    page.wait_for_function("document.querySelector('iframe').contentWindow.location.hash.startsWith('#/experiments')")
    inside.evaluate("frame => { frame.contentWindow.location.hash = '#/models' }")
    expect(page.get_by_role("heading", name="Catalog Explorer")).to_be_visible()
    page.context.close()


def test_renaming_and_deleting(page: Page, world: World) -> None:
    name = f"{world.catalog}.ml_team.short_lived"
    world.server.cli("models", "create", name)
    world.server.cli("models", "copy", world.model, "1", name)
    refused: list[str] = []
    page.on("response", lambda response: refused.append(response.url) if response.status >= 400 else None)
    page.goto(f"/explore/data/models/{name.replace('.', '/')}")
    page.get_by_role("button", name="More actions on this registered model").click()
    page.get_by_role("menuitem", name="Rename").click()
    page.get_by_label("New name").fill("renamed")
    page.get_by_role("button", name="Rename", exact=True).click()
    expect(page.get_by_role("heading", name="Model renamed")).to_be_visible()
    page.get_by_role("link", name="Version 1").click()
    page.get_by_role("button", name="More actions on this version").click()
    page.get_by_role("menuitem", name="Delete").click()
    expect(page.get_by_role("button", name="Delete", exact=True)).to_be_disabled()
    page.get_by_label("Type 1 to confirm").fill("1")
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_text("No versions yet")).to_be_visible()
    page.get_by_role("button", name="More actions on this registered model").click()
    page.get_by_role("menuitem", name="Delete").click()
    page.get_by_label("Type renamed to confirm").fill("renamed")
    picture(page, "delete")
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_role("heading", name="Schema ml_team")).to_be_visible()
    expect(page.get_by_role("table", name="Models").get_by_role("link", name="renamed")).to_have_count(0)
    page.wait_for_timeout(500)
    assert refused == [], f"what is gone is not asked for again: {refused}"
