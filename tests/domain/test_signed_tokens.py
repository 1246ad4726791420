"""Signed tokens: one spelling, one use, one deployment, until they expire."""

import base64
import string

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelkeep.domain.errors import PermissionDenied
from modelkeep.domain.signed_tokens import Signer

NOW = 1_700_000_000_000
SIGNER = Signer(b"s" * 32, now_ms=lambda: NOW)
URL_SAFE = string.ascii_letters + string.digits + "-_"


class Upload(msgspec.Struct, frozen=True):
    set_id: str
    path: str
    part: int = 0


class Download(msgspec.Struct, frozen=True):
    set_id: str
    path: str
    part: int = 0


UPLOAD = Upload("5e7", "dir/ünï #?.bin", 3)
TOKEN = SIGNER.sign(UPLOAD, NOW + 1)


def refused(token: str, signer: Signer = SIGNER, type: type[msgspec.Struct] = Upload) -> None:
    with pytest.raises(PermissionDenied, match=r"^This URL was changed or has expired: ask for a new one\.$"):
        signer.verify(token, type)


@given(st.builds(Upload, st.text(), st.text(), st.integers(-(2**63), 2**63 - 1)))
def test_a_token_brings_its_payload_back(payload: Upload) -> None:
    token = SIGNER.sign(payload, NOW + 1)
    assert SIGNER.verify(token, Upload) == payload
    assert set(token) <= set(URL_SAFE + ".")
    assert token == SIGNER.sign(payload, NOW + 1)


def test_it_expires() -> None:
    assert Signer(b"s" * 32, now_ms=lambda: NOW).verify(TOKEN, Upload) == UPLOAD
    refused(TOKEN, Signer(b"s" * 32, now_ms=lambda: NOW + 1))
    refused(SIGNER.sign(UPLOAD, NOW))


def test_it_is_good_for_one_use_and_one_secret() -> None:
    refused(TOKEN, type=Download)
    refused(TOKEN, Signer(b"t" * 32, now_ms=lambda: NOW))
    with pytest.raises(ValueError):
        Signer(b"short")


def test_every_other_character_at_every_place_is_refused() -> None:
    for place, was in enumerate(TOKEN):
        for other in URL_SAFE + ".=+/ é\n\x00\ud800":
            if other != was:
                refused(TOKEN[:place] + other + TOKEN[place + 1 :])


def test_other_spellings_of_the_same_bytes_are_refused() -> None:
    claims, mac = TOKEN.split(".")
    for spelled in (claims + "=", claims + "==", claims + "\n", " " + claims, claims + "."):
        refused(f"{spelled}.{mac}")
    for spelled in (mac + "=", mac + "==", mac + "\n", " " + mac, base64.urlsafe_b64decode(mac + "=").hex()):
        refused(f"{claims}.{spelled}")
    last = URL_SAFE.index(mac[-1]) if mac[-1] in URL_SAFE else 0
    refused(f"{claims}.{mac[:-1]}{URL_SAFE[(last + 1) % 64]}")  # differs in bits that base64 drops
    respelled = base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)).replace(b",", b", ")
    refused(f"{base64.urlsafe_b64encode(respelled).rstrip(b'=').decode()}.{mac}")


@given(st.text(max_size=200) | st.text(alphabet=URL_SAFE + ".", max_size=200))
def test_anything_else_is_refused(token: str) -> None:
    refused(token)


def test_a_payload_of_another_release_is_refused() -> None:
    class Newer(msgspec.Struct):
        set_id: str
        path: str
        part: str

    Newer.__name__ = "Upload"
    refused(SIGNER.sign(Newer("5e7", "f", "three"), NOW + 1))
