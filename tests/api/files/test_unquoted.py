"""Directories in URLs of clients that do not quote: what they are told comes back, and what they asked for is understood."""

import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests.models import PreparedRequest

from modelkeep.api.files.unquoted_paths import askable, meant
from modelkeep.domain.errors import InvalidArgument
from modelkeep.domain.paths import ArtifactPath, breaks_urls


def sent(path: str) -> bytes:
    """What `requests` sends for a path that nobody quoted."""
    request = PreparedRequest()
    request.prepare_url(f"http://host{path}", None)
    return request.path_url.encode()


_directory = st.lists(
    st.sampled_from(
        ("#", "?", "%", "%41", "%2F", "%3A", "%20", "%zz", "%2e", " ", "a", ":", "é", "\\", "é", "+", "&", "=")
    )
    | st.text(max_size=3),
    min_size=1,
    max_size=6,
).map("".join)


@given(st.lists(_directory, min_size=1, max_size=3).map("/".join))
def test_a_directory_that_a_client_was_told_comes_back_by_its_own_name(path: str) -> None:
    from urllib.parse import unquote

    try:
        ArtifactPath(path)
    except InvalidArgument:
        return
    answer = posixpath.join("/Models/c/s/m/1", askable(path))
    assert unquote(sent(answer).decode()) == f"/Models/c/s/m/1/{path}"


@pytest.mark.parametrize(
    ("path", "understood"),
    [
        ("/Models/day=2026-01-01 00%3A00", True),
        ("/Models/key=x%2Fy", True),
        ("/Models/50%25", True),
        ("/Models/é/a b/%3B", True),
        ("/Models/key=%41", False),
        ("/Models/C#", False),
        ("/Models/what?", False),
    ],
)
def test_what_was_sent_unquoted_is_understood_where_the_client_left_it(path: str, understood: bool) -> None:
    assert (meant(sent(path)) == path) is understood


@pytest.mark.parametrize("name", ["C#", "what?", "%41", "a%2fb", "q?x=1"])
def test_names_that_do_not_come_back_are_known(name: str) -> None:
    assert breaks_urls(name)
    assert not breaks_urls(askable(name).replace("%23", "").replace("%3F", "").replace("%25", ""))


@pytest.mark.parametrize("name", ["50%", "a b", "é", "100%zz", "a&b=c", "w:0", "back\\slash"])
def test_other_names_come_back(name: str) -> None:
    from urllib.parse import unquote

    assert not breaks_urls(name) and unquote(sent(f"/{name}").decode()) == f"/{name}"
