"""The architecture page names files that exist, each room of the house, and thirty terms."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "modelkeep"
PAGE = (ROOT / "docs" / "dev" / "architecture.md").read_text()
MAX_WORDS = 25


def section(title: str) -> str:
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def rows(title: str) -> list[list[str]]:
    lines = [line for line in section(title).splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:] if "---" not in line]


DECISIONS = rows("Where each decision lives")
TERMS = rows("Glossary")
PATHS = sorted({path for _, cell in DECISIONS for path in re.findall(r"`([\w./*-]+/[\w./*-]*|\w+\.py)`", cell)})


def exists(path: str) -> bool:
    """A path below src/modelkeep, or below the repository; a bare name is that of a module in the package named before it."""
    return any(list(folder.glob(path.rstrip("/"))) for folder in (SOURCE, ROOT)) or bool(list(SOURCE.rglob(path)))


@pytest.mark.parametrize("path", PATHS)
def test_each_place_exists(path: str) -> None:
    assert exists(path), path


def test_the_table_has_each_question_once() -> None:
    questions = [question for question, _ in DECISIONS]
    assert len(questions) > 50 and len(set(questions)) == len(questions)
    assert all(re.search(r"`[^`]+`|\]\(", cell) for _, cell in DECISIONS), "each row names a file or a page"


@pytest.mark.parametrize(
    ("words", "path"),
    [
        ("the SQL of search", "store/model_search.py"),
        ("presigned URL", "api/files/presigned_urls.py"),
        ("where an alias is set", "ui/src/dialogs/"),
        ("the owner of a schema may delete", "domain/authorization.py"),
        ("lease is extended", "jobs/lease.py"),
        ("starts and stops", "serve/process.py"),
        ("which routes are served", "serve/application.py"),
        ("how JSON", "http/unique_json.py"),
        ("a setting and its default", "settings.py"),
        ("which tracking route passes", "tracking/route_rules.py"),
        ("how a failure looks", "api/errors.py"),
        ("what an operation needs", "core/table.py"),
    ],
)
def test_a_question_leads_to_its_file(words: str, path: str) -> None:
    assert [question for question, cell in DECISIONS if words in question and path in cell], words


def test_each_room_is_in_the_picture_of_imports() -> None:
    named = {name for room, _ in rows("Who imports whom") for name in re.findall(r"`(\w+)`", room)}
    packages = {path.name for path in SOURCE.iterdir() if (path / "__init__.py").is_file()}
    modules = {path.stem for path in SOURCE.glob("*.py")} - {"__init__", "__main__"}
    assert packages - {"web"} | modules == named


def test_the_glossary_has_thirty_terms_in_order() -> None:
    terms = [term for term, _ in TERMS]
    assert len(terms) >= 30 and len(set(terms)) == len(terms)
    assert terms == sorted(terms, key=str.casefold)
    assert [meaning for _, meaning in TERMS if len(meaning.split()) > MAX_WORDS] == []
