"""In a real browser: what a run's files hold is looked at as text, whatever it would rather be."""

import json

import httpx
from e2e.explorer import Complaints, World, needs_the_pages, open_page, picture
from live import run_client, succeeded
from playwright.sync_api import Browser, Page, expect

pytestmark = needs_the_pages
SVG = '<svg xmlns="http://www.w3.org/2000/svg" onload="window.hurt=1"><script>parent.hurt = 1</script></svg>'
RUN = f"""
import json, pathlib, mlflow
mlflow.pyfunc.save_model("m", python_model=lambda model_input: model_input, pip_requirements=[])
model = pathlib.Path("m", "MLmodel")
model.write_text(model.read_text() + 'metadata: !!python/object/apply:os.system ["touch hurt"]\\n')
pathlib.Path("m", "picture.svg").write_text({SVG!r})
with mlflow.start_run() as run:
    mlflow.log_artifacts("m", "trained")
print("run", run.info.run_id)
"""


def test_files_that_would_rather_be_programs(browser: Browser, world: World) -> None:
    run = succeeded(run_client(world.server, RUN)).rpartition("run ")[2].split()[0]
    name = f"{world.catalog}.ml_team.hostile"
    world.server.cli("models", "create", name)
    headers = {"authorization": f"Bearer {world.server.admin_token}"}
    with httpx.Client(base_url=world.server.host, headers=headers, timeout=60) as http:
        body = {"name": name, "source": f"runs:/{run}/trained", "run_id": run}
        created = http.post("/api/2.0/mlflow/model-versions/create", content=json.dumps(body))
        assert created.status_code == 200, created.text
        complaints = Complaints()
        page = open_page(browser, world.server)
        complaints.hear(page)
        page.goto(f"/explore/data/models/{name.replace('.', '/')}/version/1")
        expect(page.get_by_role("heading", name="hostile Version 1")).to_be_visible()
        expect(page.get_by_text("Registering", exact=True)).to_have_count(0, timeout=60_000)
        picture(page, "hostile-version")
        if page.get_by_text("Failed", exact=True).count():
            expect(page.get_by_role("alert")).to_contain_text("MLmodel")
        else:
            _look_at_the_files(page, http, name)
        assert page.evaluate("window.hurt") is None
        page.context.close()
    assert complaints == []


def _look_at_the_files(page: Page, http: httpx.Client, name: str) -> None:
    page.get_by_role("tab", name="Files").click()
    for file, text in (("MLmodel", "!!python/object"), ("picture.svg", "onload=")):
        page.get_by_role("button", name=f"Preview {file}").click()
        expect(page.get_by_label(f"Content of {file}")).to_contain_text(text)
        page.keyboard.press("Escape")
    sent = http.get(f"/api/2.0/fs/files/Models/{name.replace('.', '/')}/1/picture.svg")
    assert sent.headers["content-disposition"].startswith("attachment")
    assert sent.headers["x-content-type-options"] == "nosniff"
