"""Names and words that the house does not use, and how many of them each file may still hold.

A name says what it holds (`model`, `row`, `grants`), not what happened to it. Files that are older than this rule are
listed with a count in `tools/vocabulary.txt`. A count may only fall, and a file that is not in the list may hold none.
"""

import ast
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
LIST = ROOT / "tools" / "vocabulary.txt"
NAMES = frozenset(
    {"found", "told", "asked", "made", "held", "kept", "given", "wanted", "shown", "one", "some", "more", "each"}
)
"""No variable, parameter, field or function is called so; a leading or trailing underscore changes nothing."""
WORDS = re.compile(r"\b(told|asked|whoever)\b", re.IGNORECASE)
"""Words that stand in no text either, since a sentence with them hides who does what to whom."""
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

_HEADER = f"""\
# Names and words that these files may still hold: {", ".join(sorted(NAMES))} as names,
# told, asked and whoever as words. A count may only fall: `python tools/vocabulary.py` writes the lower ones.
"""
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
        ("src/modelkeep", (".py",)),  # migrations stay as they were applied
        ("tools", (".py",)),
        ("ui/src", (".ts", ".tsx", ".css")),
        ("docs", (".md",)),
        *((folder, (".py",)) for folder in NAMES_ALONE),
    ):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in suffixes and path.name != "generated.ts" and path != Path(__file__):
                yield path


def allowed() -> Counter[str]:
    """How many findings each listed file may hold; nothing where there is no list."""
    if not LIST.exists():
        return Counter()
    rows = (line.split() for line in LIST.read_text().splitlines() if line and not line.startswith("#"))
    return Counter({path: int(count) for count, path in rows})


def excess(now: dict[str, list[tuple[int, str]]], limits: Counter[str]) -> list[str]:
    """Every finding of the files that hold more than they may.

    A file that has moved takes the count of its old place along: what files that are gone were allowed is a common pool.
    """
    pool = sum(limit for path, limit in limits.items() if path not in now)
    surplus = {path: len(lines) - limits[path] for path, lines in now.items() if len(lines) > limits[path]}
    if sum(surplus.values()) <= pool:
        return []
    return [
        f"{path}:{line}: {finding} (this file may hold {limits[path]}, it holds {len(now[path])})"
        for path in sorted(surplus)
        for line, finding in now[path]
    ]


def check() -> list[str]:
    """What `make check` refuses."""
    return excess(_now(), allowed())


def lower() -> int:
    """Writes the counts of now. They may move between files, and their sum must not rise, except in the first list."""
    counts = {path: len(lines) for path, lines in _now().items() if lines}
    limits = allowed()
    if LIST.exists() and sum(counts.values()) > limits.total():
        sys.stderr.write(f"{sum(counts.values())} findings, and {limits.total()} may be there. Rename the new ones.\n")
        return 1
    if counts:
        LIST.write_text(_HEADER + "".join(f"{counts[path]} {path}\n" for path in sorted(counts)))
    else:
        LIST.unlink(missing_ok=True)
    sys.stdout.write(f"{sum(counts.values())} findings in {len(counts)} files (were {limits.total()}).\n")
    return 0


def _now() -> dict[str, list[tuple[int, str]]]:
    return {path.relative_to(ROOT).as_posix(): sorted(findings(path)) for path in files()}


def main() -> int:
    """`vocabulary.py` lowers the list; `vocabulary.py PATH...` prints the findings of these files or folders."""
    if len(sys.argv) == 1:
        return lower()
    roots = [Path(argument).resolve() for argument in sys.argv[1:]]
    for path in files():
        if any(path == root or root in path.parents for root in roots):
            for line, finding in sorted(findings(path)):
                sys.stdout.write(f"{path.relative_to(ROOT)}:{line}: {finding}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
