"""The house rules of `tools/house.py` that are about more than one module: who may keep the formatter away from code."""

from pathlib import Path

import house
import pytest


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(house, "ROOT", tmp_path)
    (tmp_path / "tests").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    "comment", ["# fmt: skip", "# fmt: off", "#fmt:skip", "# yapf: disable", "# note  # fmt: skip"]
)
def test_code_that_the_formatter_may_not_lay_out_is_refused(root: Path, comment: str):
    (root / "tests" / "test_a.py").write_text(f"x = 1\ny = [1,2]  {comment}\n")
    assert [finding.partition(": ")[0] for finding in house.unformatted()] == ["tests/test_a.py:2"]


@pytest.mark.parametrize(
    "line", ["x = 1  # fmt is what `ruff format` does", "# skip", 'x = "# fmt: skip"', "# fmt: on"]
)
def test_other_comments_are_no_matter(root: Path, line: str):
    (root / "tests" / "test_a.py").write_text(line + "\n")
    assert list(house.unformatted()) == []


def test_a_table_of_data_has_as_many_as_it_is_listed_with(root: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(house, "_UNFORMATTED", {"tests/rows.py": 1})
    table = root / "tests" / "rows.py"
    table.write_text("A = [1,2]  # fmt: skip\n")
    assert list(house.unformatted()) == []
    table.write_text("A = [1,2]  # fmt: skip\n\nB = [1,2]  # fmt: skip\n")
    assert [finding.partition(": ")[0] for finding in house.unformatted()] == ["tests/rows.py:3"]


def test_no_listed_table_has_gone():
    for name, count in house._UNFORMATTED.items():
        assert (house.ROOT / name).read_text().count("# fmt: skip") == count, name


@pytest.fixture
def source(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(house, "SOURCE", root / "src")
    (root / "src" / "api").mkdir(parents=True)
    return root / "src"


@pytest.mark.parametrize(
    ("text", "other_text", "twice"),
    [
        ("class Version:\n    pass\n", "class Version:\n    pass\n", "Version"),
        ("class _File:\n    pass\n", "x = 1\nclass _File(dict):\n    pass\n", "_File"),
        ("class Outer:\n    class Inner:\n        pass\n", "class Inner:\n    pass\n", "Inner"),
        ("class A:\n    pass\n", "class B:\n    pass\n", None),
        ("class A:\n    pass\n", "from one import A\n", None),
    ],
)
def test_a_class_has_a_name_of_its_own(source: Path, text: str, other_text: str, twice: str | None):
    (source / "a.py").write_text(text)
    (source / "api" / "b.py").write_text(other_text)
    reasons = list(house.names_of_classes())
    assert len(reasons) == (twice is not None)
    assert all(reason.startswith("src/api/b.py:") and f"has a class {twice} already" in reason for reason in reasons)


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("def f(a, b, c, d, e, f):\n    pass\n", []),
        ("class A:\n    def f(self, a, b, c, d, e, f):\n        pass\n", []),
        ("def f(a, b, c, d, e, f, g):\n    pass\n", [7]),
        ("async def f(a, /, b, c, d, *, e, f, g, h):\n    pass\n", [8]),
        ("class A:\n    def f(self, a, b, c, d, e, f, *, g):\n        pass\n", [7]),
        ("def f(a, b, c, d, e, f, g):  # house: parameters because it is a command\n    pass\n", []),
    ],
)
def test_a_function_has_few_parameters(source: Path, text: str, counts: list[int]):
    (source / "a.py").write_text(f'"""A module."""\n\n{text}')
    reasons = list(house.findings(source / "a.py"))
    assert len(reasons) == len(counts)
    assert all(f"has {count}, at most 6" in reason for count, reason in zip(counts, reasons, strict=True))


@pytest.mark.parametrize(
    ("name", "text", "count"),
    [
        ("store/models.py", "from typing import Any\n\n\ndef f(row: tuple[Any, ...]) -> Any:\n    pass\n", 2),
        ("store/models.py", "def f(row: Row, **params: Value) -> Model:\n    pass\n", 0),
        ("store/models.py", "x: list[Any] = []\n", 1),
        ("store/sqlite.py", "x: list[Any] = []\n", 0),
        ("api/models.py", "x: list[Any] = []\n", 0),
    ],
)
def test_the_store_names_its_types(source: Path, name: str, text: str, count: int):
    (source / "store").mkdir()
    (source / name).write_text(f'"""A module."""\n\n{text}')
    assert len(list(house.findings(source / name))) == count


@pytest.mark.parametrize(
    ("name", "text", "count"),
    [
        ("a.py", "def f():\n    raise NotFound('x')\n", 1),
        (
            "a.py",
            "class A:\n    async def f(self):\n        if self:\n            raise errors.NotFound('x') from None\n",
            1,
        ),
        ("a.py", 'def f():\n    """What it does."""\n    raise ValueError("x")\n', 1),
        ("a.py", 'def f():\n    """What it does. Raises NotFound."""\n    raise NotFound("x")\n', 0),
        ("a.py", "def _f():\n    raise NotFound('x')\n", 0),
        ("a.py", "def f():\n    def inner():\n        pass\n    return lambda: inner\n", 0),
        ("a.py", "def f():\n    try:\n        pass\n    except KeyError:\n        raise\n", 0),
        ("a.py", "def f():\n    raise AssertionError('x')\n", 0),
        ("cli/a.py", "def f():\n    raise NotFound('x')\n", 0),
    ],
)
def test_a_public_function_names_its_errors(source: Path, name: str, text: str, count: int):
    (source / "cli").mkdir()
    (source / name).write_text(f'"""A module."""\n\n{text}')
    assert len(list(house.findings(source / name))) == count
