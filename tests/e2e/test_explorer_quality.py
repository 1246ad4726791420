"""In a real browser: Catalog Explorer is small, harmless with hostile content, and says what somebody may not see."""

import re
import uuid

import httpx
from e2e.explorer import UC, Complaints, World, needs_the_pages, open_page, picture
from live import Server
from playwright.sync_api import Browser, Response, expect

pytestmark = needs_the_pages

FIRST_ROUTE = 250_000  # bytes of gzipped JavaScript
HOSTILE = """<img src=x onerror="window.hurt=1"><script>window.hurt=1</script>

[a link](javascript:window.hurt=1) ![a picture](https://elsewhere.example/p.png) <b>bold</b>

\u202eright to left"""


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


def test_the_scripts_of_a_page_are_named_in_its_head(browser: Browser, world: World) -> None:
    """None is found out about only when another has run: that is what makes a first visit slow. But the reader of Markdown comes
    only where there is some, which the page learns with the model."""
    scripts: list[str] = []
    page = open_page(browser, world.server)
    page.on("request", lambda request: scripts.append(request.url) if request.url.endswith(".js") else None)
    for address in (world.page, f"{world.page}/version/1", f"/explore/data/{world.catalog}", "/explore/admin/tags"):
        answer = page.goto(address)
        assert answer is not None
        head = answer.text().partition("</head>")[0]
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        assert 0 < len(scripts) < 20, scripts
        late = [url for url in scripts if url.removeprefix(world.server.host) not in head]
        assert [url for url in late if "/Markdown-" not in url] == []
        scripts.clear()
    page.context.close()


def test_hostile_content_is_shown_and_does_nothing(browser: Browser, world: World) -> None:
    name = f"{world.catalog}.ml_team.x{uuid.uuid4().hex[:4]}<img src=x onerror=alert(1)>".replace(" ", "_")
    headers = {"authorization": f"Bearer {world.server.admin_token}"}
    with httpx.Client(base_url=world.server.host, headers=headers) as http:
        catalog, schema, leaf = name.split(".")
        created = http.post(
            f"{UC}/models", json={"catalog_name": catalog, "schema_name": schema, "name": leaf, "comment": HOSTILE}
        )
        assert created.status_code == 200, created.text
        tags = {"changes": {"add_tags": [{"key": "<script>", "value": "<b>x</b>"}]}}
        tagged = http.patch(f"{UC}/securable-tags/function/{name}", json=tags)
        assert tagged.status_code == 200, tagged.text
    urls: list[str] = []
    complaints = Complaints()
    page = open_page(browser, world.server)
    complaints.hear(page)
    page.on("request", lambda request: urls.append(request.url))
    page.on("dialog", lambda dialog: complaints.append(dialog.message))
    page.goto(f"/explore/data/{world.catalog}/ml_team")
    page.get_by_role("link", name=leaf).click()
    expect(page.get_by_role("heading", name=f"Model {leaf}")).to_be_visible()
    expect(page.get_by_text("<b>x</b>")).to_be_visible()
    expect(page.get_by_text("<script>window.hurt=1</script>", exact=False)).to_be_visible()
    link = page.get_by_text("a link", exact=True)
    expect(link).to_be_visible()
    assert "javascript" not in (link.get_attribute("href") or "")
    expect(page.get_by_text("⟨U+202E⟩right to left")).to_be_visible()
    expect(page.get_by_role("link", name="a picture")).to_have_attribute("rel", "noreferrer noopener nofollow")
    picture(page, "hostile")
    page.goto(f"/explore/search?q={leaf[:5]}")
    expect(page.get_by_role("table", name="Search results")).to_be_visible()
    assert page.evaluate("window.hurt") is None
    assert [url for url in urls if not url.startswith(world.server.host)] == []
    page.context.close()
    assert complaints == []


def test_whoever_may_only_browse_is_told_what_is_missing(browser: Browser, world: World) -> None:
    person = f"browser@{world.catalog}.io"
    token = world.server.user(person)["DATABRICKS_TOKEN"]
    world.server.cli("grants", "add", "catalog", world.catalog, person, "BROWSE", "USE_CATALOG", "USE_SCHEMA")
    page = open_page(browser, world.server, token=token)
    page.goto(world.page)
    expect(page.get_by_text("Versions, aliases, tags and files need EXECUTE")).to_be_visible()
    page.goto(f"{world.page}/version/1")
    expect(page.get_by_role("alert")).to_contain_text("User does not have EXECUTE")
    page.goto(f"/explore/search?q={world.model}")
    row = page.get_by_role("table", name="Search results").get_by_role("row", name=re.compile(re.escape(world.model)))
    expect(row.first).to_contain_text("browse only")
    page.goto("/explore")
    create = page.get_by_role("button", name="Create catalog").first
    expect(create).to_have_attribute("aria-description", re.compile("CREATE CATALOG"))
    page.goto("/explore/admin/users")
    expect(page.get_by_role("heading", name="For account admins")).to_be_visible()
    expect(page.get_by_role("button", name="Add user")).to_have_count(0)
    expect(page.get_by_role("link", name="Administration", exact=True)).to_have_count(0)
    page.context.close()
