"""In a real browser: what the pages say is so, and what somebody typed or looks at survives a restart, a sign-in and a colleague."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx
import pytest
from e2e.explorer import UC, V1, needs_the_pages, open_page, picture
from live import Server, new_catalog, run_client, succeeded
from playwright.sync_api import Browser, Locator, Page, Route, expect

pytestmark = needs_the_pages

MAKE = """
import json, sys
import mlflow, pandas as pd
from mlflow import MlflowClient
from mlflow.data.delta_dataset_source import DeltaDatasetSource
from mlflow.models import infer_signature
catalog = sys.argv[1]
name = f"{catalog}.ml_team.steps"
class Model(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input):
        return [0.5]
def log(signature, registered):
    return mlflow.pyfunc.log_model(name="model", python_model=Model(), signature=signature, pip_requirements=["numpy"],
                                   registered_model_name=registered)
mlflow.set_experiment(f"/truth {catalog}")
frames = pd.DataFrame({"age": [1.0], "plan": ["a"]}), pd.DataFrame({"age": [1], "amount": [2.0]})
for frame in frames:
    with mlflow.start_run(run_name="thirty steps"):
        for step in range(30):
            mlflow.log_metric("train_loss", 1 - step / 40, step=step)
        source = DeltaDatasetSource(delta_table_name=f"{catalog}.ml_team.features", delta_table_version=12)
        mlflow.log_input(mlflow.data.from_pandas(frame, source=source), "training")
        log(infer_signature(frame, [0.5]), name)
with mlflow.start_run(run_name="no signature"):
    log(None, None)
client = MlflowClient()
for alias, version in (("Alpha", 2), ("Champion", 1)):
    client.set_registered_model_alias(name, alias, version)
"""


@dataclass
class Facts:
    """`model` has two READY versions of different signatures, @Champion on the first, @Alpha on the second, and one PENDING."""

    server: Server
    catalog: str
    model: str
    http: httpx.Client

    @property
    def page(self) -> str:
        return f"/explore/data/models/{self.model.replace('.', '/')}"

    def ok(self, method: str, path: str, fields: object = None) -> dict[str, object]:
        answer = self.http.request(method, path, json=fields)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture(scope="module")
def facts(server: Server) -> Iterator[Facts]:
    catalog = new_catalog(server)
    succeeded(run_client(server, MAKE, catalog))
    headers = {"authorization": f"Bearer {server.admin_token}"}
    with httpx.Client(base_url=server.host, headers=headers, timeout=30) as http:
        facts = Facts(server, catalog, f"{catalog}.ml_team.steps", http)
        fields = {"name": facts.model, "source": "models:/m-1"}
        facts.ok("POST", "/api/2.0/mlflow/unity-catalog/model-versions/create", fields)
        yield facts


def answering(document: object) -> Callable[[Route], None]:
    return lambda route: route.fulfill(json=document)


def test_auditors_find_the_audit_log(browser: Browser, facts: Facts) -> None:
    name = f"auditor@{facts.catalog}.io"
    token = facts.server.user(name)["DATABRICKS_TOKEN"]
    other = open_page(browser, facts.server, token=token)
    other.goto("/explore/admin/audit")
    expect(
        other.get_by_text("Only account admins and members of the auditors' group read the audit log.")
    ).to_be_visible()
    expect(other.get_by_role("link", name="Audit log")).to_be_hidden()
    facts.server.cli("groups", "create", "auditors")
    facts.server.cli("groups", "add-member", "auditors", name)
    other.goto("/explore")
    other.get_by_role("link", name="Audit log").click()
    expect(other.get_by_role("table", name="Audit log").get_by_text("session.start").first).to_be_visible()
    picture(other, "auditor")
    other.context.close()


def test_access_is_explained_and_the_owner_is_described_as_is(page: Page, facts: Facts) -> None:
    person, catalog = f"holder@{facts.catalog}.io", facts.catalog
    inner, outer = f"guild of {catalog}", f"engineers of {catalog}"
    for fields in (
        {"name": person, "kind": "users"},
        {"name": inner, "kind": "groups"},
        {"name": outer, "kind": "groups"},
    ):
        facts.ok("POST", f"{V1}/{fields['kind']}", {"name": fields["name"]})
    facts.ok("PUT", f"{V1}/groups/{inner}/members/{person}")
    facts.ok("PUT", f"{V1}/groups/{outer}/members/{inner}")
    granted = {"changes": [{"principal": outer, "add": ["USE_CATALOG", "USE_SCHEMA", "EXECUTE"]}]}
    facts.ok("PATCH", f"{UC}/permissions/catalog/{catalog}", granted)
    page.goto(f"{facts.page}?tab=permissions")
    expect(page.get_by_text("who may do everything here")).to_be_visible()
    page.get_by_role("button", name="Explain access").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("combobox", name="Principal").fill(person)
    page.get_by_role("option", name=person).click()
    dialog.get_by_text("By EXECUTE").first.click()
    expect(
        dialog.get_by_text(f"EXECUTE on catalog {catalog}, granted to {outer} (through {inner} > {outer})").first
    ).to_be_visible()
    expect(dialog.get_by_text("Ask admin").first).to_be_visible()
    picture(page, "explained")
    page.keyboard.press("Escape")
    facts.ok("POST", f"{V1}/users", {"name": f"heir@{catalog}.io"})
    lonely = f"{catalog}.ml_team.lonely"
    facts.ok("POST", f"{UC}/models", {"name": "lonely", "catalog_name": catalog, "schema_name": "ml_team"})
    facts.ok("PATCH", f"{UC}/models/{lonely}", {"owner": f"heir@{catalog}.io"})
    page.goto(f"/explore/data/models/{lonely.replace('.', '/')}?tab=permissions")
    expect(page.get_by_text("who lacks these privileges")).to_be_visible()
    expect(page.get_by_role("list", name="Needed privileges")).to_contain_text(f"USE CATALOG on catalog {catalog}")


def test_refusals_name_what_is_missing_and_whom_to_ask(browser: Browser, facts: Facts) -> None:
    person = f"holder@{facts.catalog}.io"
    token = facts.server.cli("tokens", "create", "--principal", person).split()[-1]
    holder = open_page(browser, facts.server, token=token)
    holder.goto(f"{facts.page}/version/1")
    holder.get_by_role("button", name="Copy this version").click()
    dialog = holder.get_by_role("dialog")
    dialog.get_by_label("Destination model").fill(facts.model)
    holder.get_by_role("option", name=facts.model).click()
    dialog.get_by_role("button", name="Copy", exact=True).click()
    expect(dialog.get_by_role("alert")).to_contain_text("User does not have CREATE MODEL VERSION")
    expect(dialog.get_by_role("list", name="Needed privileges")).to_contain_text("Ask admin")
    expect(dialog.get_by_role("button", name="Request access")).to_be_visible()
    picture(holder, "refusal")
    holder.keyboard.press("Escape")
    expect(holder.get_by_role("button", name="Set alias").first).to_have_accessible_description(re.compile("Ask admin"))
    stranger = open_page(browser, facts.server, token=facts.server.user(f"s@{facts.catalog}.io")["DATABRICKS_TOKEN"])
    stranger.goto(f"{facts.page}/version/1")
    expect(stranger.get_by_role("list", name="Needed privileges")).to_contain_text("USE CATALOG")
    expect(stranger.get_by_role("button", name="Request access")).to_be_visible()
    for opened in (holder, stranger):
        opened.context.close()


def test_an_alias_warns_before_it_moves_to_something_else(page: Page, facts: Facts) -> None:
    page.goto(facts.page)
    facts_of = page.get_by_role("complementary", name="About this model")
    facts_of.get_by_role("button", name="Set alias").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("textbox", name="Alias").fill("Champion")
    changes = dialog.get_by_role("list", name="Changes of the signature")
    for change in (
        "Input plan is removed",
        "Input amount (double) is new and required",
        "Input age is long, and was double",
    ):
        expect(changes).to_contain_text(change)
    dialog.get_by_role("combobox", name="Version").click()
    page.get_by_role("option", name="Version 3").click()
    expect(dialog.get_by_text("Version 3 is not ready")).to_be_visible()
    move = dialog.get_by_role("button", name="Move alias")
    expect(move).to_be_disabled()
    picture(page, "alias of a version that is not ready")
    dialog.get_by_role("checkbox", name="Set the alias anyway").check()
    expect(move).to_be_enabled()


def test_code_and_lineage_are_of_the_version_that_works(page: Page, facts: Facts) -> None:
    page.goto(f"{facts.page}?tab=use")
    expect(page.get_by_label("Load it in Python", exact=True)).to_contain_text(f"models:/{facts.model}@Champion")
    page.goto(f"{facts.page}/version/3?tab=use")
    expect(page.get_by_text("Version 3 is not ready.")).to_be_visible()
    page.goto(f"{facts.page}?tab=lineage")
    expect(page.get_by_role("combobox", name="Version")).to_have_value("Version 1")
    graph = page.locator(".react-flow")
    expect(graph.get_by_text("thirty steps")).to_be_visible()
    for text in ("Version 1", f"/truth {facts.catalog}", "version 12"):
        expect(graph.get_by_text(text, exact=True)).to_be_visible()
    picture(page, "lineage of Champion")
    page.goto(f"{facts.page}/version/1")
    expect(page.get_by_role("table", name="Metrics")).to_contain_text("0.275 (step 29)")
    expect(page.get_by_role("link", name="thirty steps")).to_be_visible()


def test_a_run_of_another_workspace_opens_there(page: Page, facts: Facts) -> None:
    other = {
        "id": "7",
        "name": "research",
        "url": "http://research.example",
        "default": False,
        "created_at": 1,
        "created_by": "x",
    }
    known = facts.ok("GET", f"{V1}/workspaces")["workspaces"]
    assert isinstance(known, list)
    page.route("**/api/modelkeep/v1/workspaces", answering({"workspaces": [*known, other]}))
    version = facts.ok("GET", f"{V1}/models/{facts.model}/versions/1")
    path = f"/explore/experiments/{version['experiment_id']}/runs/{version['run_id']}"
    for workspace, href in (("7", f"http://research.example{path}"), (version["workspace_id"], path), ("8", None)):
        seen = {**version, "workspace_id": workspace}
        page.route(f"**/models/{facts.model}/versions/1", answering(seen))
        page.goto(f"{facts.page}/version/1")
        about = page.get_by_role("complementary", name="About this version")
        expect(about).to_contain_text(str(version["run_id"])[:8])
        expect(about.locator("a[href*='/runs/']")).to_have_count(0 if href is None else 1)
        if href is not None:
            expect(about.locator("a[href*='/runs/']")).to_have_attribute("href", href)
        if workspace != version["workspace_id"]:
            expect(about).to_contain_text(f"in workspace {'research' if workspace == '7' else workspace}")


def test_registering_asks_for_a_signature(page: Page, facts: Facts) -> None:
    page.goto(facts.page)
    page.get_by_role("button", name="Register version").click()
    dialog = page.get_by_role("dialog")
    for field, option in (("Experiment", f"/truth {facts.catalog}"), ("Run", "no signature")):
        dialog.get_by_role("combobox", name=field, exact=True).click()
        page.get_by_role("option", name=option).click()
    expect(dialog.get_by_role("combobox", name="Model of the run")).to_have_value("model")
    dialog.get_by_role("button", name="Register", exact=True).click()
    expect(dialog.get_by_role("alert")).to_contain_text("The model has no signature")
    page.goto(facts.page)
    expect(page.get_by_role("link", name="Version 3", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="Version 4")).to_be_hidden()  # nothing was made that failed
    page.goto(f"/explore/data/{facts.catalog}")
    switch = page.get_by_role("switch", name="Every version needs one")
    switch.click()
    expect(page.get_by_text("Every new version needs a signature from now on.")).to_be_visible()
    assert facts.ok("GET", f"{UC}/catalogs/{facts.catalog}")["properties"] == {"require_signature": "true"}
    switch.click()
    expect(page.get_by_text("Plain MLflow clients may register without a signature.")).to_be_visible()
    assert facts.ok("GET", f"{UC}/catalogs/{facts.catalog}")["properties"] == {}


def test_mlflows_pages_ask_for_nothing_that_is_not_there(browser: Browser, facts: Facts) -> None:
    failed: list[str] = []
    page = open_page(browser, facts.server)
    page.on("response", lambda answer: failed.append(f"{answer.status} {answer.url}") if answer.status >= 400 else None)
    experiment = facts.ok("GET", f"{V1}/models/{facts.model}/versions/1")["experiment_id"]
    page.goto(f"/explore/experiments/{experiment}/runs")
    frame = page.frame_locator("iframe")
    expect(frame.get_by_text("thirty steps").first).to_be_visible(timeout=30_000)
    expect(frame.get_by_text("ENDPOINT_NOT_FOUND")).to_have_count(0)
    button = frame.locator("button[data-assistant-ui]")
    expect(button).to_have_count(1)  # else MLflow marks it in another way
    expect(button).to_be_hidden()
    picture(page, "mlflow frame")
    page.context.close()
    assert failed == []


def test_a_page_outlives_a_server_that_is_away(page: Page, facts: Facts) -> None:
    page.goto(facts.page)
    expect(page.get_by_role("link", name="Version 1", exact=True)).to_be_visible()
    page.context.set_offline(True)
    page.get_by_role("link", name="Version 1", exact=True).click()
    away = page.get_by_role("status").filter(has_text="The server does not answer. This page tries again by itself.")
    expect(away).to_be_visible()
    expect(page.get_by_text("dynamically imported")).to_have_count(0)
    waiting = page.get_by_role("status").filter(has_text="This page needs the server")
    expect(waiting).to_be_visible()  # and not the shape of a page that never comes
    waiting.get_by_role("button", name="Try again").click()
    expect(waiting).to_be_visible()
    picture(page, "away")
    page.context.set_offline(False)
    expect(page.get_by_role("heading", name="steps Version 1")).to_be_visible()
    expect(page.get_by_role("table", name="Metrics")).to_be_visible()
    expect(away).to_be_hidden()


def test_a_newer_build_offers_to_reload(page: Page, facts: Facts) -> None:
    page.goto(facts.page)
    expect(page.get_by_role("link", name="Version 1", exact=True)).to_be_visible()

    def newer(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(
            response=answer, body=re.sub(r"assets/index-[\w-]+\.js", "assets/index-newer000.js", answer.text())
        )

    page.route("**/explore", newer)
    page.route("**/assets/Version-*.js", lambda route: route.fulfill(status=404))
    page.get_by_role("link", name="Version 1", exact=True).click()
    expect(page.get_by_text("A new version of Modelkeep is available.")).to_be_visible()
    picture(page, "newer")
    page.unroute("**/explore")
    page.unroute("**/assets/Version-*.js")
    page.get_by_role("button", name="Reload").click()
    expect(page.get_by_role("heading", name="steps Version 1")).to_be_visible()


def test_what_was_typed_survives_the_end_of_the_session(page: Page, facts: Facts) -> None:
    page.goto(f"{facts.page}/version/2")
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_role("textbox", name="Description").fill("Worth keeping.")
    page.context.clear_cookies()
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("alert").filter(has_text="Your session has ended").get_by_role("link", name="Sign in").click()
    expect(page.get_by_role("status")).to_contain_text("Your session has ended.")
    page.get_by_label("Access token").fill(facts.server.admin_token)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("textbox", name="Description")).to_have_value("Worth keeping.")
    picture(page, "back with the text")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Description saved.")).to_be_visible()
    assert facts.ok("GET", f"{V1}/models/{facts.model}/versions/2")["comment"] == "Worth keeping."


@pytest.mark.parametrize(
    ("address", "button", "field"),
    [
        ("{m}", "Edit tags", "Key"),
        ("{m}", "Set alias", "Alias"),
        ("{m}", "Protect alias", "Alias"),
        ("/explore/tokens", "Create token", "What is it for?"),
        ("/explore/data/{c}/ml_team", "Create prompt", "Template"),
        ("/explore/admin/tags", "Create governed tag", "Key"),
        ("/explore/admin/groups", "Add group", "Name"),
        ("/explore/admin/workspaces", "Create workspace", "Address"),
    ],
)
def test_a_dialog_that_is_closed_by_accident_keeps_its_text(
    page: Page, facts: Facts, address: str, button: str, field: str
) -> None:
    page.goto(address.format(m=facts.page, c=facts.catalog))

    def opened() -> Locator:
        page.get_by_role("button", name=button).first.click()
        dialog = page.get_by_role("dialog")
        text_box = dialog.get_by_role("textbox", name=field, exact=True)
        return text_box.or_(dialog.get_by_role("combobox", name=field, exact=True)).first

    opened().fill("half a thought")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")  # the first may have closed a list of suggestions only
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(opened()).to_have_value("half a thought")
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(opened()).to_have_value("")


def test_two_who_write_at_once_see_each_others_text(page: Page, facts: Facts) -> None:
    facts.ok("PATCH", f"{UC}/models/{facts.model}", {"comment": "first\nsecond"})
    page.goto(facts.page)
    page.get_by_role("button", name="Edit description").click()
    box = page.get_by_role("textbox", name="Description")
    box.fill("first\nmine")
    facts.ok("PATCH", f"{UC}/models/{facts.model}", {"comment": "first\ntheirs"})
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Somebody else has saved a description meanwhile")).to_be_visible()
    expect(page.get_by_role("region", name="Differences")).to_have_text(re.compile(r"first\s*- theirs\s*\+ mine"))
    picture(page, "two texts")
    assert facts.ok("GET", f"{UC}/models/{facts.model}")["comment"] == "first\ntheirs"
    page.get_by_role("button", name="Save mine").click()
    expect(page.get_by_text("Description saved.")).to_be_visible()
    assert facts.ok("GET", f"{UC}/models/{facts.model}")["comment"] == "first\nmine"


def test_compare_asks_which_where_its_address_does_not_say(page: Page, facts: Facts) -> None:
    for address, sentence in (
        ("", "Choose the versions to compare."),
        ("?versions=2", "The address names one version."),
        ("?versions=1,2,3", "because the address names 3"),
        ("?versions=a,b", "Choose the versions to compare."),
    ):
        page.goto(f"{facts.page}/compare{address}")
        expect(page.get_by_role("status").filter(has_text=sentence)).to_be_visible()
        expect(page.get_by_role("link", name="Back to the model")).to_be_visible()
    page.goto(f"{facts.page}/compare?versions=2")
    page.get_by_role("combobox", name="To").click()
    page.get_by_role("option", name="Version 1").click()
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_role("heading", name="Compare versions 2 and 1")).to_be_visible()
    expect(page.get_by_role("table", name="Metrics")).to_contain_text("0.275 (step 29)")


def test_short_texts_are_words_without_marks(page: Page, facts: Facts) -> None:
    link = '[release managers](https://x.example/a_b "t")'
    comment = f"# Owners\n\nDecisions are **final**. Changes go through {link}.\n\n- [x] snake_case stays"
    facts.ok("PATCH", f"{UC}/catalogs/{facts.catalog}", {"comment": comment})
    page.goto("/explore")
    row = page.get_by_role("row").filter(has_text=facts.catalog).first
    expect(row).to_contain_text("Owners Decisions are final. Changes go through release managers. snake_case stays")
