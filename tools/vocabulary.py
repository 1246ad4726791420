"""Names and words that the house does not use.

A name says what it holds (`model`, `row`, `grants`), not what happened to it.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
NAMES = frozenset(
    {"found", "told", "asked", "made", "held", "kept", "given", "wanted", "shown", "one", "some", "more", "each"}
)
"""No variable, parameter, field or function is called so; a leading or trailing underscore changes nothing."""
WORDS = re.compile(r"\b(told|asked|whoever)\b", re.IGNORECASE)
"""Words that stand in no text either, since a sentence with them hides who does what to whom."""
LETTERS = re.compile(r"\bfaces? [a-e]\b|\bface_[a-e]\b", re.IGNORECASE)
"""A dialect is called after its client (`databricks-uc`), never after a letter: not in tests either."""
NAMES_ALONE = ("tests", "bench", "examples")
"""Folders where sentences may have these words, and names may not."""
SENTENCES = (
    re.compile(r"No privilege on .{1,60} is asked for\."),
    re.compile(r"Only who asked for access can withdraw the request\."),
    re.compile(r"asked for on \{"),
    re.compile(r"Asked anew, for more\."),
    re.compile(r"Whoever is refused should know why\. Give a reason\."),
    re.compile(r"is not asked: only https addresses are\."),
)
"""Texts that clients and audit records have held since before the rule: they stay as they are."""

_TS = "|".join(sorted(NAMES))
_TS_NAME = re.compile(
    rf"\b(?:const|let|var|function|async function)\s+({_TS})\b"  # const found = ..., function told(
    rf"|\b(?:const|let|var)\s+[{{\[][^}}\]=]*?\b({_TS})\s*(?=[,}}\]])"  # const {{ data: found }} = ..., const [one, two]
    rf"|\(\{{[^{{}}]*?(?<![.\w])({_TS})\s*(?=[,}}=])"  # ({{ model, found }}: Props)
    rf"|(?<![.\w])({_TS})\s*(?=\)?\s*=>)"  # found => ..., (found) => ...
    rf"|(?<=[(,])\s*({_TS})\s*\??(?=:\s)"  # (found: Model, more?: boolean)
)


def findings(path: Path) -> Iterator[tuple[int, str]]:
    """(line, what is wrong) of one file: Python and TypeScript by names and words, others by words; tests and benches by names."""
    text = path.read_text()
    lines = text.splitlines()
    if not _by_names_alone(path):
        yield from _words(lines)
    for number, line in enumerate(lines, 1):
        yield from ((number, f"dialect: '{match[0]}' is called after its client") for match in LETTERS.finditer(line))
    if path.suffix == ".py":
        names = _python_names(ast.parse(text, filename=str(path)))
    elif path.suffix in {".ts", ".tsx"}:
        names = _typescript_names(text)
    else:
        return
    for number, name in names:
        if "# house: name because " not in lines[number - 1]:
            yield number, f"name: '{name}' does not say what it holds"


def _by_names_alone(path: Path) -> bool:
    return any(ROOT / folder in path.parents for folder in NAMES_ALONE)


def _words(lines: list[str]) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(lines, 1):
        for sentence in SENTENCES:
            line = sentence.sub("", line)
        yield from ((number, f"word: '{match[0]}'") for match in WORDS.finditer(line))


def _python_names(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                pass
            case ast.arg(arg=name) | ast.alias(asname=str(name)):
                pass
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                pass
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                pass
            case _:
                continue
        if name.strip("_") in NAMES:
            yield node.lineno, name


def _typescript_names(text: str) -> Iterator[tuple[int, str]]:
    for match in _TS_NAME.finditer(text):
        name = next(group for group in match.groups() if group)
        yield text.count("\n", 0, match.end()) + 1, name


def files() -> Iterator[Path]:
    """Every file that the rule is about."""
    for folder, suffixes in (
        ("src/modelkeep", (".py", ".sql")),
        ("tools", (".py",)),
        ("ui/src", (".ts", ".tsx", ".css")),
        ("docs", (".md",)),
        *((folder, (".py",)) for folder in NAMES_ALONE),
    ):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in suffixes and path.name != "generated.ts" and path != Path(__file__):
                yield path


def check() -> list[str]:
    """What `make check` refuses."""
    return [
        f"{path.relative_to(ROOT)}:{line}: {finding}" for path in files() for line, finding in sorted(findings(path))
    ]


def main() -> int:
    """`vocabulary.py` prints the findings of all files, `vocabulary.py PATH...` of these files or folders."""
    roots = [Path(argument).resolve() for argument in sys.argv[1:]] or [ROOT]
    for path in files():
        if any(path == root or root in path.parents for root in roots):
            for line, finding in sorted(findings(path)):
                sys.stdout.write(f"{path.relative_to(ROOT)}:{line}: {finding}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
