"""What an artifact path may be, and that nothing which any parser reads as a way out becomes one."""

import posixpath
import unicodedata
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelkeep.domain.errors import InvalidArgument
from modelkeep.domain.paths import MAX_DEPTH, MAX_NAME, MAX_PATH, ROOT, ArtifactPath

WAYS_OUT = [
    "..",
    ".",
    "/",
    "//",
    "/etc/passwd",
    "a//b",
    "a/../b",
    "a/./b",
    "../a",
    "a/..",
    ".. ",
    "..\\a",
    "a\0b",
    "\ud800",
    "%2e%2e/a",
    "%2E%2e",
    ".%2e",
    "%252e%252e/a",
    "%25252e%25252e",
    "%5c..",
    "..%5cx",
    "%c0%ae%c0%ae/a",
    "%u002e%u002e/a",
    "x/%2e%2e%2fy",
    "．．/a",
    "‥/a",
    "％2e％2e/a",
    "%ef%bc%8e%ef%bc%8e/a",
    "%2525" * 40 + "/..",
    "..\\..\\x",
    "a\\..",
    "..%5C..%5cx",
    "..%c0%afx",
    "..%c1%9cx",
    "%u002e.%u002fx",
    "a%255c..%255cb",
    "a＼..＼b",
    " ../a",
]
NAMES = [
    "...",
    "a/... /b",
    " ",
    "a/ /b",
    "a\\b",
    "\\",
    "C:",
    "C:/x",
    "c:x",
    "a/C:",
    "a/C:/b",
    "a\nb",
    "a\rb",
    "a\x7fb",
    "a\u2028b",
    "a\u202eb",
    "a%2f%2fb",
    "%2fetc",
    "a/%2e/b",
    "%00",
    "a%2500",
    "%25c0%25ae",
    "%e0%80%ae",
    "%43:",
    "a%0d%0ab",
    "a/．/b",
    "a／／b",
    "／etc",
    "＼＼x",
    "a\ufffdb",
    "w:0",
    "計画：案",
    "表＼二",
    "…/x",
    "..．x",
    "step%7%at%17960.png",
    "half%5cway",
    "pic%c0ffee.png",
    "tab\there",
    "back\\slash",
    "\u200fright",
    "MLmodel",
    "data/model.pkl",
    "sub dir é.bin",
    "a b/c d",
    "a#b",
    "a?b=c",
    "100%",
    "50%off/x",
    "a%20b",
    "ünï/ço∂é",
    "日本/モデル",
    "emoji 🎉.txt",
    ".hidden",
    "a..b",
    "..a",
    "a/.git/b",
    "trailing.",
    "ab:c",
    "x;y&z",
    "~",
    "a'b\"c",
    "<script>.txt",
    "-rf",
    "*",
    "a" * 255,
    "python_model.pkl",
    "%zz",
    "a%2Fb",
]


@pytest.mark.parametrize("text", WAYS_OUT)
def test_ways_out_are_refused(text: str) -> None:
    with pytest.raises(InvalidArgument):
        ArtifactPath(text)
    with pytest.raises(InvalidArgument):
        ArtifactPath.file(text)


@pytest.mark.parametrize("text", NAMES)
def test_names_are_kept_as_they_are(text: str) -> None:
    assert ArtifactPath(text).text == ArtifactPath.file(text).text == text


def test_the_root_and_directories() -> None:
    assert ArtifactPath.parse("") == ArtifactPath.parse("/") == ROOT
    assert ArtifactPath.parse("a/b/") == ArtifactPath("a/b")
    assert ArtifactPath("a/b/c").parents == ("a", "a/b")
    for text in ("", "a/"):
        with pytest.raises(InvalidArgument, match="Name the file"):
            ArtifactPath.file(text)


def test_lengths() -> None:
    long = "/".join(["a" * 224] * 4)
    ArtifactPath(f"{long}a")
    assert len(f"{long}a") == MAX_PATH
    ArtifactPath("/".join("a" * MAX_DEPTH))
    ArtifactPath(f"a/{'é' * 127}x/b")
    ArtifactPath("\\" * 225)
    with pytest.raises(InvalidArgument, match="counts as four"):
        ArtifactPath("\\" * 226)
    for text in (f"{long}ab", f"a/{'é' * 128}/b", "x" * (MAX_NAME + 1), "/".join("a" * (MAX_DEPTH + 1))):
        with pytest.raises(InvalidArgument, match="at most"):
            ArtifactPath(text)


_pieces = st.sampled_from(
    [
        ".",
        "..",
        "/",
        "\\",
        "%2e",
        "%2E",
        "%2f",
        "%5c",
        "%25",
        "%00",
        "．",
        "‥",
        "／",
        "\0",
        "C:",
        " ",
        "a",
        "é",
        "%c0%ae",
        "%u002e",
        "~",
    ]
)


@given(st.lists(_pieces | st.text(max_size=3), max_size=12).map("".join))
def test_whatever_is_accepted_leads_up_for_no_reader_and_is_not_changed(text: str) -> None:
    try:
        path = ArtifactPath.parse(text)
    except InvalidArgument:
        return
    assert path.text in (text, text[:-1])
    assert "\0" not in path.text and "" not in path.text.split("/")[1:]
    seen = path.text
    for _ in range(8):
        for read in (seen, unicodedata.normalize("NFKC", seen)):
            parts = read.replace("\\", "/").split("/")
            assert ".." not in [part.strip(" ") for part in parts]
            assert posixpath.normpath("/".join(["/set", *parts])).startswith("/set")
        seen = unquote(seen)


@given(st.lists(st.sampled_from((".", "", "a", "..", "b c", "...", "\\")), max_size=8).map("/".join))
def test_mlflow_s_way_to_read_a_path_drops_what_means_nothing_and_keeps_the_rest(text: str) -> None:
    if (text.startswith("/") and text != "/") or ".." in text.split("/"):
        with pytest.raises(InvalidArgument):
            ArtifactPath.normalized(text)
        return
    path = ArtifactPath.normalized(text).text
    assert path.split("/") == ([part for part in text.split("/") if part not in ("", ".")] or [""])
    assert ArtifactPath.normalized(path).text == path


@pytest.mark.parametrize("text", [".", "./", "", "d/", "d//"])
def test_what_is_left_of_a_file_s_path_must_name_one(text: str) -> None:
    with pytest.raises(InvalidArgument, match="Name the file"):
        ArtifactPath.normalized_file(text)


@given(st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0./"), min_size=1, max_size=20))
def test_a_name_of_any_characters_passes_and_survives_encoding(name: str) -> None:
    try:
        assert ArtifactPath(unquote(quote(name))).text == name
    except InvalidArgument:
        assert "%" in name or "‥" in name or "\u2024" in name or "．" in name or "﹒" in name


@given(
    st.lists(
        st.text(st.characters(codec="utf-8", categories=("L", "N")), min_size=1, max_size=8), min_size=1, max_size=5
    )
)
def test_letters_and_digits_pass_in_every_script_and_survive_encoding(names: list[str]) -> None:
    text = "/".join(names)
    assert ArtifactPath(unquote(quote(text))).text == text
