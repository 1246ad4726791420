"""Who called, behind proxies: the nearest address that none of ours has, whatever a caller writes into the headers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelkeep.domain.errors import InvalidArgument
from modelkeep.http.proxies import parse_proxies
from modelkeep.limits import FORWARDED_HOPS

PROXIES = parse_proxies("10.0.0.0/8, 127.0.0.1 fd00::/8 ::1")
Headers = list[tuple[bytes, bytes]]


def listed(*values: str) -> Headers:
    return [(b"x-forwarded-for", value.encode()) for value in values]


def described(*values: str) -> Headers:
    return [(b"forwarded", value.encode()) for value in values]


@pytest.mark.parametrize(
    ("peer", "headers", "source"),
    [
        ("203.0.113.9", listed("1.2.3.4"), "203.0.113.9"),  # a stranger's word
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", listed("198.51.100.7"), "198.51.100.7"),
        ("10.0.0.1", listed("1.2.3.4, 198.51.100.7"), "198.51.100.7"),  # the left one is what the caller wrote
        ("10.0.0.1", listed("1.2.3.4", "198.51.100.7"), "198.51.100.7"),  # two lines are one list
        ("10.0.0.1", listed("1.2.3.4, 198.51.100.7, 10.9.9.9, 127.0.0.1"), "198.51.100.7"),
        ("10.0.0.1", listed("10.0.0.3, 10.0.0.2"), "10.0.0.3"),  # a caller of our own network
        ("10.0.0.1", listed("198.51.100.7:4711"), "198.51.100.7"),
        ("10.0.0.1", listed("[2001:db8::1]:4711"), "2001:db8::1"),
        ("::1", listed("2001:DB8:0::1"), "2001:db8::1"),
        ("10.0.0.1", listed("1.2.3.4, unknown"), "10.0.0.1"),
        ("10.0.0.1", listed("1.2.3.4, , 10.0.0.2"), "10.0.0.2"),
        ("10.0.0.1", listed(""), "10.0.0.1"),
        ("10.0.0.1", listed("::ffff:198.51.100.7"), "198.51.100.7"),
        ("::ffff:10.0.0.1", listed("198.51.100.7"), "198.51.100.7"),
        ("10.0.0.1", described("for=198.51.100.7;proto=https;by=10.0.0.1"), "198.51.100.7"),
        ("10.0.0.1", described('for=1.2.3.4, For="[2001:db8::1]:4711"'), "2001:db8::1"),
        ("10.0.0.1", described("for=_hidden"), "10.0.0.1"),
        ("10.0.0.1", described("proto=https"), "10.0.0.1"),
        # A proxy writes one of them, and passes the other as the caller sent it.
        ("10.0.0.1", [*listed("198.51.100.7"), *described("for=1.2.3.4")], "10.0.0.1"),
        ("10.0.0.1", [*listed("198.51.100.7"), *described("for=198.51.100.7")], "198.51.100.7"),
        ("", listed("1.2.3.4"), ""),
    ],
)
def test_the_nearest_address_that_no_proxy_has_is_the_callers(peer: str, headers: Headers, source: str) -> None:
    assert PROXIES.source(peer, headers) == source


@given(st.text(alphabet='0123456789abcdef.:,;=[]" for_unkw-', max_size=200), st.booleans())
def test_nothing_that_a_caller_writes_left_of_a_proxys_word_counts(text: str, lists: bool) -> None:
    headers = listed(f"{text}, 198.51.100.7") if lists else described(f"{text}, for=198.51.100.7")
    assert PROXIES.source("10.0.0.1", headers) == "198.51.100.7"


def test_so_many_hops_are_read_and_no_more() -> None:
    many = ", ".join(["1.2.3.4"] + ["10.0.0.2"] * (FORWARDED_HOPS + 5))
    assert PROXIES.source("10.0.0.1", listed(many)) == "10.0.0.2"
    assert PROXIES.source("10.0.0.1", listed("," * 60_000 + "198.51.100.7")) == "198.51.100.7"


@pytest.mark.parametrize("text", ["10.0.0.0/33", "example.com", "10.0.0.1/8", "*", "10.0.0", "1.2.3.4;5.6.7.8"])
def test_what_is_no_network_is_refused_with_its_setting(text: str) -> None:
    with pytest.raises(InvalidArgument, match="MODELKEEP_TRUSTED_PROXIES has"):
        parse_proxies(f"127.0.0.1 {text}")


def test_without_proxies_nobody_is_believed() -> None:
    for peer in ("127.0.0.1", "::1", "10.0.0.1"):
        assert parse_proxies("").source(peer, listed("1.2.3.4")) == peer
