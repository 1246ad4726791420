"""Locations that the server governs: one spelling each, and nothing that has a second reading."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelkeep.domain.errors import InvalidArgument
from modelkeep.domain.storage_urls import StorageUrl, is_governable, parse_storage_url

PARTS = st.text(string.ascii_letters + string.digits + "_-=.*${}+~é ", min_size=1, max_size=12).filter(
    lambda part: part.strip() == part and part not in (".", "..")
)
PATHS = st.lists(PARTS, min_size=1, max_size=6)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("s3://bucket/a/b", "s3://bucket/a/b"),
        ("s3a://bucket/a/b/", "s3://bucket/a/b"),
        ("S3N://bucket/A", "s3://bucket/A"),
        ("s3://bucket", "s3://bucket"),
        ("s3://bucket/", "s3://bucket"),
        ("file:/data/t", "file:///data/t"),
        ("file:///data/t/", "file:///data/t"),
        ("/data/t", "file:///data/t"),
    ],
)
def test_each_spelling_of_a_folder_is_one(text: str, same: str) -> None:
    assert str(parse_storage_url(text)) == same and is_governable(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "s3://",
        "s3:///key",
        "s3://Bucket/x",
        "s3://b/x",
        "s3://user@bucket/x",
        "s3://bucket:80/x",
        "s3:/bucket/x",
        "s3://bucket//x",
        "s3://bucket/x//",
        "s3://bucket/x/../y",
        "s3://bucket/./x",
        "s3://bucket/x?y",
        "s3://bucket/x#y",
        "s3://bucket/x;y",
        "s3://bucket/x%2fy",
        "s3://bucket/x\\y",
        "s3://bucket/x\ny",
        "s3://bucket/x\u200by",
        "s3://bucket/x\0",
        "s3://bucket/ x",
        "s3://bucket/e\u0301",
        "file://host/x",
        "file:///",
        "file:x",
        "file:////x",
        "//host/x",
        "/",
        "relative/x",
        "gs://bucket/x",
        "https://bucket/x",
        "s3://bucket/" + "x" * 1_100,
        "s3://bucket/\ud800",
    ],
)
def test_what_has_a_second_reading_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument, match=r"storage_location .*\.$"):
        parse_storage_url(text)


@given(PATHS, PATHS)
def test_a_folder_is_inside_exactly_the_folders_whose_parts_it_begins_with(folder: list[str], other: list[str]) -> None:
    a, b = (StorageUrl("s3", "bucket", "/".join(parts)) for parts in (folder, other))
    assert a.inside(b) == (folder[: len(other)] == other)
    assert a.overlaps(b) == (a.inside(b) or b.inside(a))
    assert b.inside(b) and a.inside(StorageUrl("s3", "bucket", "")) and not a.inside(StorageUrl("s3", "bucket2", ""))
    assert (b in list(a.ancestors())) == a.inside(b)


@given(PATHS)
def test_what_is_parsed_reads_the_same_again(parts: list[str]) -> None:
    for scheme, bucket in (("s3", "bucket"), ("file", "")):
        url = StorageUrl(scheme, bucket, "/".join(parts))
        if any(c in "%" for c in url.path) or url.path != url.path.strip():
            continue
        assert parse_storage_url(str(url)) == url
