"""In a real browser: drafts of descriptions, requests for access, protected aliases, governed tags, workspaces."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from completions import Completions, completions
from e2e.explorer import World, needs_the_pages, open_page, picture
from live import Server, running_server
from playwright.sync_api import Browser, Page, Route, expect

pytestmark = needs_the_pages


# --- drafts of descriptions ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def scribe() -> Iterator[Completions]:
    with completions() as model:
        yield model


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
    asker.get_by_role("tab", name="My requests").click()
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
    expect(asker.get_by_role("link", name="Version 1", exact=True)).to_be_visible()

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


# --- protected aliases -----------------------------------------------------------------------------------------------


def test_a_protected_alias_is_moved_by_those_who_may(browser: Browser, page: Page, world: World) -> None:
    schema = f"{world.catalog}.ml_team"
    person, team = f"mover@{world.catalog}.io", world.users[1]
    token = world.server.user(person)["DATABRICKS_TOKEN"]
    world.server.cli("grants", "add", "catalog", world.catalog, person, "USE_CATALOG", "USE_SCHEMA")
    world.server.cli("grants", "add", "function", world.model, person, "EXECUTE", "MANAGE")
    page.goto(f"/explore/data/{world.catalog}/ml_team")
    page.get_by_role("button", name="Protect alias").click()
    dialog = page.get_by_role("dialog", name=f"Protect an alias on {schema}")
    dialog.get_by_role("textbox", name="Alias").fill("Gate")
    dialog.get_by_role("combobox", name="Who may move it").fill(team)
    page.get_by_role("option", name=team).click()
    picture(page, "protect")
    dialog.get_by_role("button", name="Protect", exact=True).click()
    about = page.get_by_role("complementary", name="About this schema")
    expect(about).to_contain_text(f"@Gatemoved by {team}")
    page.goto(world.page)
    expect(page.get_by_role("complementary")).to_contain_text(f"moved by {team}, by a rule of schema {schema}")

    mover = open_page(browser, world.server, token=token)
    mover.goto(f"{world.page}/version/1")
    mover.get_by_role("button", name="Set alias").click()
    dialog = mover.get_by_role("dialog")
    dialog.get_by_role("textbox", name="Alias").fill("Gate")
    expect(dialog.get_by_role("status")).to_contain_text(f"is protected on schema {schema}. Who may move it: {team}")
    dialog.get_by_role("button", name="Set alias").click()
    expect(dialog.get_by_role("alert")).to_contain_text(f"Alias 'Gate' is protected on Schema '{schema}'")
    picture(mover, "protected")
    world.server.cli("groups", "add-member", team, person)
    dialog.get_by_role("button", name="Set alias").click()
    expect(mover.get_by_role("complementary").get_by_text("@Gate").first).to_be_visible()
    mover.context.close()

    page.goto(f"/explore/data/{world.catalog}/ml_team")
    page.get_by_role("button", name="Remove the protection of Gate").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove", exact=True).click()
    expect(about).to_contain_text("None. Everyone who may set aliases can move them.")


# --- governed tags ---------------------------------------------------------------------------------------------------


def test_a_governed_tag_offers_its_values(page: Page, world: World) -> None:
    key, team = f"stage_{world.catalog}", world.users[1]
    page.goto("/explore/admin/tags")
    page.get_by_role("button", name="Create governed tag").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("textbox", name="Key").fill(key)
    for value in ("dev", "prod"):
        dialog.get_by_role("combobox", name="Allowed values").fill(value)
        page.keyboard.press("Enter")
    dialog.get_by_role("button", name="Create").click()
    expect(page.get_by_role("row", name=re.compile(f"{key} dev ?prod"))).to_be_visible()
    page.get_by_role("button", name=f"Actions on {key}").click()
    page.get_by_role("menuitem", name="Permissions").click()
    dialog = page.get_by_role("dialog", name=f"Permissions of {key}")
    dialog.get_by_role("combobox", name="Assign").fill(team)
    page.get_by_role("option", name=team).click()
    picture(page, "tag-permissions")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_be_hidden()
    picture(page, "tags")

    page.goto(world.page)
    page.get_by_role("button", name="Edit tags").click()
    page.get_by_role("combobox", name="Key").fill(key)
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("status")).to_contain_text(
        "is a governed tag. Only principals with ASSIGN can set or remove it."
    )
    page.get_by_role("combobox", name="Value").fill("test")
    dialog.get_by_role("button", name="Save tags").click()
    expect(dialog.get_by_role("alert")).to_contain_text("its value is one of 'dev', 'prod'")
    page.get_by_role("combobox", name="Value").fill("")
    page.get_by_role("option", name="prod").click()
    picture(page, "governed")
    dialog.get_by_role("button", name="Save tags").click()
    expect(page.get_by_role("complementary")).to_contain_text(f"{key}prod")

    page.goto("/explore/admin/tags")
    page.get_by_role("button", name=f"Actions on {key}").click()
    page.get_by_role("menuitem", name="Delete").click()
    page.get_by_label(f"Type {key} to confirm").fill(key)
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_role("row", name=re.compile(key))).to_have_count(0)


def test_whoever_may_make_governed_tags_finds_where(browser: Browser, world: World) -> None:
    """Told by the server, not by being an account admin."""
    person = f"tags@{world.catalog}.io"
    page = open_page(browser, world.server, token=world.server.user(person)["DATABRICKS_TOKEN"])
    page.goto("/explore")
    link = page.get_by_role("link", name="Governed tags")
    expect(page.get_by_role("link", name="Access tokens")).to_be_visible()
    expect(link).to_have_count(0)
    headers = {"authorization": f"Bearer {world.server.admin_token}"}
    with httpx.Client(base_url=world.server.host, headers=headers) as http:
        account = http.get("/.well-known/databricks-config").json()["account_id"]
        path, name = "/api/2.0/preview/accounts/access-control/rule-sets", f"accounts/{account}/ruleSets/default"
        before = http.get(path, params={"name": name, "etag": ""}).json()
        rules = [*before["grant_rules"], {"role": "roles/tagPolicy.creator", "principals": [f"users/{person}"]}]
        put = {"name": name, "rule_set": {"name": name, "etag": before["etag"], "grant_rules": rules}}
        assert http.put(path, json=put).status_code == 200
    page.reload()
    link.click()
    page.get_by_role("button", name="Create governed tag").first.click()
    page.get_by_role("dialog").get_by_role("textbox", name="Key").fill(f"mine_{world.catalog}")
    page.get_by_role("dialog").get_by_role("button", name="Create").click()
    expect(page.get_by_role("row", name=re.compile(f"mine_{world.catalog}"))).to_be_visible()
    expect(page.get_by_role("tab", name="Users")).to_have_count(0)
    picture(page, "tags-of-a-creator")
    page.context.close()


# --- workspaces ------------------------------------------------------------------------------------------------------


def test_a_workspace_is_made_assigned_and_a_catalog_bound_to_it(page: Page, world: World) -> None:
    name, team = f"lab-{world.catalog}", world.users[1]
    address = world.server.host.replace("127.0.0.1", f"{name.replace('_', '-')}.localhost")
    page.goto("/explore/admin/workspaces")
    page.get_by_role("button", name="Create workspace").click()
    page.get_by_role("textbox", name="Name").fill(name)
    page.get_by_role("textbox", name="Address").fill(address)
    page.get_by_role("dialog").get_by_role("button", name="Create").click()
    expect(page.get_by_role("row", name=f"{name} {address}")).to_be_visible()
    page.get_by_role("button", name=f"Actions on {name}").click()
    page.get_by_role("menuitem", name="People").click()
    dialog = page.get_by_role("dialog", name=f"People of {name}")
    dialog.get_by_role("combobox", name="Assign").fill(team)
    page.get_by_role("option", name=team).click()
    dialog.get_by_role("button", name="Assign").click()
    expect(dialog.get_by_role("button", name=f"Unassign {team}")).to_be_visible()
    picture(page, "people")
    dialog.get_by_role("button", name=f"Unassign {team}").click()
    expect(dialog).to_contain_text("Only account admins may enter.")
    page.keyboard.press("Escape")
    picture(page, "workspaces")
    page.get_by_role("button", name="Workspace default").click()
    expect(page.get_by_role("menuitem", name=name)).to_have_attribute("href", f"{address}/explore")
    page.keyboard.press("Escape")

    page.goto(f"/explore/data/{world.catalog}?tab=workspaces")
    page.get_by_role("button", name="Bind workspace").click()
    page.get_by_role("combobox", name="Workspace").fill(name)
    page.get_by_role("option", name=name).click()
    page.get_by_role("combobox", name="Access").click()
    page.get_by_role("option", name="Read only").click()
    page.get_by_role("dialog").get_by_role("button", name="Bind").click()
    bound = page.get_by_role("table", name="Bound workspaces")
    expect(bound.get_by_role("row", name=f"{name} Read only")).to_be_visible()
    page.get_by_role("switch", name="Isolated").click()
    page.get_by_role("dialog").get_by_role("button", name="Isolate").click()
    expect(bound.get_by_role("row", name="default this one Read and write")).to_be_visible()
    expect(page.get_by_role("switch", name="Isolated")).to_be_checked()
    picture(page, "bindings")
    page.get_by_role("button", name=f"Actions on {name}").click()
    page.get_by_role("menuitem", name="Let it write").click()
    expect(bound.get_by_role("row", name=f"{name} Read and write")).to_be_visible()
    page.get_by_role("button", name=f"Actions on {name}").click()
    page.get_by_role("menuitem", name="Unbind").click()
    expect(bound.get_by_role("row", name=re.compile(name))).to_have_count(0)
    page.get_by_role("switch", name="Isolated").click()
    expect(page.get_by_role("switch", name="Isolated")).not_to_be_checked()

    page.goto("/explore/admin/workspaces")
    page.get_by_role("button", name=f"Actions on {name}").click()
    page.get_by_role("menuitem", name="Delete").click()
    page.get_by_label(f"Type {name} to confirm").fill(name)
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_role("row", name=re.compile(name))).to_have_count(0)


# --- the rest of administration --------------------------------------------------------------------------------------


def test_the_audit_log_is_filtered_and_exported(page: Page, world: World) -> None:
    page.goto("/explore/admin/audit")
    page.get_by_role("textbox", name="Event").fill("alias.set")
    page.get_by_role("textbox", name="On", exact=True).fill(world.model)
    table = page.get_by_role("table", name="Audit log")
    expect(table.get_by_text("version.create")).to_have_count(0)
    expect(table.get_by_text("alias.set").first).to_be_visible()
    expect(page).to_have_url(re.compile(f"name={re.escape(world.model)}"))
    for item, field in (("As shown here", "event"), ("In Databricks' schema", "actionName")):
        page.get_by_role("button", name="Export").click()
        with page.expect_download() as coming, page.expect_request(re.compile("/audit.*changes_only=true")):
            page.get_by_role("menuitem", name=item).click()
        lines = [json.loads(line) for line in Path(coming.value.path()).read_text().splitlines()]
        assert lines
        assert {line[field] for line in lines} <= {"alias.set", "setRegisteredModelAlias"}
        assert ("serviceName" in lines[0]) == (field == "actionName")


def test_a_user_is_deactivated_after_a_question(page: Page, world: World) -> None:
    person = f"leaver@{world.catalog}.io"
    world.server.cli("users", "create", person)
    page.goto("/explore/admin/users")
    actions = page.get_by_role("button", name=f"Actions on {person}")
    for label in ("Deactivate", "Activate"):
        actions.click()
        page.get_by_role("menuitem", name=label, exact=True).click()
        if label == "Deactivate":
            expect(page.get_by_role("dialog")).to_contain_text(
                f"This immediately ends all sessions and tokens of {person}."
            )
            page.get_by_role("dialog").get_by_role("button", name="Deactivate").click()
        row = page.get_by_role("row", name=re.compile(re.escape(person)))
        expect(row).to_contain_text("deactivated" if label == "Deactivate" else "active")


def test_a_token_of_somebody_else_is_made_and_revoked(page: Page, world: World) -> None:
    person = world.users[0]
    late: list[Route] = []

    def hold(route: Route) -> None:
        late.append(route)

    page.route("**/api/modelkeep/v1/users", hold)
    page.goto("/explore/tokens")
    page.get_by_role("combobox", name="Tokens of").fill(person)
    page.wait_for_timeout(200)
    for route in late:  # the list of everybody comes when a name is typed already
        route.continue_()
    page.unroute("**/api/modelkeep/v1/users", hold)
    expect(page.get_by_role("option", name=person)).to_be_visible()
    expect(page.get_by_role("combobox", name="Tokens of")).to_have_value(person)
    page.get_by_role("option", name=person).click()
    page.get_by_role("button", name="Create token").first.click()
    page.get_by_role("textbox", name="What is it for?").fill("nightly")
    page.get_by_role("button", name="Create", exact=True).click()
    expect(page.get_by_label("The token", exact=True)).to_contain_text("mk_")
    page.get_by_role("button", name="Done").click()
    page.get_by_role("button", name="Revoke token nightly").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(page.get_by_text("No tokens")).to_be_visible()


def test_a_version_leads_to_its_run_in_mlflows_pages(page: Page, world: World) -> None:
    experiment, run = world.runs[0]
    page.goto(f"{world.page}/version/1")
    page.get_by_role("link", name=run).click()
    expect(page).to_have_url(re.compile(f"/explore/experiments/{experiment}/runs/{run}"))
    frame = page.frame_locator("iframe[title='MLflow experiments and runs']")
    expect(frame.get_by_text("depth 3").first).to_be_visible(timeout=30_000)
    expect(page.get_by_role("button", name="Register model")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="churn Version 1")).to_be_visible()
