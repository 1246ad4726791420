"""The rule for names and words: what it sees, and where."""

from pathlib import Path

import pytest
import vocabulary


def _findings(folder: Path, name: str, text: str) -> list[str]:
    path = folder / name
    path.write_text(text)
    return [finding for _, finding in vocabulary.findings(path)]


@pytest.mark.parametrize(
    "line",
    [
        "found = 1",
        "found: int = 1",
        "self._found = 1",
        "for each in rows: pass",
        "rows = [some for some in rows]",
        "def more(): pass",
        "async def kept(): pass",
        "def rows(given): pass",
        "def rows(*, given=1): pass",
        "rows = lambda one: 1",
        "with rows as held: pass",
        "import rows as made",
        "(shown, rows) = rows",
        "if (wanted := rows): pass",
        "try: pass\nexcept ValueError as found: pass",
        "match rows:\n    case [one, *more]: pass",
        "class Row:\n    kept: int",
    ],
)
def test_a_name_that_does_not_say_what_it_holds_is_found(tmp_path: Path, line: str):
    assert any(finding.startswith("name: ") for finding in _findings(tmp_path, "module.py", line))


@pytest.mark.parametrize(
    "line",
    [
        "found_rows = 1",
        "rows = client.found",
        "rows = found(1)",
        "made = 1  # house: name because the wire says so",
        '"""one of some rows, found and kept"""',
        "someone = 1",
    ],
)
def test_other_names_and_uses_pass(tmp_path: Path, line: str):
    assert _findings(tmp_path, "module.py", line) == []


@pytest.mark.parametrize(
    "line",
    [
        "const found = rows;",
        "let more: number;",
        "export function told(rows: Row[]) {}",
        "async function asked<T>(path: string) {}",
        "const { data: found, isPending } = useQuery(rows);",
        "const { data, more } = useQuery(rows);",
        "const [one, two] = rows;",
        "rows.map((each) => each.id);",
        "rows.map(each => each.id);",
        "function rows(path: string, found: Row) {}",
        "const rows = (more?: boolean) => more;",
        "export function Page({ model, shown }: Props) {}",
    ],
)
def test_names_in_typescript_are_seen_too(tmp_path: Path, line: str):
    assert any(finding.startswith("name: ") for finding in _findings(tmp_path, "module.ts", line))


@pytest.mark.parametrize(
    "line",
    [
        "const foundRows = rows;",
        "const rows = query.found;",
        'const text = "one, more and each";',
        "const rows = { found: 1 };",
        "<Text>one, some, more</Text>",
        "query.each((row) => row);",
    ],
)
def test_other_typescript_passes(tmp_path: Path, line: str):
    assert _findings(tmp_path, "module.tsx", line) == []


@pytest.mark.parametrize(
    ("name", "text", "count"),
    [
        ("page.md", "Whoever asked was told.", 3),
        ("page.md", "They ask, tell and whatever; untold, unasked.", 0),
        ("0001_rows.sql", "-- whoever", 1),
        ("module.py", '"""Whoever asks."""', 1),
        ("module.py", 'text = f"asked for on {name}"', 0),
        ("module.py", 'text = "Asked anew, for more."', 0),
        ("module.py", 'text = "Whoever is refused should know why. Give a reason."', 0),
        ("module.py", 'text = f"{host} is not asked: only https addresses are."', 0),
        ("page.md", "`No privilege on 'a.b' is asked for. Name one: SELECT.`", 0),
    ],
)
def test_words_are_counted_in_every_text(tmp_path: Path, name: str, text: str, count: int):
    assert len(_findings(tmp_path, name, text)) == count


@pytest.mark.parametrize("page", ["docs/page.md", "ui/src/page.tsx", "src/modelkeep/page.py"])
def test_one_finding_is_refused_with_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page: str):
    monkeypatch.setattr(vocabulary, "ROOT", tmp_path)
    file = tmp_path / page
    file.parent.mkdir(parents=True)
    file.write_text("# A page\n# told\n")
    assert vocabulary.check() == [f"{page}:2: word: 'told'"]
    file.write_text("# A page\n# said\n")
    assert vocabulary.check() == []


@pytest.mark.parametrize("folder", vocabulary.NAMES_ALONE)
def test_tests_and_benches_are_held_to_names_and_not_to_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
):
    monkeypatch.setattr(vocabulary, "ROOT", tmp_path)
    (tmp_path / folder / "store").mkdir(parents=True)
    path = tmp_path / folder / "store" / "test_rows.py"
    path.write_text('"""Whoever asked is told."""\nfound = 1\n')
    assert [line for line, _ in vocabulary.findings(path)] == [2]
    assert path in vocabulary.files()


@pytest.mark.parametrize("line", ["# As {} B", 'URL = "/x"  # {} e', "{}_B = 1", "server.{}_b()", '"""{}s A"""'])
@pytest.mark.parametrize("word", ["face", "Face", "FACE"])
def test_a_dialect_is_called_after_its_client(tmp_path: Path, word: str, line: str):
    findings = _findings(tmp_path, "module.py", line.format(word))
    assert any("is called after its client" in finding for finding in findings)


@pytest.mark.parametrize("line", ["interface = 1", "# The surface", 'x = "typeface"', "# face to face"])
def test_other_faces_pass(tmp_path: Path, line: str):
    assert _findings(tmp_path, "module.py", line) == []
