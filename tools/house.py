"""The house rules that no ready linter knows; `make check` runs them over src/, and those of names over more.

A line is let off by a comment that says why: `# house: sql because ...`.
"""

import ast
import re
import sys
import tokenize
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import vocabulary

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "modelkeep"
LONGEST = 400  # lines of a module
PARAMETERS = 6  # of a function, besides self
_TABLES = {
    "limits.py",
    "core/table.py",
}  # modules that are one list of named numbers, which no split would make easier to read
_DRIVERS = {
    f"store/{name}.py"
    for name in ("db", "postgres", "postgres_pool", "postgres_probe", "sqlite", "sqlite_readers", "sqlite_threads")
}
_BUGS = {"AssertionError", "NotImplementedError", "RuntimeError"}  # of the program itself, which no caller handles
_OWN_SQL = "api/sql/sandbox.py"  # its database is in memory and holds one answer
_SQL = re.compile(r"\s*(SELECT\s.+\sFROM\s|INSERT INTO\s|UPDATE\s\w+\sSET\s|DELETE FROM\s)", re.DOTALL)
_UNFORMATTED = {"src/modelkeep/core/table.py": 1}
"""Tables of data that the formatter would take the columns from, and how many `fmt: skip` or `fmt: off` each may have"""
_FORMATTED = ("bench", "examples", "src", "tests", "tools")  # folders
_CLOCKS = {"time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "uuid.uuid4", "uuid4", "os.urandom"}
_NO_FORMAT = re.compile(r"#\s*(fmt|yapf):\s*(skip|off|disable)\b")
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


def the_store_names_its_types(module: Module) -> Iterator[Finding]:
    """Rows come from a driver without types; each module of the store makes values of the domain of them."""
    if not module.path.startswith("store/") or module.path in _DRIVERS:
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Name) and node.id == "Any":
            yield node.lineno, "any: the store takes and returns types (`Row`, `Params` and `Value` are for SQL)"


def few_parameters(module: Module) -> Iterator[Finding]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
            count = len(names) - (names[:1] in (["self"], ["cls"]))
            if count > PARAMETERS:
                yield node.lineno, f"parameters: {node.name} has {count}, at most {PARAMETERS}: hand it a struct"


def public_functions_name_their_errors(module: Module) -> Iterator[Finding]:
    """A caller reads the docstring to know what to expect. That of a command is its help, which people read."""
    if module.path.startswith("cli/"):
        return
    classes = [node.body for node in module.tree.body if isinstance(node, ast.ClassDef)]
    for node in (node for body in (module.tree.body, *classes) for node in body):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            errors = sorted(set(_raised(node.body)))
            if errors and "Raises" not in (ast.get_docstring(node) or ""):
                yield node.lineno, f"raises: the docstring of {node.name} says 'Raises {', '.join(errors)}.'"


def _raised(body: Sequence[ast.AST]) -> Iterator[str]:
    """Names of the errors that these statements raise by themselves, without functions inside."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            name = ast.unparse(node.exc.func).rpartition(".")[2]
            if name[:1].isupper() and name not in _BUGS:
                yield name
        yield from _raised(list(ast.iter_child_nodes(node)))


RULES: list[Callable[[Module], Iterator[Finding]]] = [
    sql_stays_in_the_store,
    core_has_no_clock,
    log_events_are_constant,
    module_says_what_it_decides,
    module_is_short,
    few_parameters,
    the_store_names_its_types,
    public_functions_name_their_errors,
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


def unformatted() -> Iterator[str]:
    """Every comment that keeps the formatter away from code, except in the listed tables of data."""
    for path in sorted(path for folder in _FORMATTED for path in (ROOT / folder).rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        with path.open("rb") as file:
            comments = [token for token in tokenize.tokenize(file.readline) if token.type == tokenize.COMMENT]
        lines = [comment.start[0] for comment in comments if _NO_FORMAT.search(comment.string)]
        for line in lines[_UNFORMATTED.get(name, 0) :]:
            yield f"{name}:{line}: format: only a table of data may keep the formatter away, and it is listed in tools/house.py"


def names_of_classes() -> Iterator[str]:
    """Every class whose name another module has as well: a reader, and the API's description, take one name for one thing."""
    places: dict[str, list[str]] = {}
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(), filename=str(path))):
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(f"{path.relative_to(ROOT).as_posix()}:{node.lineno}")
    for name, (first, *others) in places.items():
        for place in others:
            yield f"{place}: class: {first} has a class {name} already; a wire struct is called after its client"


def main() -> int:
    violations = [finding for path in sorted(SOURCE.rglob("*.py")) for finding in findings(path)]
    violations += unformatted()
    violations += names_of_classes()
    violations += vocabulary.check()
    sys.stdout.writelines(f"{violation}\n" for violation in violations)
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
