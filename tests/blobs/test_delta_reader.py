"""Delta tables opened in a process of their own: what it answers, where it stops, and what it never opens."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd  # pyright: ignore[reportMissingTypeStubs]
import pytest
from deltalake import DeltaTable, write_deltalake

from modelkeep import limits
from modelkeep.blobs import delta_reader
from modelkeep.blobs.delta_reader import EXTRA, DeltaReader
from modelkeep.domain.errors import Throttled, WrongState
from modelkeep.domain.storage_urls import parse_storage_url

pytestmark = pytest.mark.anyio


def make_table(folder: Path, rows: int = 3) -> Path:
    frame = pd.DataFrame({"id": range(rows), "text": ["x" * 600, None, "é"][:rows] + ["y"] * (rows - 3)})
    write_deltalake(str(folder), frame)
    return folder


async def test_history_says_who_did_what(tmp_path: Path) -> None:
    folder = make_table(tmp_path / "t")
    write_deltalake(str(folder), pd.DataFrame({"id": [9], "text": ["z"]}), mode="append")
    DeltaTable(str(folder)).delete("id = 9")
    history = await DeltaReader().history(parse_storage_url(str(folder)), str(tmp_path), None)
    assert [(c.version, c.operation, c.mode, c.rows) for c in history.commits] == [
        (2, "DELETE", "", 1),
        (1, "WRITE", "Append", 1),
        (0, "WRITE", "ErrorIfExists", 3),
    ]
    assert all(c.timestamp and c.engine.startswith("delta-rs") for c in history.commits)
    size = sum(path.stat().st_size for path in map(Path, DeltaTable(str(folder)).file_uris()))
    assert (history.version, history.files, history.rows, history.bytes) == (2, 1, 3, size)


async def test_a_history_is_the_newest_commits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_table(tmp_path / "t")
    for _ in range(3):
        write_deltalake(str(folder), pd.DataFrame({"id": [9], "text": ["z"]}), mode="append")
    monkeypatch.setattr(limits, "TABLE_HISTORY_COMMITS", 2)
    history = await DeltaReader().history(parse_storage_url(str(folder)), str(tmp_path), None)
    assert [commit.version for commit in history.commits] == [3, 2]


async def test_numbers_of_spark_are_texts(tmp_path: Path) -> None:
    folder = make_table(tmp_path / "t")
    log = folder / "_delta_log" / f"{0:020}.json"
    actions = [json.loads(line) for line in log.read_text().splitlines()]
    [info] = [action["commitInfo"] for action in actions if "commitInfo" in action]
    info |= {"operationMetrics": {"numOutputRows": "7", "numOutputBytes": "123"}, "userName": "ann"}
    log.write_text("\n".join(map(json.dumps, actions)))
    [commit] = (await DeltaReader().history(parse_storage_url(str(folder)), str(tmp_path), None)).commits
    assert (commit.rows, commit.bytes, commit.user) == (7, 123, "ann")


async def test_a_sample_is_bounded_in_rows_columns_and_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = parse_storage_url(str(make_table(tmp_path / "t", 100)))
    sample = await DeltaReader().sample(url, str(tmp_path), None)
    assert (sample.columns, sample.hidden_columns, len(sample.rows)) == (("id", "text"), 0, limits.TABLE_SAMPLE_ROWS)
    assert sample.rows[:3] == (("0", "x" * limits.TABLE_SAMPLE_CELL_CHARS + "…"), ("1", None), ("2", "é"))
    monkeypatch.setattr(limits, "TABLE_SAMPLE_COLUMNS", 1)
    narrow = await DeltaReader().sample(url, str(tmp_path), None)
    assert (narrow.columns, narrow.hidden_columns, narrow.rows[0]) == (("id",), 1, ("0",))
    monkeypatch.setattr(limits, "TABLE_SAMPLE_CHARS", 2)
    assert len((await DeltaReader().sample(url, str(tmp_path), None)).rows) == 2


def link_folder(folder: Path, secret: Path) -> None:
    folder.symlink_to(make_table(secret))


def link_log(folder: Path, secret: Path) -> None:
    folder.mkdir()
    (folder / "_delta_log").symlink_to(make_table(secret) / "_delta_log")


def link_commit(folder: Path, secret: Path) -> None:
    make_table(folder)
    (folder / "_delta_log" / f"{1:020}.json").symlink_to(make_table(secret) / "_delta_log" / f"{0:020}.json")


def link_file(folder: Path, secret: Path) -> None:
    make_table(folder)
    [path] = map(Path, DeltaTable(str(folder)).file_uris())
    path.unlink()
    path.symlink_to(DeltaTable(str(make_table(secret))).file_uris()[0])


def named_file(spelling: Callable[[Path], str]) -> Callable[[Path, Path], None]:
    def name(folder: Path, secret: Path) -> None:
        make_table(folder)
        log = folder / "_delta_log" / f"{0:020}.json"
        actions = [json.loads(line) for line in log.read_text().splitlines()]
        path = Path(DeltaTable(str(make_table(secret))).file_uris()[0])
        for action in actions:
            if "add" in action:
                action["add"]["path"] = spelling(path)
        log.write_text("\n".join(map(json.dumps, actions)))

    return name


@pytest.mark.parametrize(
    "lead_out",
    [
        link_folder,
        link_log,
        link_commit,
        link_file,
        named_file(lambda path: f"file://{path}"),
        named_file(str),
        named_file(lambda path: f"/{path}"),
        named_file(lambda path: f"FILE:{path}"),
        named_file(lambda path: f"%2F{str(path)[1:]}"),
        named_file(lambda path: f"../{path.parent.name}/{path.name}"),
        named_file(lambda path: f"%2e%2e/{path.parent.name}/{path.name}"),
    ],
    ids=[
        "folder",
        "log",
        "commit",
        "file",
        "url",
        "path",
        "slashes",
        "scheme",
        "escaped slash",
        "dots",
        "escaped dots",
    ],
)
async def test_nothing_outside_of_the_folder_is_opened(tmp_path: Path, lead_out: Callable[[Path, Path], None]) -> None:
    root = tmp_path / "root"
    root.mkdir()
    lead_out(root / "t", tmp_path / "secret")
    with pytest.raises(WrongState, match=r"outside of its own folder|could not be read"):
        await DeltaReader().sample(parse_storage_url(str(root / "t")), str(root), None)


async def test_deletion_vectors_are_said_and_no_row_is_read(tmp_path: Path) -> None:
    folder = make_table(tmp_path / "t")
    log = folder / "_delta_log" / f"{0:020}.json"
    actions = [json.loads(line) for line in log.read_text().splitlines()]
    features = {"readerFeatures": ["deletionVectors"], "writerFeatures": ["deletionVectors"]}
    for action in actions:
        if "protocol" in action:
            action["protocol"] = {"minReaderVersion": 3, "minWriterVersion": 7, **features}
    log.write_text("\n".join(map(json.dumps, actions)))
    sample = await DeltaReader().sample(parse_storage_url(str(folder)), str(tmp_path), None)
    assert (sample.deletion_vectors, sample.rows, sample.columns) == (True, (), ("id", "text"))


async def test_what_is_no_table_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    garbage = make_table(tmp_path / "garbage") / "_delta_log" / f"{0:020}.json"
    garbage.write_text("{")
    newer = make_table(tmp_path / "newer") / "_delta_log" / f"{0:020}.json"
    newer.write_text(newer.read_text().replace('"minReaderVersion":1', '"minReaderVersion":99'))
    for name, words in (("absent", "no Delta table"), ("empty", "no Delta table"), ("garbage", "could not be read")):
        with pytest.raises(WrongState, match=words):
            await DeltaReader().history(parse_storage_url(str(tmp_path / name)), str(tmp_path), None)
    with pytest.raises(WrongState):
        await DeltaReader().sample(parse_storage_url(str(tmp_path / "newer")), str(tmp_path), None)


@pytest.mark.parametrize(
    ("limit", "value"), [("TABLE_READER_S", 0.01), ("TABLE_READER_BYTES", 64 << 20), ("TABLE_ANSWER_BYTES", 10)]
)
async def test_a_process_that_uses_up_a_limit_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: float
) -> None:
    url = parse_storage_url(str(make_table(tmp_path / "t")))
    monkeypatch.setattr(limits, limit, value)
    with pytest.raises(WrongState, match=r"more time or memory|could not be read"):
        await DeltaReader().history(url, str(tmp_path), None)


async def test_few_tables_are_read_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = parse_storage_url(str(make_table(tmp_path / "t")))
    monkeypatch.setattr(limits, "TABLE_READERS", 0)
    monkeypatch.setattr(limits, "TABLE_READER_WAIT_S", 0.01)
    with pytest.raises(Throttled, match="reads other tables"):
        await DeltaReader().history(url, str(tmp_path), None)


def _absent(name: str) -> None:
    """No module of this name is installed."""


async def test_without_the_extra_the_sentence_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delta_reader.importlib.util, "find_spec", _absent)
    with pytest.raises(WrongState, match=r"modelkeep\[tables\]") as error:
        await DeltaReader().history(parse_storage_url(str(tmp_path)), str(tmp_path), None)
    assert error.value.message == EXTRA
