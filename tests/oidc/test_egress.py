"""The requests that signing in sends out: to whom, how far, and how an issuer's keys change."""

import socket
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

import pytest
from issuer import Issuer, key, running_issuer

from modelkeep.domain.errors import Unauthenticated, Unavailable
from modelkeep.oidc import egress
from modelkeep.oidc.issuers import Issuers

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def trusted() -> Iterator[Issuer]:
    with running_issuer("one") as running:
        yield running


@pytest.fixture(scope="module")
def evil() -> Iterator[Issuer]:
    with running_issuer("evil") as running:
        yield running


@pytest.fixture(autouse=True)
def unasked(trusted: Issuer, evil: Issuer) -> None:
    for issuer, name in ((trusted, "one"), (evil, "evil")):
        issuer.requests.clear()
        issuer.raw.clear()
        issuer.metadata.clear()
        issuer.key, issuer.keys = key(name), [key(name).as_dict(private=False)]


async def refused(url: str, *, inside: bool) -> str:
    with pytest.raises(Unavailable) as error:
        await egress.ask(url, inside=inside)
    return error.value.message


@pytest.mark.parametrize(
    "url",
    [
        "http://idp.example/x",
        "http://10.0.0.7/x",
        "ftp://127.0.0.1/x",
        "file:///etc/passwd",
        "//127.0.0.1/x",
        "127.0.0.1/x",
        "",
        "https://user@127.0.0.1/x",
        "https://user:p@127.0.0.1/x",
        "https://127.0.0.1/x#y",
        "https://127.0.0.1:99999/x",
        "https:///x",
        "https://[::1/x",
        "https://127.0.0.1/\r\nx: y",
        "https://ex\u00e4mple/x",
        "gopher://127.0.0.1:70/_x",
    ],
)
async def test_what_is_no_address_of_an_issuer_is_not_asked(url: str) -> None:
    await refused(url, inside=True)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0",
        "0.0.0.0",
        "localhost",
        "10.0.0.7",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "240.0.0.1",
        "[::1]",
        "[::]",
        "[fe80::1]",
        "[fd00::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:a9fe:a9fe]",
        "[64:ff9b::7f00:1]",
        "[64:ff9b:1::1]",
        "[2002:7f00:1::]",
        "[ff02::1]",
        "[2001:db8::1]",
    ],
)
async def test_an_address_inside_of_the_network_is_not_asked_for_an_answer_that_names_it(host: str) -> None:
    assert "inside of the network" in await refused(f"https://{host}/keys", inside=False)


async def test_a_name_that_leads_inside_is_not_asked_either(monkeypatch: pytest.MonkeyPatch, evil: Issuer) -> None:
    """Looked up once, and every address of it must be a public one: the one that was looked at is the one that is asked."""
    port, lookups = int(evil.url.rpartition(":")[2]), list[str]()

    def lookup(host: str, port: int, **_: Any) -> list[Any]:
        lookups.append(host)
        result = ["93.184.215.14", "127.0.0.1"] if len(lookups) == 1 else ["127.0.0.1"]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in result]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    assert "inside of the network" in await refused(f"https://rebinds.example:{port}/keys", inside=False)
    assert lookups == ["rebinds.example"] and evil.requests == []


async def test_a_redirect_is_not_followed(trusted: Issuer, evil: Issuer) -> None:
    for status in (301, 302, 303, 307, 308):
        trusted.raw["/keys"] = (status, b"{}", {"location": f"{evil.url}/keys"})
        assert (await egress.ask(f"{trusted.url}/keys", inside=True))[0] == status
        with pytest.raises(Unavailable):
            await Issuers((trusted.url,)).verified(trusted.token(), trusted.url, ("modelkeep",))
    trusted.raw["/.well-known/openid-configuration"] = (
        302,
        b"{}",
        {"location": f"{evil.url}/.well-known/openid-configuration"},
    )
    with pytest.raises(Unavailable):
        await Issuers((trusted.url,)).verified(trusted.token(), trusted.url, ("modelkeep",))
    assert evil.requests == []


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"1", b"\xff", b"<html>", b"[" * 200_000, b'{"a": "' + b"x" * 300_000 + b'"}'],
    ids=["empty", "a list", "a number", "no UTF-8", "HTML", "deep", "large"],
)
async def test_what_is_no_small_json_object_is_no_answer(trusted: Issuer, body: bytes) -> None:
    trusted.raw["/x"] = (200, body, {})
    await refused(f"{trusted.url}/x", inside=True)


async def test_proxies_and_passwords_of_the_environment_are_left_out(
    monkeypatch: pytest.MonkeyPatch, trusted: Issuer, evil: Issuer
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, evil.url)
    monkeypatch.delenv("no_proxy", raising=False)
    assert (await egress.ask(f"{trusted.url}/keys", inside=True))[0] == 200
    assert trusted.requests == ["/keys"] and evil.requests == []


# --- issuers ---------------------------------------------------------------------------------------------------------


async def test_an_issuer_that_is_not_listed_is_asked_nothing(trusted: Issuer, evil: Issuer) -> None:
    issuers = Issuers((trusted.url,))
    for issuer in (
        evil.url,
        f"{trusted.url}/",
        trusted.url.upper(),
        f"{trusted.url}@evil.example",
        trusted.url.replace("127.0.0.1", "localhost"),
    ):
        with pytest.raises(Unauthenticated):
            await issuers.verified(evil.sign(evil.claims(iss=issuer)), issuer, ("modelkeep",))
        with pytest.raises(Unauthenticated):
            await issuers.metadata(issuer)
    assert trusted.requests == evil.requests == []


async def test_a_discovery_document_names_itself_and_no_address_inside_of_the_network(
    trusted: Issuer, evil: Issuer
) -> None:
    for item in (
        {"issuer": evil.url},
        {"issuer": f"{trusted.url}/"},
        {"issuer": None},
        {"jwks_uri": None},
        {"jwks_uri": 1},
        {"jwks_uri": "https://10.0.0.7/keys"},
        {"jwks_uri": "https://169.254.169.254/keys"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": f"{evil.url.replace('127.0.0.1', '127.0.0.2')}/keys"},
        {"jwks_uri": "keys"},
    ):
        trusted.metadata = item
        with pytest.raises(Unavailable):
            await Issuers((trusted.url,)).verified(trusted.token(), trusted.url, ("modelkeep",))
    assert evil.requests == []


class Clock:
    def __init__(self) -> None:
        import time

        self.now = time.time()

    def __call__(self) -> float:
        return self.now


async def test_an_issuers_keys_are_fetched_anew_when_they_rotate(trusted: Issuer) -> None:
    clock = Clock()
    issuers = Issuers((trusted.url,), clock)

    async def taken() -> bool:
        try:
            await issuers.verified(
                trusted.sign(trusted.claims(exp=int(clock.now) + 300, iat=int(clock.now))), trusted.url, ("modelkeep",)
            )
        except Unauthenticated as error:
            assert "key" in error.message
            return False
        return True

    def rotate(name: str) -> None:
        trusted.key = key(name)
        trusted.keys = [trusted.key.as_dict(private=False)]

    assert await taken() and await taken()
    assert trusted.requests.count("/keys") == 1, "kept"
    rotate("next")
    clock.now += 5
    assert not await taken(), "an unknown key makes us ask again, and not more often than every 30 s"
    assert trusted.requests.count("/keys") == 1
    clock.now += 31
    assert await taken()
    assert trusted.requests.count("/keys") == 2
    old = trusted.sign(trusted.claims(), by=key("one"), kid="one")
    with pytest.raises(Unauthenticated, match="key that its issuer does not have"):
        await issuers.verified(old, trusted.url, ("modelkeep",))
    rotate("one")
    clock.now += 601
    assert await taken(), "after ten minutes whatever the issuer says now counts"
    with pytest.raises(Unauthenticated):
        await issuers.verified(
            trusted.sign(trusted.claims(exp=int(clock.now) + 9, iat=int(clock.now)), by=key("next"), kid="next"),
            trusted.url,
            ("modelkeep",),
        )


async def test_keys_outlive_an_issuer_that_does_not_answer_by_an_hour(trusted: Issuer) -> None:
    clock = Clock()
    issuers = Issuers((trusted.url,), clock)

    def token() -> str:
        return trusted.sign(trusted.claims(exp=int(clock.now) + 300, iat=int(clock.now)))

    await issuers.verified(token(), trusted.url, ("modelkeep",))
    trusted.raw["/.well-known/openid-configuration"] = (503, b"{}", {})
    clock.now += 3_000
    await issuers.verified(token(), trusted.url, ("modelkeep",))
    clock.now += 700
    with pytest.raises(Unavailable):
        await issuers.verified(token(), trusted.url, ("modelkeep",))
    trusted.raw.clear()
    with pytest.raises(Unavailable, match="a moment ago"):
        await issuers.verified(token(), trusted.url, ("modelkeep",))
    clock.now += 31
    await issuers.verified(token(), trusted.url, ("modelkeep",))


@pytest.mark.parametrize(
    "address",
    [
        "192.88.99.1",
        "192.31.196.1",
        "192.52.193.7",
        "192.175.48.1",
        "192.0.0.9",
        "3fff::1",
        "3fff:fff:ffff::1",
        "5f00::1",
        "100::1",
        "100:0:0:1::1",
        "2001:db8::1",
        "2001:20::1",
        "2002:a00:1::",
        "2620:4f:8000::1",
        "64:ff9b::a00:1",
        "64:ff9b:1::1",
        "::ffff:10.0.0.1",
        "::ffff:192.88.99.1",
        "fec0::1",
        "fd00::1",
        "198.18.0.1",
        "203.0.113.1",
    ],
)
def test_no_special_address_of_ianas_registries_is_public(address: str) -> None:
    assert not egress._public(ip_address(address))  # pyright: ignore[reportPrivateUsage]


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "8.8.8.8", "192.88.98.1", "192.88.100.1", "2606:4700::1111", "2a00:1450::1"]
)
def test_addresses_beside_them_are_public(address: str) -> None:
    assert egress._public(ip_address(address))  # pyright: ignore[reportPrivateUsage]
