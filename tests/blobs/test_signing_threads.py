"""URLs of a store are signed beside the event loop: the store's keys may have to be fetched first."""

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from modelkeep.blobs.port import SignedUrl
from modelkeep.core.operations.files import direct_storage, uploads

pytestmark = pytest.mark.anyio


class Store:
    """Remembers the threads that it signs in."""

    def __init__(self) -> None:
        self.threads: list[str] = []

    def _sign(self, *args: Any) -> SignedUrl:
        self.threads.append(threading.current_thread().name)
        return SignedUrl("/".join(map(str, args)))

    presign_get = presign_put = presign_part = _sign


@pytest.mark.parametrize("sign", ["download", "upload", "one part", "a hundred parts"])
async def test_urls_are_signed_in_a_thread(sign: str) -> None:
    store = Store()
    ctx: Any = SimpleNamespace(services=SimpleNamespace(blobs=store), config=SimpleNamespace(url_ms=60_000))
    database: Any = None
    if sign in ("download", "upload"):
        call = direct_storage.sign_download if sign == "download" else direct_storage.sign_upload
        signed = (await call(ctx, database, direct_storage.VendedUrl("set", object="f")),)
        paths = ["set/f/60"]
    else:
        upload: Any = SimpleNamespace(set_id="set", path="f", store_upload="u")
        numbers = range(1, 2 if sign == "one part" else 101)
        signed = await uploads.sign_parts(ctx, database, uploads.PartsVended(upload, numbers, direct=True))
        paths = [f"set/f/u/{number}/60" for number in numbers]
    assert [vended.url and vended.url.url for vended in signed] == paths
    assert len(store.threads) == len(paths)
    assert all(name.startswith("signer") for name in store.threads)


async def test_parts_that_pass_through_the_server_need_no_signature() -> None:
    ctx: Any = None
    upload: Any = SimpleNamespace(set_id="set", path="f", store_upload="u")
    vended = await uploads.sign_parts(ctx, ctx, uploads.PartsVended(upload, range(1, 4), direct=False))
    assert vended == (uploads.VendedUrl("set"),) * 3
