"""Volumes through databricks-sdk: the securable, its privileges, and its files in a folder and in a real S3 store."""

import io
import os
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from api.filing import FS, LARGE, Shelf, running_shelf, send
from api.serving import DATABRICKS_UC, UC, refused
from databricks.sdk import WorkspaceClient, errors
from databricks.sdk.config import Config
from databricks.sdk.service.catalog import PermissionsChange, Privilege, VolumeType

pytest_plugins = ("backends", "api.filing")

MIB = 1024 * 1024


def sdk(shelf: Shelf, token: str = "", **settings: Any) -> WorkspaceClient:
    return WorkspaceClient(config=Config(host=shelf.host, token=token or shelf.admin, auth_type="pat", **settings))


@pytest.fixture
def schema(shelf: Shelf) -> str:
    return shelf.schema()


def create_volume(shelf: Shelf, schema: str, name: str = "raw") -> str:
    """The root of a new managed volume."""
    catalog, team = schema.split(".")
    sdk(shelf).volumes.create(catalog, team, name, VolumeType.MANAGED)
    return f"/Volumes/{catalog}/{team}/{name}"


def stored(shelf: Shelf) -> int:
    """How many objects of volumes lie in storage."""

    async def count() -> int:
        async with shelf.registry.db.read() as tx:
            rows = await tx.all("SELECT id FROM artifact_sets WHERE kind = 'volume'")
        return sum([len(await shelf.registry.blobs.list_set(row[0])) for row in rows])

    return shelf.run(count())


# --- the securable ---------------------------------------------------------------------------------------------------


def test_a_volume_is_made_read_listed_changed_and_deleted(folder_shelf: Shelf) -> None:
    w, schema = sdk(folder_shelf), folder_shelf.schema()
    catalog, team = schema.split(".")
    new = w.volumes.create(catalog, team, "Raw", VolumeType.MANAGED, comment="as it came")
    assert (new.full_name, new.name, new.comment, new.volume_type) == (
        f"{schema}.raw",
        "raw",
        "as it came",
        VolumeType.MANAGED,
    )
    assert (new.catalog_name, new.schema_name, new.owner) == (catalog, team, "admin")
    assert new.storage_location == f"dbfs:/Volumes/{catalog}/{team}/raw"
    assert w.volumes.read(f"{schema}.RAW").volume_id == new.volume_id
    with pytest.raises(errors.ResourceAlreadyExists, match=r"Volume '.*raw' already exists"):
        w.volumes.create(catalog, team, "raw", VolumeType.MANAGED)
    for name in ("b", "c"):
        w.volumes.create(catalog, team, name, VolumeType.MANAGED)
    assert [v.name for v in w.volumes.list(catalog, team, max_results=1)] == ["b", "c", "raw"]
    user, token = folder_shelf.user()
    changed = w.volumes.update(f"{schema}.raw", comment="", new_name="landed", owner=user)
    assert (changed.full_name, changed.comment, changed.owner, changed.volume_id) == (
        f"{schema}.landed",
        None,
        user,
        new.volume_id,
    )
    with pytest.raises(errors.NotFound, match=r"Volume '.*raw' does not exist"):
        w.volumes.read(f"{schema}.raw")
    folder_shelf.allow(user, "catalog", catalog, "USE_CATALOG", "USE_SCHEMA")
    assert [v.name for v in sdk(folder_shelf, token).volumes.list(catalog, team)] == ["landed"]
    w.volumes.delete(f"{schema}.landed")
    with pytest.raises(errors.NotFound):
        w.volumes.delete(f"{schema}.landed")


def test_a_patch_that_is_allowed_in_part_changes_nothing(folder_shelf: Shelf) -> None:
    schema, (user, token) = folder_shelf.schema(), folder_shelf.user()
    folder_shelf.ok("POST", f"{UC}/volumes", volume(schema, "v"))
    folder_shelf.allow(user, "catalog", schema.partition(".")[0], "USE_CATALOG", "USE_SCHEMA")
    folder_shelf.allow(user, "volume", f"{schema}.v", "MANAGE", "READ_VOLUME")
    path = f"{UC}/volumes/{schema}.v"
    both = folder_shelf.call("PATCH", path, {"comment": "mine", "owner": user}, token=token)
    refused(both, 403, "PERMISSION_DENIED", "not an owner of Volume")
    answer = folder_shelf.ok("GET", path)
    assert (answer["owner"], answer.get("comment")) == ("admin", None)
    assert folder_shelf.ok("PATCH", path, {"owner": user}, token=token)["owner"] == user
    refused(folder_shelf.call("PATCH", path, {}), 400, "INVALID_PARAMETER_VALUE", "changes nothing")


def test_privileges_on_a_volume_are_its_own(folder_shelf: Shelf) -> None:
    schema, (user, token) = folder_shelf.schema(), folder_shelf.user()
    root, w, theirs = create_volume(folder_shelf, schema), sdk(folder_shelf), sdk(folder_shelf, token)
    catalog, team = schema.split(".")
    w.files.upload(f"{root}/a", io.BytesIO(b"1"))
    folder_shelf.allow(user, "catalog", catalog, "USE_CATALOG", "USE_SCHEMA")
    with pytest.raises(errors.PermissionDenied, match="CREATE VOLUME on Schema"):
        theirs.volumes.create(catalog, team, "other", VolumeType.MANAGED)
    with pytest.raises(errors.PermissionDenied, match="READ VOLUME on Volume"):
        theirs.files.download(f"{root}/a")
    folder_shelf.allow(user, "volume", f"{schema}.raw", "WRITE_VOLUME")
    theirs.files.upload(f"{root}/b", io.BytesIO(b"2"))
    with pytest.raises(errors.PermissionDenied, match="READ VOLUME on Volume"):
        list(theirs.files.list_directory_contents(root))
    answer = w.grants.update(
        "volume",
        f"{schema}.raw",
        changes=[PermissionsChange(principal=user, add=[Privilege.READ_VOLUME], remove=[Privilege.WRITE_VOLUME])],
    )
    assert [a.privileges for a in answer.privilege_assignments or ()] == [[Privilege.READ_VOLUME]]
    assert [e.name for e in theirs.files.list_directory_contents(root)] == ["a", "b"]
    with pytest.raises(errors.PermissionDenied, match="WRITE VOLUME on Volume"):
        theirs.files.upload(f"{root}/c", io.BytesIO(b"3"))
    with pytest.raises(errors.BadRequest, match="cannot be granted on a Volume"):
        w.grants.update("volume", f"{schema}.raw", changes=[PermissionsChange(principal=user, add=[Privilege.EXECUTE])])
    folder_shelf.allow(user, "schema", schema, "WRITE_VOLUME", "CREATE_VOLUME")
    theirs.files.upload(f"{root}/c", io.BytesIO(b"3"))
    theirs.volumes.create(catalog, team, "other", VolumeType.MANAGED)
    effective = w.grants.get_effective("volume", f"{schema}.raw", principal=user).privilege_assignments or []
    rows = {(p.privilege, p.inherited_from_name) for a in effective for p in a.privileges or ()}
    assert rows == {(Privilege.READ_VOLUME, None), (Privilege.WRITE_VOLUME, schema)}


def test_browse_shows_names_and_comments(folder_shelf: Shelf) -> None:
    schema, (user, token) = folder_shelf.schema(), folder_shelf.user()
    folder_shelf.ok("POST", f"{UC}/volumes", volume(schema, "v") | {"comment": "what it is"})
    folder_shelf.allow(user, "catalog", schema.partition(".")[0], "BROWSE")
    theirs = sdk(folder_shelf, token)
    catalog, team = schema.split(".")
    [seen] = theirs.volumes.list(catalog, team, include_browse=True)
    assert (seen.name, seen.comment, seen.browse_only, seen.storage_location) == ("v", "what it is", True, None)
    assert theirs.volumes.read(f"{schema}.v", include_browse=True).browse_only
    assert [v.browse_only for v in sdk(folder_shelf).volumes.list(catalog, team, include_browse=True)] == [False]
    with pytest.raises(errors.PermissionDenied):
        theirs.volumes.read(f"{schema}.v")


def test_tags_of_a_volume(folder_shelf: Shelf) -> None:
    schema, tags = folder_shelf.schema(), f"{UC}/entity-tag-assignments"
    folder_shelf.ok("POST", f"{UC}/volumes", volume(schema, "v"))
    fields = {"entity_type": "volumes", "entity_name": f"{schema}.v", "tag_key": "team", "tag_value": "a"}
    folder_shelf.ok("POST", tags, fields)
    assert folder_shelf.ok("GET", f"{tags}/volumes/{schema}.v/tags")["tag_assignments"] == [fields]
    assert folder_shelf.ok("GET", f"{tags}/volumes/{schema}.v/tags/team") == fields
    folder_shelf.ok("DELETE", f"{tags}/volumes/{schema}.v/tags/team")
    refused(folder_shelf.call("GET", f"{tags}/volumes/{schema}.v/tags/team"), 404, "RESOURCE_DOES_NOT_EXIST")


# --- files -----------------------------------------------------------------------------------------------------------


def test_files_come_and_go(shelf: Shelf, schema: str) -> None:
    root, files = create_volume(shelf, schema), sdk(shelf).files
    body = os.urandom(MIB + 3)
    for name in ("a.bin", "deep/er/sub dir é/b#?.bin"):
        files.upload(f"{root}/{name}", io.BytesIO(body))
        assert files.download(f"{root}/{name}").contents.read() == body
    assert files.get_metadata(f"{root}/a.bin").content_length == len(body)
    with pytest.raises(errors.AlreadyExists, match="overwrite=true"):
        files.upload(f"{root}/a.bin", io.BytesIO(b"other"), overwrite=False)
    files.upload(f"{root}/a.bin", io.BytesIO(b"other"))
    assert files.download(f"{root}/a.bin").contents.read() == b"other"
    entries = {e.name: (e.path, e.is_directory, e.file_size) for e in files.list_directory_contents(root)}
    assert entries == {"a.bin": (f"{root}/a.bin", False, 5), "deep": (f"{root}/deep", True, None)}
    files.delete(f"{root}/a.bin")
    with pytest.raises(errors.NotFound):
        files.get_metadata(f"{root}/a.bin")
    with pytest.raises(errors.NotFound):
        files.download(f"{root}/nothing")
    with pytest.raises(errors.NotFound):
        list(files.list_directory_contents(root.replace("/raw", "/nothing")))


def test_directories_are_there_without_files(shelf: Shelf, schema: str) -> None:
    root, files = create_volume(shelf, schema), sdk(shelf).files
    files.create_directory(f"{root}/new/inner")
    files.create_directory(f"{root}/new/inner")  # once more does no harm
    for path in (root, f"{root}/new", f"{root}/new/inner"):
        files.get_directory_metadata(path)
    assert [(e.name, e.is_directory) for e in files.list_directory_contents(f"{root}/new")] == [("inner", True)]
    assert list(files.list_directory_contents(f"{root}/new/inner")) == []
    with pytest.raises(errors.AlreadyExists, match="a path is a file or a directory"):
        files.upload(f"{root}/new", io.BytesIO(b"x"))
    files.upload(f"{root}/new/file", io.BytesIO(b"x"))
    assert [e.name for e in files.list_directory_contents(f"{root}/new")] == ["file", "inner"]
    with pytest.raises(errors.AlreadyExists, match="is a file"):
        files.create_directory(f"{root}/new/file/below")
    with pytest.raises(errors.ResourceConflict, match="holds files"):
        files.delete_directory(f"{root}/new")
    files.delete(f"{root}/new/file")
    files.delete_directory(f"{root}/new/inner")
    files.get_directory_metadata(f"{root}/new")
    files.delete_directory(f"{root}/new")
    with pytest.raises(errors.NotFound):
        files.get_directory_metadata(f"{root}/new")


def test_large_files_go_in_parts(shelf: Shelf, schema: str) -> None:
    root, body = create_volume(shelf, schema), os.urandom(11 * MIB + 5)
    files = sdk(
        shelf, files_ext_multipart_upload_min_stream_size=1, files_ext_multipart_upload_default_part_size=5 * MIB
    ).files
    files.upload(f"{root}/big", io.BytesIO(body))
    assert files.download(f"{root}/big").contents.read() == body
    with pytest.raises(errors.AlreadyExists):
        files.upload(f"{root}/big", io.BytesIO(body), overwrite=False)
    files.upload(f"{root}/big", io.BytesIO(body[:MIB]))
    assert files.get_metadata(f"{root}/big").content_length == MIB


def test_urls_serve_the_very_volume_they_were_made_for(shelf: Shelf, schema: str) -> None:
    root, w = create_volume(shelf, schema), sdk(shelf)
    up, full_name = shelf.upload_url(f"{root}/a"), ".".join(root.split("/")[2:])
    assert send(up, "PUT", b"one").status_code == 200
    assert send(up, "PUT", b"two").status_code == 200  # the last write wins
    down = shelf.download_url(f"{root}/a")
    assert send(down, "GET").content == b"two"
    w.volumes.delete(full_name)
    create_volume(shelf, schema)
    assert send(up, "PUT", b"three").status_code == 404
    assert list(w.files.list_directory_contents(root)) == []


def test_a_renamed_volume_keeps_its_files_and_leaves_none_behind(shelf: Shelf, schema: str) -> None:
    root, w = create_volume(shelf, schema), sdk(shelf)
    w.files.upload(f"{root}/a", io.BytesIO(b"1"))
    w.volumes.update(f"{schema}.raw", new_name="landed")
    assert w.files.download(root.replace("/raw", "/landed") + "/a").contents.read() == b"1"
    create_volume(shelf, schema)
    assert list(w.files.list_directory_contents(root)) == []


@pytest.mark.parametrize("how", ["volume", "schema", "catalog"])
def test_deletion_frees_the_bytes(shelf: Shelf, schema: str, how: str) -> None:
    shelf.work()  # what earlier tests left
    root, w, before = create_volume(shelf, schema), sdk(shelf), stored(shelf)
    for name in ("a", "b"):
        w.files.upload(f"{root}/{name}", io.BytesIO(LARGE))
    assert stored(shelf) == before + 2
    catalog = schema.partition(".")[0]
    if how == "volume":
        w.volumes.delete(f"{schema}.raw")
    elif how == "schema":
        w.schemas.delete(schema, force=True)
    else:
        w.catalogs.delete(catalog, force=True)
    shelf.work()
    assert stored(shelf) == before


def test_check_finds_nothing_to_say(shelf: Shelf, schema: str) -> None:
    from modelkeep.jobs.check import findings

    root = create_volume(shelf, schema)
    files = sdk(shelf).files
    files.upload(f"{root}/a", io.BytesIO(b"1"))
    files.create_directory(f"{root}/empty")

    async def check_findings() -> list[str]:
        return [text async for text in findings(shelf.registry.db, shelf.registry.blobs)]

    assert [text for text in shelf.run(check_findings()) if "olume" in text] == []

    key = f"volume:{sdk(shelf).volumes.read(f'{schema}.raw').volume_id}"

    async def break_it(old: str, new: str) -> None:
        async with shelf.registry.db.write() as tx:
            await tx.run("UPDATE artifact_sets SET owner_key = :new WHERE owner_key = :old", old=old, new=new)

    shelf.run(break_it(key, "volume:gone"))
    said = [text for text in shelf.run(check_findings()) if "olume" in text]
    shelf.run(break_it("volume:gone", key))
    assert len(said) == 2
    assert any("belongs to no volume" in text for text in said)
    assert any("has no artifact set" in text for text in said)


# --- external volumes and bad input ----------------------------------------------------------------------------------


def volume(schema: str, name: str, **fields: Any) -> dict[str, Any]:
    catalog, team = schema.split(".")
    return {"catalog_name": catalog, "schema_name": team, "name": name, "volume_type": "MANAGED", **fields}


def external(schema: str, name: str, location: str) -> dict[str, Any]:
    return volume(schema, name, volume_type="EXTERNAL", storage_location=location)


def test_an_external_volume_is_metadata_alone(shelf: Shelf, schema: str) -> None:
    result = shelf.ok("POST", f"{UC}/volumes", external(schema, "outside", "s3://elsewhere/Folder"))
    assert (result["volume_type"], result["storage_location"]) == ("EXTERNAL", "s3://elsewhere/Folder")
    path = f"/Volumes/{schema.replace('.', '/')}/outside"
    for answer in (
        shelf.fs("GET", "directories", path),
        shelf.fs("PUT", "files", f"{path}/a", content=b"x"),
        shelf.fs("PUT", "directories", f"{path}/a"),
    ):
        refused(answer, 400, "INVALID_STATE", "is external")
    shelf.ok("DELETE", f"{UC}/volumes/{schema}.outside")


def test_no_external_volume_overlaps_our_own_storage(shelf: Shelf, schema: str) -> None:
    own = str(shelf.settings.data)
    places = [own, f"file:{own}", f"file://{own}/artifacts", f"file://localhost{own}//artifacts", own.upper(), "/"]
    places += [
        "file:///",
        own.replace("/", "%2F"),
        f"{own}/x/../y",
        "dbfs:/Volumes/a/b/c",
        "dbfs://Models/x",
        "models:/a.b.c/1",
    ]
    places += ["relative", ""]
    if shelf.settings.storage_url:
        url = shelf.settings.storage_url
        places += [url, f"{url}/", f"{url}/below", url.rpartition("/")[0], url.replace("s3:", "s3a:"), "s3://"]
    for place in places:
        refused(
            shelf.call("POST", f"{UC}/volumes", external(schema, "v", place)),
            400,
            "INVALID_PARAMETER_VALUE",
            "storage_location",
        )
    refused(
        shelf.call("POST", f"{UC}/volumes", volume(schema, "v", storage_location="s3://x/y")),
        400,
        "INVALID_PARAMETER_VALUE",
    )


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"volume_type": "PUBLIC"}, "volume_type"),
        ({"name": ""}, "empty"),
        ({"name": "a.b"}, "period"),
        ({"name": "a/b"}, "slash"),
        ({"name": "n" * 256}, "255"),
        ({"Name": "w"}, "looks like"),
        ({"full_name": "x.y.z"}, "full_name"),
        ({"catalog_name": "no_such"}, "does not exist"),
        ({"comment": "c" * 70_000}, "65535"),
    ],
)
def test_bad_bodies(folder_shelf: Shelf, body: dict[str, Any], word: str) -> None:
    schema = folder_shelf.schema()
    answer = folder_shelf.call("POST", f"{UC}/volumes", volume(schema, "v") | body)
    missing = word == "does not exist"
    refused(answer, 404 if missing else 400, "RESOURCE_DOES_NOT_EXIST" if missing else "INVALID_PARAMETER_VALUE", word)


def test_bad_pages_and_paths(folder_shelf: Shelf) -> None:
    schema, (_, token) = folder_shelf.schema(), folder_shelf.user()
    for name in ("a", "b"):
        folder_shelf.ok("POST", f"{UC}/volumes", volume(schema, name))
    catalog, team = schema.split(".")
    place, bad = {"catalog_name": catalog, "schema_name": team}, "INVALID_PARAMETER_VALUE"
    for item in ({"max_results": -1}, {"max_results": "x"}, {"page_token": "forged"}):
        refused(folder_shelf.call("GET", f"{UC}/volumes", place | item), 400, bad)
    first = folder_shelf.ok("GET", f"{UC}/volumes", place | {"max_results": 1})
    assert [v["name"] for v in first["volumes"]] == ["a"]
    page = {"page_token": first["next_page_token"]}
    assert [v["name"] for v in folder_shelf.ok("GET", f"{UC}/volumes", place | page)["volumes"]] == ["b"]
    for other in ("tables", "functions", "models"):
        refused(folder_shelf.call("GET", f"{UC}/{other}", place | page), 400, bad, "page token")
    for all_of_them in ({"max_results": 0}, {"max_results": 10**30}):
        assert len(folder_shelf.ok("GET", f"{UC}/volumes", place | all_of_them)["volumes"]) == 2
    refused(folder_shelf.call("GET", f"{UC}/volumes", {"catalog_name": catalog}), 400, bad, "schema_name")
    for path in (f"{schema}", f"{schema}.a.b", f"{schema}."):
        refused(folder_shelf.call("GET", f"{UC}/volumes/{path}"), 400, bad)
    disagrees = folder_shelf.call("PATCH", f"{UC}/volumes/{schema}.a", {"name": f"{schema}.b", "comment": "x"})
    refused(disagrees, 400, bad, "two values")
    elsewhere = folder_shelf.call("PATCH", f"{UC}/volumes/{schema}.a", {"catalog_name": "main", "comment": "x"})
    refused(elsewhere, 400, bad, "catalog_name")
    refused(
        folder_shelf.call("PATCH", f"{UC}/volumes/{schema}.a", {"new_name": "main.default.a"}),
        400,
        bad,
        "stays in its schema",
    )
    refused(folder_shelf.call("PATCH", f"{UC}/volumes/{schema}.a", {"new_name": "b"}), 409, "RESOURCE_ALREADY_EXISTS")
    refused(folder_shelf.call("GET", f"{UC}/volumes/{schema}.a", token=token), 403, "PERMISSION_DENIED")


def test_file_paths_that_name_nothing(folder_shelf: Shelf) -> None:
    schema = folder_shelf.schema()
    root = create_volume(folder_shelf, schema)
    for path in ("/Volumes", "/Volumes/a/b", "/Volumes//b/c/d", root + "x/y"):
        assert folder_shelf.fs("GET", "files", path).status_code in (400, 404)
    for path in (f"{root}/../x", f"{root}/a//b", f"{root}/./b", f"{root}/..\\b"):
        answer = folder_shelf.call("POST", f"{FS}/create-upload-url", {"path": path})
        refused(answer, 400, "INVALID_PARAMETER_VALUE")
    refused(folder_shelf.fs("PUT", "files", root, content=b"x"), 400, "INVALID_PARAMETER_VALUE")


def test_names_of_other_kinds_are_apart(folder_shelf: Shelf) -> None:
    """A model and a volume of one name live side by side: neither's grants, files or tags are the other's."""
    schema = folder_shelf.schema()
    folder_shelf.ok("POST", f"{DATABRICKS_UC}/registered-models/create", {"name": f"{schema}.same"})
    folder_shelf.ok("POST", f"{UC}/volumes", volume(schema, "same"))
    user, _ = folder_shelf.user()
    folder_shelf.allow(user, "volume", f"{schema}.same", "READ_VOLUME")
    assert "privilege_assignments" in folder_shelf.ok("GET", f"{UC}/permissions/function/{schema}.same")
    assert folder_shelf.ok("GET", f"{UC}/permissions/function/{schema}.same")["privilege_assignments"] == []
    folder_shelf.ok("DELETE", f"{UC}/volumes/{schema}.same")
    assert folder_shelf.ok("GET", f"{UC}/models/{schema}.same")["name"] == "same"


def test_concealed_volumes_do_not_exist(tmp_path_factory: pytest.TempPathFactory) -> None:
    with running_shelf(tmp_path_factory.mktemp("concealed"), conceal=True) as shelf:
        schema, (_, token) = shelf.schema(), shelf.user()
        root = create_volume(shelf, schema)

        def answers(path: str) -> Iterator[httpx.Response]:
            full_name = ".".join(path.split("/")[2:])
            yield shelf.call("GET", f"{UC}/volumes/{full_name}", token=token)
            yield shelf.call("DELETE", f"{UC}/volumes/{full_name}", token=token)
            yield shelf.fs("GET", "directories", path, token=token)
            yield shelf.fs("PUT", "files", f"{path}/a", token=token, content=b"x")

        for forbidden, missing in zip(answers(root), answers(f"{root}x"), strict=True):
            assert forbidden.status_code == missing.status_code == 404
            assert forbidden.text == missing.text.replace("rawx", "raw")
