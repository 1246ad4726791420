"""What mkdocs.yml cannot say about the documentation site: pages that are made while it is built, and checks of its own.

- `reference/api/*.md`: the HTTP API, one page a tag, from `ui/openapi.json` (which `make site` brings up to date).
- Pages for the files of the project that are not in docs/: the changelog, how to contribute, how to deploy, ...
- `dev/decisions/index.md`: the list of decisions.
- A warning, and so an error, for a page that loads something from another host, and for Markdown that GitHub and this site read
  in two ways.
"""

import json
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import get_plugin_logger
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
API = "reference/api"
ROOT_PAGES = {
    "CHANGELOG.md": "changelog.md",
    "CODE_OF_CONDUCT.md": "code-of-conduct.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "deploy/README.md": "guides/deploy.md",
}
"""Files outside of docs/ that are pages of the site, too."""
DECISIONS = "dev/decisions"
_LINK = re.compile(r"\[((?:[^\[\]]|!?\[[^\]]*\])*)\]\(([^)\s#:]+)(#[^)\s]*)?\)")
_LOADED = re.compile(r"""<(?:script|img|iframe|link rel="stylesheet")[^>]*?(?:src|href)=["']((?:https?:)?//[^"']+)""")

log = get_plugin_logger("site")
Json = dict[str, Any]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    for name, target in ROOT_PAGES.items():
        files.append(File.generated(config, target, content=(ROOT / name).read_text()))
    files.append(File.generated(config, f"{DECISIONS}/index.md", content=decisions(ROOT / "docs" / DECISIONS)))
    for path, content in api_pages(json.loads((ROOT / "ui/openapi.json").read_text())).items():
        files.append(File.generated(config, path, content=content))
    config.nav = _with_folders(cast(Any, config.nav), sorted(file.src_uri for file in files.documentation_pages()))
    return files


def _with_folders(nav: Any, paths: list[str]) -> Any:
    """The navigation, with the pages of a folder in the place of its name (`reference/api/`), `index.md` first."""
    if isinstance(nav, list):
        return [_with_folders(entry, paths) for entry in cast("list[Any]", nav)]
    if isinstance(nav, dict):
        return {title: _with_folders(entry, paths) for title, entry in cast(Json, nav).items()}
    if not nav.endswith("/"):
        return nav
    return [f"{nav}index.md", *(path for path in paths if path.startswith(nav) and not path.endswith("/index.md"))]


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    for line in misread(markdown):
        log.warning(f"{page.file.src_uri}: a list or table needs an empty line before it: {line!r}")
    return _LINK.sub(lambda link: _moved(link, page.file.src_uri), markdown)


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    for address in _LOADED.findall(output):
        log.warning(f"{page.file.src_uri}: loads {address} from another host")
    return output


def misread(markdown: str) -> Iterator[str]:
    """Lists and tables that follow a paragraph without an empty line: GitHub sees them, Python-Markdown does not."""
    before, fenced = "", False
    for line in markdown.splitlines():
        fenced ^= line.lstrip().startswith("```")
        if not fenced and re.match(r"- |1\. |\|", line) and before.strip() and not re.match(r"- |\d+\. |\||\s", before):
            yield line[:60]
        before = line


def decisions(folder: Path) -> str:
    """A list of the decision records by their titles."""
    titles = {
        path.name: path.read_text().partition("\n")[0].removeprefix("# ") for path in sorted(folder.glob("0*.md"))
    }
    return "# Decisions\n\n" + "".join(f"- [{title}]({name})\n" for name, title in titles.items())


def _moved(link: re.Match[str], page: str) -> str:
    """The link as the site has it. Files outside of docs/ are pages of the site, or no link at all."""
    text, target, anchor = link.groups(default="")
    source = next((source for source, path in ROOT_PAGES.items() if path == page), f"docs/{page}")
    path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
    if path in ROOT_PAGES:
        path = f"docs/{ROOT_PAGES[path]}"
    elif path in ("docs/dev/decisions", "docs/reference/api"):
        path += "/index.md"
    elif source.startswith("docs/"):
        return link.group()
    if not path.startswith("docs/"):
        return text
    return f"[{text}]({posixpath.relpath(path, posixpath.dirname(f'docs/{page}'))}{anchor})"


# --- the HTTP API


def api_pages(document: Json) -> dict[str, str]:
    """Path -> Markdown: an index, and one page a tag."""
    tags = {tag["name"]: tag.get("description", "") for tag in document["tags"]}
    schemas = document["components"]["schemas"]
    operations: dict[str, list[str]] = {tag: [] for tag in tags}
    for path, item in document["paths"].items():
        for method, operation in item.items():
            operations[operation["tags"][0]].append(_operation(method.upper(), path, operation, schemas))
    rows = [f"| [{tag}]({_slug(tag)}.md) | {len(operations[tag])} | {tags[tag]} |" for tag in tags]
    head = "A running server has this description as OpenAPI 3.1 at `/openapi.json`, and a page to try it at `/docs`."
    index = (
        f"# HTTP API\n\n{document['info']['description']}\n{head}\n\n| Part | Operations | For |\n| --- | --- | --- |\n"
    )
    pages = {f"{API}/index.md": index + "\n".join(rows) + "\n"}
    for tag, about in tags.items():
        pages[f"{API}/{_slug(tag)}.md"] = f"# API: {tag}\n\n{about}\n\n" + "\n".join(operations[tag])
    return pages


def _slug(tag: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", tag.lower()).strip("-")


def _operation(method: str, path: str, operation: Json, schemas: Json) -> str:
    lines = [f"### {operation['summary']} {{ #{operation['operationId']} }}", "", f"`{method} {path}`", ""]
    if about := operation.get("description"):
        lines += [about, ""]
    fields = [
        (p["name"], p["in"], p["schema"], p.get("required", False), p.get("description", ""))
        for p in operation.get("parameters", [])
    ]
    for schema in _contents(operation.get("requestBody", {})):
        fields += _body(schema, schemas)
    if fields:
        lines += ["| Field | In | Type | Required |", "| --- | --- | --- | --- |"]
        lines += [
            f"| `{name}` | {place} | {type_of(schema)}{f'. {about}' if about else ''} | {'yes' if required else ''} |"
            for name, place, schema, required, about in fields
        ]
        lines.append("")
    for status, answer in operation["responses"].items():
        if status.startswith("2"):
            lines += [_answer(status, answer, schemas), ""]
    return "\n".join(lines)


def _contents(body: Json) -> Iterator[Json]:
    for content in body.get("content", {}).values():
        if schema := content.get("schema"):
            yield schema


def _resolved(schema: Json, schemas: Json) -> Json:
    return schemas[_name(schema)] if "$ref" in schema else schema


def _body(schema: Json, schemas: Json) -> Iterator[tuple[str, str, Json, bool, str]]:
    schema = _resolved(schema, schemas)
    for name, kind in schema.get("properties", {}).items():
        yield name, "body", kind, name in schema.get("required", []), kind.get("description", "")


def _answer(status: str, answer: Json, schemas: Json) -> str:
    for schema in _contents(answer):
        fields = _resolved(schema, schemas).get("properties", {})
        named = ", ".join(f"`{name}` ({type_of(kind)})" for name, kind in fields.items())
        return f"Answer {status}: {named or type_of(schema)}."
    return f"Answer {status}: {answer.get('description', '')}"


def _name(schema: Json) -> str:
    return schema["$ref"].rpartition("/")[2]


def type_of(schema: Json) -> str:
    """A JSON schema in words."""
    if "$ref" in schema:
        return _name(schema).rpartition(".")[2]
    if "enum" in schema:
        return "one of " + ", ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    for word in ("anyOf", "oneOf", "allOf"):
        if word in schema:
            kinds = [type_of(kind) for kind in schema[word] if kind.get("type") != "null"]
            return " or ".join(dict.fromkeys(kinds))
    if schema.get("type") == "array":
        return f"list of {type_of(schema.get('items') or {})}"
    if schema.get("type") == "object" and isinstance(values := schema.get("additionalProperties"), dict):
        return f"map of text to {type_of(values)}"
    kind: str = schema.get("type", "any")
    return {"string": "text"}.get(kind, kind)
