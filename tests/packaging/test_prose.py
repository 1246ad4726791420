"""Sentences of the pages that people read: one idea each. The style asks for 25 words; none may have more than 35."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAX_WORDS = 35
GENERATED = ("reference", "defaults.md", "limits.md")
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs/**/*.md", "deploy/*.md", "examples/*.md")
    for path in ROOT.glob(pattern)
    if not set(path.parts) & set(GENERATED)
)


def sentences(text: str) -> list[str]:
    """Of running text: neither code, tables nor headings. What stands in backticks counts as one word."""
    for pattern, word in ((r"```.*?```", ""), (r"`[^`]*`", "X"), (r"\]\([^)]*\)", "]"), (r"<!--.*?-->", "")):
        text = re.sub(pattern, word, text, flags=re.DOTALL)
    blocks = re.split(r"\n\s*\n|\n(?=\s*(?:[-*] |\d+\. |\|))", text)
    running = [" ".join(block.split()) for block in blocks if not block.lstrip().startswith(("|", "#"))]
    return [sentence for block in running for sentence in re.split(r"(?<=[.!?:;])\s+(?=[A-Z\[*X])", block) if sentence]


@pytest.mark.parametrize("page", PAGES)
def test_sentences_are_short(page: str) -> None:
    assert [s for s in sentences((ROOT / page).read_text()) if len(s.split()) > MAX_WORDS] == []


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("word " * 35 + "end.", 1),
        ("word " * 34 + "end.", 0),
        ("```sh\n" + "word " * 50 + "\n```", 0),
        ("| " + "word " * 50 + "|", 0),
        ("- " + "word " * 20 + "end.\n- " + "word " * 20 + "end.", 0),
        ("word " * 20 + "end. " + "Word " * 20 + "end.", 0),
        ("`" + "code " * 50 + "` is one word.", 0),
    ],
)
def test_long_sentences_are_seen(text: str, count: int) -> None:
    assert len([sentence for sentence in sentences(text) if len(sentence.split()) > MAX_WORDS]) == count


def test_the_pages_are_those_of_the_project() -> None:
    assert {"README.md", "CHANGELOG.md", "docs/guides/operate.md", "docs/dev/architecture.md"} <= set(PAGES)
