"""The page on troubleshooting has each sentence with which a start, `check`, `doctor` or `audit verify` can fail, as code has them."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TypeGuard

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "modelkeep"
PAGE = ROOT / "docs" / "guides" / "troubleshooting.md"
STARTS = {"BadSetting", "PortInUse", "RegistryError"}
"""Errors that a start raises, wherever they are raised."""
ERRORS = STARTS | {"Unavailable", "InvalidArgument", "NotFound", "WrongState"}
FINDINGS = {"note", "problem"}
"""Functions that make a finding of `doctor`, for what is not as it should be."""
HERE = ("store", "blobs")
"""Packages whose `Unavailable` ends a start, or a command that reads the data directory."""


def template(node: ast.expr | None, constants: dict[str, ast.expr]) -> str | None:
    """The text of an expression, with `{}` for what varies; None where it is not spelled in this module."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    if isinstance(node, ast.Name) and node.id in constants:
        return template(constants[node.id], constants)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
        return template(node.func.value, constants)
    return None


def is_finding(node: ast.AST, module: str) -> TypeGuard[ast.Yield | ast.Return | ast.Assign | ast.keyword]:
    """Does the node say what `check` or `audit verify` reports?"""
    if isinstance(node, ast.Yield):
        return module == "jobs/check.py"
    if isinstance(node, ast.Return):
        return module == "cli/audit_chain.py" and isinstance(node.value, ast.JoinedStr | ast.Constant)
    return isinstance(node, ast.Assign | ast.keyword) and ast.unparse(node).startswith(("broken =", "broken="))


def sentences(path: Path) -> Iterator[str]:
    """The sentences of one module that stand on the page."""
    name, tree = path.relative_to(SOURCE).as_posix(), ast.parse(path.read_text())
    constants = {
        node.targets[0].id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in FINDINGS:
            text = template(node.args[0], constants)
            assert not name.startswith("cli/") or text, (
                f"{name}:{node.lineno}: spell the sentence where the finding is made"
            )
            if name.startswith("cli/") and text:
                yield text
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ERRORS and node.args:
            text = template(node.args[0], constants)
            local = name.startswith(("cli/", "jobs/archive")) or (
                node.func.id == "Unavailable" and name.startswith(HERE)
            )
            if text and (node.func.id in STARTS or local or re.search(r"MODELKEEP_|modelkeep\[", text)):
                yield text
        elif is_finding(node, name) and (text := template(node.value, constants)):
            yield text
    if name.startswith(HERE):
        yield from (
            text
            for value in constants.values()
            if (text := template(value, {})) and re.fullmatch(r"[A-Z'].* .*\.", text)
        )


@cache
def collected() -> tuple[str, ...]:
    return tuple(sorted({text for path in SOURCE.rglob("*.py") for text in sentences(path)}))


def pattern(sentence: str) -> str:
    """A regular expression for the sentence on the page, where a word of any kind stands for what varies."""
    pieces = re.split(r"\{(?::[^{}]*)?\}", sentence)
    return "[^|\n]+?".join(re.escape(piece) for piece in pieces)


@pytest.mark.parametrize("sentence", collected())
def test_the_page_has_each_sentence(sentence: str) -> None:
    assert re.search(pattern(sentence), PAGE.read_text().replace("\\|", "|")), f"Not on {PAGE.name}: {sentence}"


def test_the_page_has_no_other_sentence() -> None:
    """A row whose sentence no code spells any more would mislead."""
    patterns = [re.compile(pattern(sentence)) for sentence in collected()]
    tables = re.findall(r"^\| The message \|.*\n\| --- .*\n((?:\|.*\n)+)", PAGE.read_text(), re.MULTILINE)
    rows = [row for table in tables for row in re.findall(r"^\| (.+?) \| .+ \|$", table, re.MULTILINE)]
    assert len(rows) > 80
    assert [row for row in rows if not any(p.fullmatch(row) for p in patterns)] == []


def test_sentences_are_collected_from_every_place() -> None:
    sentences = "\n".join(collected())
    for part in (
        "MODELKEEP_STORAGE_URL must be",
        "is in no manifest",
        "PostgreSQL does not answer",
        "written by a newer",
        "No server is named",
        "does not speak TLS",
        "is too old for this server",
        "Link {} is missing",
    ):
        assert part in sentences


if __name__ == "__main__":
    print(*collected(), sep="\n")
