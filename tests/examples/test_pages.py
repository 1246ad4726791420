"""The pages of the examples: each folder has one, and what it links to is there."""

import re
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
FOLDERS = sorted(path.name for path in EXAMPLES.iterdir() if path.is_dir())


@pytest.mark.parametrize("name", ["", *FOLDERS])
def test_a_folder_has_a_page_with_links_that_work(name: str) -> None:
    page = EXAMPLES / name / "README.md"
    links = re.findall(r"\]\(([^)#]+)", page.read_text())
    assert links
    for link in links:
        assert link.startswith("https://") or (page.parent / link).exists(), link


def test_the_first_page_names_all_of_them() -> None:
    links = re.findall(r"\]\(([^)#]+)", (EXAMPLES / "README.md").read_text())
    assert {link.partition("/")[0] for link in links} >= {*FOLDERS, "lifecycle.ipynb"}
