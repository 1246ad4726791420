"""Searching everything by words, on both databases: what is found, in which order, page by page, and by whom."""

import pytest
from world import World, name

from modelkeep.core.operations.catalog import catalogs, explorer
from modelkeep.core.operations.catalog.explorer import SearchSecurables
from modelkeep.core.operations.catalog.model_search import SearchModels, SearchVersions
from modelkeep.core.operations.models import models
from modelkeep.core.operations.models.versions import CreateVersion
from modelkeep.domain.errors import BadPageToken, InvalidArgument

pytest_plugins = ("backends", "places")
pytestmark = pytest.mark.anyio


async def names_of(w: World, who: str = "admin", **request: object) -> list[str]:
    page = await w.as_(who).do(SearchSecurables(**request))  # type: ignore[arg-type]
    return [item.securable.full_name for item in page.items]


async def set_up(w: World) -> None:
    await w.catalog("prod")
    await w.schema("prod.fraud")
    for model in ("prod.fraud.detector", "prod.fraud.detector_old", "prod.fraud.other"):
        await w.model(model)
    admin = w.as_("admin")
    await admin.do(catalogs.UpdateComment(name("prod.fraud.other"), "Replaces the Detector of 50%_cards"))
    await admin.do(models.ChangeTags(name("prod.fraud.detector"), None, {"Task": "Fraud"}))


async def test_words_are_found_wherever_they_are(w: World) -> None:
    await set_up(w)
    assert await names_of(w, query="detector") == [
        "prod.fraud.detector",
        "prod.fraud.detector_old",
        "prod.fraud.other",
    ], "the name that is the word, names that begin with it, then the rest"
    assert await names_of(w, query="FRAUD", kinds=("SCHEMA",)) == ["prod.fraud"]
    assert await names_of(w, query="task:fraud") == ["prod.fraud.detector"]
    assert await names_of(w, query="50%_cards") == ["prod.fraud.other"], "no wildcards"
    assert await names_of(w, query="detector old") == ["prod.fraud.detector_old"], "every word"
    assert await names_of(w, query="' OR 1=1 --") == []
    assert await names_of(w, tag="task") == await names_of(w, tag="task:fraud") == ["prod.fraud.detector"]
    assert await names_of(w, tag="task:other") == []
    assert await names_of(w, query="prod", owner="nobody") == []
    newest = await names_of(w, kinds=("MODEL",), newest_first=True)
    assert set(newest[:2]) == {"prod.fraud.detector", "prod.fraud.other"}


async def test_pages_hold_each_result_once(w: World) -> None:
    await set_up(w)
    seen: list[str] = []
    token = ""
    while True:
        page = await w.as_("admin").do(SearchSecurables("fraud", max_results=2, page_token=token))
        seen += [item.securable.full_name for item in page.items]
        token = page.next_token
        if not token:
            break
    assert seen == await names_of(w, query="fraud")
    first = await w.as_("admin").do(SearchSecurables("fraud", max_results=2))
    with pytest.raises(BadPageToken):
        await w.as_("admin").do(SearchSecurables("other", page_token=first.next_token))


@pytest.mark.parametrize("tag", ["stage", "stage:live"])
@pytest.mark.parametrize("query", ["", "det"])
async def test_a_model_is_one_result_however_many_of_its_versions_have_the_tag(w: World, tag: str, query: str) -> None:
    await set_up(w)
    for number in (1, 2, 3):
        await w.as_("admin").do(CreateVersion(name=name("prod.fraud.detector")))
        await w.as_("admin").do(models.ChangeTags(name("prod.fraud.detector"), number, {"stage": "live"}))
    await w.as_("admin").do(models.ChangeTags(name("prod.fraud.detector"), None, {"Stage": "Live"}))
    assert await names_of(w, tag=tag, query=query) == ["prod.fraud.detector"]


@pytest.mark.parametrize("kind", ["model", "version"])
async def test_a_registry_search_by_part_of_a_tag_finds_each_once(w: World, kind: str) -> None:
    """Though the part stands in several tags."""
    await set_up(w)
    for number in (1, 2):
        await w.as_("admin").do(CreateVersion(name=name("prod.fraud.detector")))
        await w.as_("admin").do(models.ChangeTags(name("prod.fraud.detector"), number, {"a": "lively", "b": "lively"}))
    await w.as_("admin").do(models.ChangeTags(name("prod.fraud.detector"), None, {"a": "lively", "b": "lively"}))
    search = SearchModels if kind == "model" else SearchVersions
    page = await w.as_("admin").do(search(filter="tags.a LIKE '%lively%'"))
    assert len(page.items) == (1 if kind == "model" else 2)


async def test_only_what_may_be_read_is_found(w: World) -> None:
    await set_up(w)
    await w.grant("reader", "USE_CATALOG@prod+USE_SCHEMA@prod.fraud+EXECUTE@prod.fraud.other")
    assert await names_of(w, "reader", query="prod") == ["prod", "prod.fraud", "prod.fraud.other"]
    await w.grant("stranger", "EXECUTE@prod.fraud.other")
    assert await names_of(w, "stranger", query="prod") == []


async def test_what_may_only_be_browsed_is_found_by_what_is_told_of_it(w: World) -> None:
    await set_up(w)
    await w.grant("visitor", "BROWSE@prod")
    page = await w.as_("visitor").do(SearchSecurables("detector"))
    assert [(item.securable.full_name, item.browse_only, item.securable.tags) for item in page.items] == [
        ("prod.fraud.detector", True, {}),
        ("prod.fraud.detector_old", True, {}),
        ("prod.fraud.other", True, {}),
    ]
    assert {"prod", "prod.fraud"} < set(await names_of(w, "visitor", query="prod"))
    assert await names_of(w, "visitor", query="task:fraud") == await names_of(w, "visitor", tag="task") == [], (
        "tags tell nothing"
    )
    await w.grant("visitor", "USE_CATALOG@prod+USE_SCHEMA@prod.fraud+EXECUTE@prod.fraud.detector")
    page = await w.as_("visitor").do(SearchSecurables("detector"))
    assert [item.browse_only for item in page.items] == [False, True, True]
    assert await names_of(w, "visitor", query="task:fraud") == ["prod.fraud.detector"]


async def test_too_much_is_refused(w: World) -> None:
    for item in (SearchSecurables("a " * 9), SearchSecurables("a" * 501), SearchSecurables(kinds=("METASTORE",))):
        with pytest.raises(InvalidArgument):
            await w.as_("admin").do(item)


async def test_storage_tells_what_is_kept(w: World) -> None:
    storage = await w.as_("admin").do(explorer.GetStorage())
    assert storage.problem == ""
    assert all(part.bytes >= 0 and part.sets > 0 for part in storage.stored)
