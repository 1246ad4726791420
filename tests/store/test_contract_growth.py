"""What one principal may pile up."""

from typing import Any

import pytest
from world import World, name

from modelkeep import limits
from modelkeep.core.operations.files import uploads
from modelkeep.core.operations.identity import principals
from modelkeep.domain.errors import LimitExceeded
from modelkeep.domain.paths import ArtifactPath

pytest_plugins = ("backends", "places")
pytestmark = pytest.mark.anyio


def _sentence(error: Any, *parts: str) -> None:
    assert all(part in error.value.message for part in parts), error.value.message


async def test_tokens_of_one_principal_end_at_a_limit_and_revoked_or_expired_ones_do_not_count(
    w: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await w.user("maker")
    maker, other = w.as_("maker"), w.as_("other")
    await w.user("other")
    first = await maker.do(principals.CreateToken("first"))
    await maker.do(principals.CreateToken("second"))
    ((live,),) = await w.rows(
        "SELECT COUNT(*) FROM tokens t JOIN principals p ON p.id = t.principal_id WHERE p.name = 'maker' AND t.kind = 'PERSONAL'"
    )
    monkeypatch.setattr(limits, "TOKENS_PER_PRINCIPAL", live)
    with pytest.raises(LimitExceeded) as error:
        await maker.do(principals.CreateToken("third"))
    _sentence(error, f"has {live} tokens", "Revoke one first")
    await maker.do(principals.RevokeToken(first.info.id))
    await maker.do(principals.CreateToken("third"))
    async with w.db.write() as tx:
        await tx.run("UPDATE tokens SET expires_at = 1 WHERE comment = 'second'")
    await maker.do(principals.CreateToken("fourth"))
    with pytest.raises(LimitExceeded):
        await maker.do(principals.CreateToken("fifth"))
    await other.do(principals.CreateToken("first"))


async def test_uploads_under_way_of_one_principal_end_at_a_limit(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await w.model("prod.ml.churn", owner="maker")
    await w.grant("maker", "USE_CATALOG@prod+USE_SCHEMA@prod.ml")
    version = await w.pending("prod.ml.churn", {})
    monkeypatch.setattr(limits, "UPLOADS_PER_PRINCIPAL", 2)

    async def start(who: str, path: str) -> Any:
        request = uploads.StartUpload(path=ArtifactPath(path), name=name("prod.ml.churn"), version=version.version)
        return await w.as_(who).do(request)

    first = await start("maker", "a.bin")
    await start("maker", "b.bin")
    with pytest.raises(LimitExceeded) as error:
        await start("maker", "c.bin")
    _sentence(error, "At most 2 uploads", "Complete or abort")
    abort = uploads.AbortUpload(
        path=ArtifactPath("a.bin"), name=name("prod.ml.churn"), version=version.version, upload_id=first
    )
    await w.as_("maker").do(abort)
    await start("maker", "c.bin")
