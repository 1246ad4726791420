"""Each limit of limits.py is read by the program, and named by a test that reaches it or holds the part that has it."""

import ast
import re
from pathlib import Path

import pytest

from modelkeep import limits

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src/modelkeep/limits.py"
NAMES = [
    node.targets[0].id
    for node in ast.parse(SOURCE.read_text()).body
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
]


def _words(folder: str) -> set[str]:
    texts = (path.read_text() for path in (ROOT / folder).rglob("*.py") if path not in (SOURCE, Path(__file__)))
    return {word for text in texts for word in re.findall(r"\b[A-Z][A-Z0-9_]+\b", text)}


@pytest.mark.parametrize("folder", ["src/modelkeep", "tests"])
def test_each_limit_is_named(folder: str) -> None:
    assert sorted(set(NAMES) - _words(folder)) == []


def test_each_limit_has_a_value_and_a_name_of_its_own() -> None:
    assert len(NAMES) > 200 and len(NAMES) == len(set(NAMES))
    assert all(getattr(limits, name) for name in NAMES)
