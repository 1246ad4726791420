"""Every Python block of the page that MODELKEEP_PAGE names, run against a real server; each effect is looked at."""

import os
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from live import Server, run_script, running_server, succeeded
from page.blocks import Block, blocks
from page.cells import CELLS

HERE = Path(__file__).parent
PAGE = os.environ.get("MODELKEEP_PAGE", "")
needs_page = pytest.mark.skipif(not PAGE, reason="MODELKEEP_PAGE names no file: the page is not part of this project")

NOT_RUN: dict[int, str] = {}
"""Blocks that are not run, by number, each with the reason."""


def page_blocks() -> list[Block]:
    return blocks(Path(PAGE).read_text())


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server for the page alone: the page names its catalogs itself."""
    with running_server(tmp_path_factory.mktemp("page")) as running:
        yield running


@needs_page
def test_every_block_is_run_or_has_a_reason() -> None:
    result = page_blocks()
    assert len(result) == sum(line.strip() == "Python" for line in Path(PAGE).read_text().splitlines())
    assert len(result) == len(CELLS)
    for number, (block, cell) in enumerate(zip(result, CELLS, strict=True), 1):
        assert cell.calls <= block.calls(), f"block {number} in line {block.line} is not {cell.name}"
    assert all(NOT_RUN.values())


@needs_page
@pytest.mark.clients
@pytest.mark.parametrize("number", range(1, len(CELLS) + 1), ids=lambda number: f"{number}-{CELLS[number - 1].name}")
def test_block(server: Server, number: int) -> None:
    if number in NOT_RUN:
        pytest.skip(NOT_RUN[number])
    if CELLS[number - 1].name == "files_are_downloaded" and not os.access("/", os.W_OK):
        pytest.skip("the block writes to /local_disk0, which this user may not make")
    succeeded(run_script(server, HERE / "cell.py", PAGE, str(number)))


def test_blocks_end_where_prose_begins() -> None:
    result = blocks(
        textwrap.dedent("""\
            Some words

            Python
            with f(
              <a-name>,

              2):
                g("<b>")

                # a comment
                h()

            Note

            More words follow here.

            Python
            x = [k(n) for n in y]
            Next heading
            SQL
            SELECT 1
            """).replace("]\nNext", "]\n\nNext")
    )
    assert [(block.line, len(block.text.splitlines())) for block in result] == [(4, 8), (18, 1)]
    assert result[0].calls() == {"f", "g", "h"}
    assert result[0].filled({"a-name": "1", "b": "two"}).splitlines()[1::4] == ["  1,", ""]


def test_a_heading_without_code_is_an_error() -> None:
    with pytest.raises(ValueError, match="line 1"):
        blocks("Python\n\nSome words follow here.\n")
