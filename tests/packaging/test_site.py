"""The documentation site: every operation of the API has its place, links from and to the root's files hold, nothing comes from outside."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def hook() -> ModuleType:
    spec = importlib.util.spec_from_file_location("site_hook", ROOT / "tools" / "site.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def page(path: str) -> Any:
    return SimpleNamespace(file=SimpleNamespace(src_uri=path))


DOCUMENT = {
    "info": {"description": "About."},
    "tags": [{"name": "Unity Catalog", "description": "For the SDK."}, {"name": "Files"}],
    "paths": {
        "/models/{name}": {
            "get": {
                "operationId": "get_model",
                "tags": ["Unity Catalog"],
                "summary": "Get model",
                "description": "Needs: EXECUTE.",
                "parameters": [{"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}],
                "responses": {
                    "200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Model"}}}}
                },
            },
            "patch": {
                "operationId": "update_model",
                "tags": ["Unity Catalog"],
                "summary": "Update model",
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Change"}}}},
                "responses": {"204": {"description": "Done."}},
            },
        },
        "/files": {"put": {"operationId": "put", "tags": ["Files"], "summary": "Put", "responses": {}}},
    },
    "components": {
        "schemas": {
            "Model": {"properties": {"tags": {"type": "array", "items": {"$ref": "#/components/schemas/Tag"}}}},
            "Change": {
                "properties": {
                    "comment": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                    "kind": {"enum": ["A", "B"]},
                    "options": {"type": "object", "additionalProperties": {"type": "integer"}},
                },
                "required": ["kind"],
            },
        }
    },
}


def test_each_operation_has_its_place(hook: ModuleType) -> None:
    pages = hook.api_pages(DOCUMENT)
    assert set(pages) == {f"reference/api/{name}.md" for name in ("index", "unity-catalog", "files")}
    text = pages["reference/api/unity-catalog.md"]
    assert re.findall(r"^### .*", text, re.MULTILINE) == [
        "### Get model { #get_model }",
        "### Update model { #update_model }",
    ]
    assert "`GET /models/{name}`" in text and "Needs: EXECUTE." in text
    assert "| `name` | path | text | yes |" in text
    assert "| `comment` | body | text |  |" in text and "| `kind` | body | one of `A`, `B` | yes |" in text
    assert "| `options` | body | map of text to integer |  |" in text
    assert "Answer 200: `tags` (list of Tag)." in text and "Answer 204: Done." in text
    assert "| [Unity Catalog](unity-catalog.md) | 2 | For the SDK. |" in pages["reference/api/index.md"]


@pytest.mark.parametrize(
    ("at", "link", "becomes"),
    [
        ("guides/install.md", "../../CHANGELOG.md", "../changelog.md"),
        ("index.md", "../SECURITY.md#report-a-vulnerability", "security.md#report-a-vulnerability"),
        ("dev/architecture.md", "decisions/", "decisions/index.md"),
        ("dev/architecture.md", "races.md", "races.md"),
        ("security.md", "docs/dev/threat-model.md", "dev/threat-model.md"),
        ("contributing.md", "CHANGELOG.md", "changelog.md"),
        ("contributing.md", "deploy/README.md#how-this-is-checked", "guides/deploy.md#how-this-is-checked"),
        ("guides/deploy.md", "../docs/guides/proxy.md", "proxy.md"),
        ("guides/deploy.md", "../SECURITY.md", "../security.md"),
        ("guides/install.md", "https://example.com/CHANGELOG.md", "https://example.com/CHANGELOG.md"),
    ],
)
def test_links_between_the_root_and_the_docs(hook: ModuleType, at: str, link: str, becomes: str) -> None:
    assert hook.on_page_markdown(f"See [this]({link}).", page(at), None, None) == f"See [this]({becomes})."


def test_a_link_to_a_file_that_is_no_page_is_text(hook: ModuleType) -> None:
    assert (
        hook.on_page_markdown("See [the file](compose/compose.yaml).", page("guides/deploy.md"), None, None)
        == "See the file."
    )


@pytest.mark.parametrize(
    "html",
    [
        '<script src="https://cdn.example.com/x.js"></script>',
        '<img alt="" src="//example.com/x.png">',
        '<link rel="stylesheet" href="https://fonts.example.com/css">',
    ],
)
def test_what_another_host_would_serve_is_a_warning(
    hook: ModuleType, html: str, caplog: pytest.LogCaptureFixture
) -> None:
    hook.on_post_page('<a href="https://example.com">x</a><script src="/a.js"></script>', page("x.md"), None)
    assert not caplog.records
    hook.on_post_page(html, page("x.md"), None)
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_lists_that_two_readers_see_in_two_ways(hook: ModuleType) -> None:
    assert list(hook.misread("Text:\n- one\n- two\n\n- three\n")) == ["- one"]
    assert list(hook.misread("Text:\n| a |\n| --- |\n")) == ["| a |"]
    assert list(hook.misread("Text:\n\n- one\n  goes on\n- two\n\n```sh\nx\n- y\n```\n")) == []


def test_every_decision_is_listed(hook: ModuleType) -> None:
    listed = re.findall(r"\]\((.+?)\)", hook.decisions(ROOT / "docs/dev/decisions"))
    assert listed == sorted(path.name for path in (ROOT / "docs/dev/decisions").glob("0*.md"))
