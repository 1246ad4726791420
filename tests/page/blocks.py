"""Python blocks of a page that was saved as plain text: each follows a line that says `Python`, prose follows it."""

import ast
import re
from dataclasses import dataclass

_PLACEHOLDER = re.compile(r"<([a-z][a-z_-]*)>")


@dataclass(frozen=True)
class Block:
    """One block: the number of its first line in the page, and its text, placeholders and all."""

    line: int
    text: str

    def filled(self, values: dict[str, str]) -> str:
        """The text with its `<placeholders>` filled in. Raises KeyError for one without a value."""
        return _PLACEHOLDER.sub(lambda result: values[result[1]], self.text)

    def calls(self) -> set[str]:
        """The last name of everything that the block calls: `f`, and the `b` of `a.b()`."""
        called = [node.func for node in ast.walk(_parsed(self.text)) if isinstance(node, ast.Call)]
        return {
            f.attr if isinstance(f, ast.Attribute) else f.id for f in called if isinstance(f, ast.Attribute | ast.Name)
        }


def blocks(page: str) -> list[Block]:
    """The Python blocks of a page in their order. Raises ValueError for a heading that no code follows."""
    lines = page.splitlines()
    headings = [number for number, line in enumerate(lines) if line.strip() == "Python"]
    return [_block(lines, start + 1, end) for start, end in zip(headings, [*headings[1:], len(lines)], strict=True)]


def _block(lines: list[str], start: int, end: int) -> Block:
    """The longest run of whole paragraphs that is Python: an unfinished bracket or suite may span an empty line."""
    text = ""
    for stop in range(start + 1, end + 1):
        if stop < end and lines[stop].strip():
            continue  # paragraphs are taken whole
        candidate = "\n".join(lines[start:stop])
        if _is_prose(lines, start, stop):
            break
        if _parses(candidate):
            text = candidate
    if not text.strip():
        raise ValueError(f"No Python follows the heading in line {start}.")
    return Block(start + 1, text.rstrip() + "\n")


def _is_prose(lines: list[str], start: int, stop: int) -> bool:
    """Whether the last paragraph is a lone word ("Note"): it would parse, as a name, but says nothing to Python."""
    last = stop - 1
    return last > start and not lines[last - 1].strip() and lines[last].strip().isidentifier()


def _parses(text: str) -> bool:
    try:
        _parsed(text)
    except SyntaxError:
        return False
    return True


def _parsed(text: str) -> ast.Module:
    return ast.parse(_PLACEHOLDER.sub("0", text))
