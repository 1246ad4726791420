"""The README wins a reader in a minute: what it is and for whom, a picture, two commands, a tour, reasons, a comparison, speed."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "README.md").read_text()
ORDER = [
    "Two commands",
    "A tour of five minutes",
    "Three reasons",
    "How it compares",
    "What it does",
    "Speed",
    "Read on",
    "Licence",
]
RIVALS = ["Modelkeep", "MLflow server", "MLflow server with basic-auth", "Unity Catalog OSS", "Databricks"]


def section(title: str) -> str:
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def table(title: str) -> list[list[str]]:
    rows = [line for line in section(title).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def test_the_sections_are_in_the_order_of_a_readers_questions() -> None:
    assert re.findall(r"^## (.+)$", PAGE, re.MULTILINE) == ORDER


def test_it_begins_with_a_sentence_and_a_picture() -> None:
    title, sentence, picture = PAGE.partition("\n## ")[0].strip().split("\n\n")
    assert title == "# Modelkeep"
    assert sentence.count(".") == 1 and " for teams " in sentence
    match = re.fullmatch(r"!\[[^\]]+\]\(([^)]+)\)", picture)
    assert match and (ROOT / match[1]).is_file()


def test_two_commands_come_first() -> None:
    commands = re.search(r"```sh\n(.+?)```", section("Two commands"), re.DOTALL)
    assert commands and [line.split("#")[0].strip() for line in commands[1].splitlines()] == ["make up", "make test"]


def test_there_are_three_reasons() -> None:
    assert len(re.findall(r"^\d+\. ", section("Three reasons"), re.MULTILINE)) == 3


def test_the_comparison_is_complete_and_dated() -> None:
    header, _, *rows = table("How it compares")
    assert header == ["", *RIVALS]
    assert len(rows) >= 10 and all(len(row) == len(header) and all(row) for row in rows)
    assert [row for row in rows if row[1].startswith("no")], "an honest table has what others do better"
    assert re.search(r"^As of 20\d\d-\d\d\.", section("How it compares").strip())


def test_five_rows_of_speed_lead_to_the_rest() -> None:
    assert len(table("Speed")) == 2 + 5
    assert "docs/benchmarks.md" in section("Speed")
