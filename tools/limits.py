"""Writes docs/dev/limits.md: each name of src/modelkeep/limits.py with what reads it and the tests that name it."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src/modelkeep/limits.py"
PAGE = ROOT / "docs/dev/limits.md"

HEAD = """\
# Limits

These limits bound the cost of one caller, or of all callers together. `tools/limits.py` writes this page from `src/modelkeep/limits.py` and
`limits-elsewhere.md`. "Where" lists the modules that read a limit, "Tests" the tests that name it. Other tests lower a limit through a
parameter, or reach it from outside.
"""

TAIL = ROOT / "docs/dev/limits-elsewhere.md"


TABLE = "| Limit | Value | What | Where | Tests |\n| --- | --- | --- | --- | --- |\n"


def main() -> None:
    src = {path: path.read_text() for path in sorted((ROOT / "src/modelkeep").rglob("*.py")) if path != SOURCE}
    tests = {path: path.read_text() for path in sorted((ROOT / "tests").rglob("*.py"))}
    PAGE.write_text(HEAD + "".join(_sections(SOURCE.read_text(), src, tests)) + "\n" + TAIL.read_text())


def _sections(text: str, src: dict[Path, str], tests: dict[Path, str]) -> list[str]:
    titles = {
        number: _capitalized(line.strip("#- "))
        for number, line in enumerate(text.splitlines(), 1)
        if line.startswith("# ---")
    }
    parts: list[str] = []
    body = ast.parse(text).body
    for node, following in zip(body, [*body[1:], None], strict=True):
        if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Name):
            continue
        for number in [number for number in titles if number < node.lineno]:
            parts.append(
                f"\n## {titles.pop(number)}\n\n| Limit | Value | What | Where | Tests |\n| --- | --- | --- | --- | --- |\n"
            )
        said = following.value if isinstance(following, ast.Expr) else None
        what = " ".join(str(said.value).split()) if isinstance(said, ast.Constant) else ""
        name = node.targets[0].id
        cells = (
            f"`{name}`",
            f"`{ast.unparse(node.value)}`",
            what,
            _named(name, src, "src/modelkeep"),
            _named(name, tests, "tests"),
        )
        parts.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n")
    return parts


def _capitalized(title: str) -> str:
    return title[:1].upper() + title[1:]


def _named(name: str, files: dict[Path, str], below: str) -> str:
    word = re.compile(rf"\b{name}\b")
    return ", ".join(f"`{path.relative_to(ROOT / below)}`" for path, text in files.items() if word.search(text))


if __name__ == "__main__":
    main()
