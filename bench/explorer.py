"""The web UI in a real browser: how soon a model's page can be used, and whether ten thousand rows scroll smoothly."""

import importlib.util
import json
import os
import sqlite3
import statistics
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from bench.program import Missing, Server, database, modelkeep
from bench.report import Row, at_most

FIRST, AGAIN = 5, 3  # first visits, each with a cache of its own, and those that follow each
SETTLED_S = 4.0  # a browser that has just been started is busy with itself, and a new window loads pages of its own
STEPS = 120  # turns of the wheel, one a frame or so
FULL = "bench.explorer.model_00000"
UC = "/api/2.1/unity-catalog"


def measure(folder: Path) -> list[Row]:
    chromium = os.environ.get("CHROMIUM", "/usr/bin/chromium")
    if not Path(chromium).exists() or importlib.util.find_spec("playwright") is None:
        raise Missing("chromium or playwright is not installed")
    from playwright.sync_api import sync_playwright

    with modelkeep(folder / "modelkeep") as server:
        _fill(server, folder / "modelkeep")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
            browser.new_page().goto("about:blank")
            time.sleep(SETTLED_S)
            rows = [*_opening(browser, server), *_scrolling(_signed_in(browser, server))]
            browser.close()
    return rows


def _signed_in(browser: Any, server: Server) -> Any:
    """A context of its own: with the cookie of a session, and nothing in its cache."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, base_url=server.url)
    form = {"token": server.headers["Authorization"].removeprefix("Bearer "), "next": "/"}
    context.request.post("/login", form=form, headers={"origin": server.url}, max_redirects=0)
    return context


def _opening(browser: Any, server: Server) -> list[Row]:
    """From the address to a page whose versions are there and whose buttons answer."""
    first, again = list[float](), list[float]()
    for _ in range(FIRST):
        context = _signed_in(browser, server)
        page = context.new_page()
        time.sleep(SETTLED_S)
        for taken in (first, *[again] * AGAIN):
            begun = time.perf_counter()
            page.goto(f"/explore/data/models/{FULL.replace('.', '/')}", wait_until="commit")
            # Plain selectors: to find by role, the page would have to compute every element's name meanwhile.
            page.locator("a[href$='/version/10000']").first.wait_for()
            page.locator("button[aria-label='Edit tags']").click()
            page.locator("[role='dialog']").wait_for()
            taken.append((time.perf_counter() - begun) * 1000)
        context.close()
    new, result = statistics.median(first), statistics.median(again)
    return [
        at_most(
            "a model's page until a dialog of it is open, first visit, median", f"{new:.0f} ms", "", new, 1000, "ms"
        ),
        at_most("the same, scripts kept by the browser, median", f"{result:.0f} ms", "", result, 1000, "ms"),
    ]


def _scrolling(context: Any) -> list[Row]:
    rows: list[Row] = []
    for what, path, table in (
        ("models", f"/explore/data/{FULL.rpartition('.')[0].replace('.', '/')}", "Models"),
        ("versions", f"/explore/data/models/{FULL.replace('.', '/')}", "Versions"),
    ):
        page = context.new_page()
        page.goto(path)
        text = page.get_by_role("table", name=table).locator("tbody tr[aria-rowindex]")
        text.nth(3).hover()
        context.browser.start_tracing(page=page, categories=["toplevel", "__metadata"])
        for _ in range(STEPS):
            page.mouse.wheel(0, 900)
            page.wait_for_timeout(16)
        far = int(text.last.get_attribute("aria-rowindex") or 0)
        processor, wall = _longest(json.loads(context.browser.stop_tracing()))
        label = f"10,000 {what}, longest task of the page while {far:,} rows pass, processor time"
        rows.append(at_most(label, f"{processor:.0f} ms ({wall:.0f} ms)", f"{text.count()} rows", processor, 200, "ms"))
        page.close()
    return rows


def _longest(trace: dict[str, Any]) -> tuple[float, float]:
    """Milliseconds of the main thread's longest task: of a processor, and by the clock."""
    events = trace["traceEvents"]
    named = {"args": {"name": "CrRendererMain"}, "name": "thread_name"}
    main = {(event["pid"], event["tid"]) for event in events if named.items() <= event.items()}
    tasks = [event for event in events if (event["pid"], event["tid"]) in main and event.get("ph") == "X"]
    return max(task.get("tdur", 0) for task in tasks) / 1000, max(task["dur"] for task in tasks) / 1000


def _fill(server: Server, data: Path) -> None:
    """A schema of ten thousand models, the first of which has ten thousand versions."""
    sys.path.append(str(Path(__file__).parents[1] / "tests"))
    from e2e.many import many_models  # pyright: ignore[reportMissingImports]

    catalog, schema, name = FULL.split(".")
    server.call("POST", f"{UC}/catalogs", {"name": catalog})
    server.call("POST", f"{UC}/schemas", {"name": schema, "catalog_name": catalog})
    fields = {"catalog_name": catalog, "schema_name": schema}
    server.call("POST", f"{UC}/models", {"name": name, **fields})
    server.call("POST", f"{UC}/models/versions", {"model_name": name, "source": "s3://elsewhere/model", **fields})
    with closing(sqlite3.connect(database(data), timeout=30)) as db, db:
        db.execute("UPDATE model_versions SET status = 'READY'")
    many_models(database(data), FULL)
