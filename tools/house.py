"""The house rules that no ready linter knows; `make check` runs them over src/, and those of names over more.

A line is let off by a comment that says why: `# house: sql because ...`.
"""

import ast
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import vocabulary

SOURCE = Path(__file__).parents[1] / "src" / "modelkeep"
LONGEST = 400  # lines of a module
_TABLES = {
    "limits.py",
    "core/table.py",
}  # modules that are one list of named numbers, which no split would make easier to read
_OWN_SQL = "api/sql/sandbox.py"  # its database is in memory and holds one answer
_SQL = re.compile(r"\s*(SELECT\s.+\sFROM\s|INSERT INTO\s|UPDATE\s\w+\sSET\s|DELETE FROM\s)", re.DOTALL)
_CLOCKS = {"time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "uuid.uuid4", "uuid4", "os.urandom"}
_LOG_CALLS = {"debug", "info", "warning", "error", "exception", "critical"}


@dataclass(frozen=True)
class Module:
    """One module: its path below modelkeep/, its text and its tree."""

    path: str
    text: str
    tree: ast.Module


Finding = tuple[int, str]


def sql_stays_in_the_store(module: Module) -> Iterator[Finding]:
    if module.path.startswith("store/") or module.path == _OWN_SQL:
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _SQL.match(node.value):
            yield node.lineno, "sql: statements live in store/"


def core_has_no_clock(module: Module) -> Iterator[Finding]:
    if not module.path.startswith("core/"):
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in _CLOCKS:
            yield node.lineno, f"clock: core is given its time and ids, it does not call {ast.unparse(node.func)}"


def log_events_are_constant(module: Module) -> Iterator[Finding]:
    for node in ast.walk(module.tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in _LOG_CALLS
            and ast.unparse(node.func.value) in {"log", "logger", "self._log", "self.log"}
            and node.args
            and isinstance(node.args[0], ast.JoinedStr)
        ):
            yield node.lineno, "log: the message is constant, what varies goes into fields"


def module_says_what_it_decides(module: Module) -> Iterator[Finding]:
    if module.tree.body and ast.get_docstring(module.tree) is None:
        yield 1, "docstring: say in one sentence what is decided here"


def module_is_short(module: Module) -> Iterator[Finding]:
    lines = module.text.count("\n")
    if lines > LONGEST and module.path not in _TABLES:
        yield lines, f"long: {lines} lines, at most {LONGEST}"


RULES: list[Callable[[Module], Iterator[Finding]]] = [
    sql_stays_in_the_store,
    core_has_no_clock,
    log_events_are_constant,
    module_says_what_it_decides,
    module_is_short,
]


def findings(path: Path) -> Iterator[str]:
    text = path.read_text()
    module = Module(path.relative_to(SOURCE).as_posix(), text, ast.parse(text, filename=str(path)))
    lines = text.splitlines()
    for rule in RULES:
        for line, finding in rule(module):
            name = finding.partition(":")[0]
            if f"# house: {name} because " not in lines[line - 1]:
                yield f"src/modelkeep/{module.path}:{line}: {finding}"


def main() -> int:
    violations = [finding for path in sorted(SOURCE.rglob("*.py")) for finding in findings(path)]
    violations += vocabulary.check()
    sys.stdout.writelines(f"{violation}\n" for violation in violations)
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
