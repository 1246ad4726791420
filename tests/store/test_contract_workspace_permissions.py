"""Access lists of workspace directories and files: what each level allows, where it holds, and when it ends. On both databases."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from world import World, chunks

from modelkeep.core.operations.files import files, workspace_files
from modelkeep.core.operations.files import workspace_permissions as core
from modelkeep.core.operations.files.files import OpenFile, WriteFile
from modelkeep.core.operations.files.workspace_files import (
    DeleteWorkspaceFile,
    GetWorkspaceFile,
    ListWorkspaceFiles,
    MakeWorkspaceDirectory,
)
from modelkeep.core.operations.files.workspace_permissions import (
    GetWorkspacePermissions,
    NamedLevel,
    SetWorkspacePermissions,
)
from modelkeep.core.operations.identity import principals
from modelkeep.domain.errors import FileNotFound, InvalidArgument, LimitExceeded, NotFound, PermissionDenied
from modelkeep.domain.paths import ArtifactPath
from modelkeep.domain.workspace_paths import KIND, ObjectLevel
from modelkeep.limits import WORKSPACE_ACCESS_ENTRIES
from modelkeep.store.db import new_id

pytest_plugins = ("backends", "places")
pytestmark = pytest.mark.anyio

ANYBODY = ("USER", "GROUP", "SERVICE_PRINCIPAL")
HOME = "Users/ann"
READ, RUN, EDIT, MANAGE = ObjectLevel.CAN_READ, ObjectLevel.CAN_RUN, ObjectLevel.CAN_EDIT, ObjectLevel.CAN_MANAGE


class Files:
    """A principal's hand on workspace files."""

    def __init__(self, w: World, name: str) -> None:
        self.w, self.name, self.do = w, name, w.as_(name).do

    async def mkdirs(self, path: str) -> None:
        await self.do(MakeWorkspaceDirectory(path=ArtifactPath(path), kind=KIND))

    async def write(self, path: str, data: bytes = b"x") -> None:
        await self.send(path, chunks(data))

    async def send(self, path: str, body: AsyncIterator[bytes]) -> None:
        request = WriteFile(path=ArtifactPath(path), kind=KIND)
        await self.w.engine.execute(await self.w.actor(self.name), request, body=body)

    async def delete(self, path: str) -> None:
        await self.do(DeleteWorkspaceFile(path=ArtifactPath(path), kind=KIND, recursive=True))

    async def entry(self, path: str) -> workspace_files.WorkspaceEntry:
        return await self.do(GetWorkspaceFile(path=ArtifactPath(path), kind=KIND))

    async def names(self, path: str) -> list[str]:
        return [entry.path for entry in await self.do(ListWorkspaceFiles(path=ArtifactPath(path), kind=KIND))]

    async def read(self, path: str) -> files.Opened:
        return await self.do(OpenFile(path=ArtifactPath(path), kind=KIND))

    async def share(self, path: str, *, replace: bool = True, **levels: ObjectLevel) -> core.WorkspacePermissions:
        entry = await self.entry(path)
        named = tuple(NamedLevel(name.replace("_", " "), ANYBODY, level) for name, level in levels.items())
        kind = "directories" if entry.is_directory else "files"
        return await self.do(SetWorkspacePermissions(kind, entry.object_id, named, replace))

    async def allowed(self, path: str) -> str:
        """Which of the things that take a level the principal may do at the path of a file, one after another."""
        words: list[str] = []
        for word, call in (
            ("read", self.read(path)),
            ("edit", self.write(path)),
            ("create", self.write(f"{path}.{new_id()}")),
            ("share", self.share(path, replace=False)),
        ):
            try:
                await call
                words.append(word)
            except (PermissionDenied, NotFound):
                pass
        return " ".join(words)


@pytest.fixture
async def ann(w: World) -> Files:
    """Her home has `proj/a.txt` and `proj/deep/b.txt`."""
    for name in ("ann", "bob", "cy"):
        await w.user(name)
    await w.group("team", "bob")
    ann = Files(w, "ann")
    await ann.mkdirs(f"{HOME}/proj/deep")
    await ann.write(f"{HOME}/proj/a.txt")
    await ann.write(f"{HOME}/proj/deep/b.txt")
    return ann


def listed(permissions: core.WorkspacePermissions) -> set[tuple[str, str, bool]]:
    """(name, level, whether it is inherited), without the admins."""
    return {
        (entry.name, entry.level.name, entry.directory_id is not None)
        for entry in permissions.entries
        if entry.name not in ("admins", "admin")
    }


@pytest.mark.parametrize(
    ("level", "words"),
    [(READ, "read"), (RUN, "read"), (EDIT, "read edit"), (MANAGE, "read edit create share")],
    ids=lambda value: str(value.name) if isinstance(value, ObjectLevel) else "",
)
@pytest.mark.parametrize("who", ["bob", "team", "users"])
async def test_a_level_on_a_directory_holds_below_it(
    w: World, ann: Files, level: ObjectLevel, words: str, who: str
) -> None:
    bob = Files(w, "bob")
    assert await bob.allowed(f"{HOME}/proj/deep/b.txt") == ""
    await ann.share(f"{HOME}/proj", replace=True, **{who: level})
    assert await bob.allowed(f"{HOME}/proj/deep/b.txt") == words
    assert await bob.allowed(f"{HOME}/proj/a.txt") == words
    with pytest.raises(PermissionDenied):
        await bob.entry(HOME)
    with pytest.raises(PermissionDenied):
        await bob.write(f"{HOME}/other.txt")
    await ann.share(f"{HOME}/proj")
    assert await bob.allowed(f"{HOME}/proj/deep/b.txt") == ""


@pytest.mark.parametrize("level", [READ, EDIT, MANAGE], ids=lambda level: str(level.name))
async def test_a_level_on_a_file_holds_for_it_alone(w: World, ann: Files, level: ObjectLevel) -> None:
    bob = Files(w, "bob")
    await ann.share(f"{HOME}/proj/a.txt", bob=level)
    assert (await bob.read(f"{HOME}/proj/a.txt")).file.size == 1
    if level >= EDIT:
        await bob.write(f"{HOME}/proj/a.txt", b"longer")
        assert (await bob.read(f"{HOME}/proj/a.txt")).file.size == 6, "and the list stays where its file is replaced"
    for path in (f"{HOME}/proj", f"{HOME}/proj/deep/b.txt", f"{HOME}/proj/a.txt2", f"{HOME}/proj/a"):
        with pytest.raises(PermissionDenied):
            await bob.entry(path)
    if level < MANAGE:
        with pytest.raises(PermissionDenied):
            await bob.delete(f"{HOME}/proj/a.txt")
    else:
        await bob.delete(f"{HOME}/proj/a.txt")
        with pytest.raises(PermissionDenied):
            await bob.write(f"{HOME}/proj/a.txt")


async def test_what_is_answered_is_what_holds(w: World, ann: Files) -> None:
    await ann.share(f"{HOME}/proj", bob=READ, team=EDIT)
    permissions = await ann.share(f"{HOME}/proj/a.txt", bob=EDIT)
    assert listed(permissions) == {
        ("ann", "CAN_MANAGE", True),
        ("bob", "CAN_EDIT", False),
        ("bob", "CAN_READ", True),
        ("team", "CAN_EDIT", True),
    }
    root = {(entry.name, entry.directory_id) for entry in permissions.entries if entry.name == "admins"}
    assert root == {("admins", 0)}, "the admins manage everything, from the root down"
    entry = await ann.entry(f"{HOME}/proj/a.txt")
    assert await ann.do(GetWorkspacePermissions("files", entry.object_id)) == permissions
    assert await ann.do(GetWorkspacePermissions("notebooks", entry.object_id)) == permissions
    assert listed(await ann.share(f"{HOME}/proj/a.txt", replace=False, cy=RUN)) == listed(permissions) | {
        ("cy", "CAN_RUN", False)
    }
    assert listed(await ann.share(HOME)) == {("ann", "CAN_MANAGE", False)}, "nobody loses her home"
    async with w.db.read() as tx:
        (events,) = await tx.all("SELECT COUNT(*) FROM audit WHERE event = 'workspace_file.set_permissions'")
    assert events[0] == 4


async def test_what_may_not_be_read_is_missing(w: World, ann: Files) -> None:
    """The same answer for an id of nothing, of somebody else's object, and of the other kind."""
    bob, entry = Files(w, "bob"), await ann.entry(f"{HOME}/proj/a.txt")
    folder = await ann.entry(f"{HOME}/proj")
    for who, kind, id in (
        (bob, "files", entry.object_id),
        (bob, "directories", folder.object_id),
        (bob, "files", 77),
        (ann, "directories", entry.object_id),
        (ann, "files", folder.object_id),
        (ann, "notebooks", 0),
    ):
        type: Any = kind
        for request in (GetWorkspacePermissions(type, id), SetWorkspacePermissions(type, id, (), True)):
            with pytest.raises(NotFound, match=f"{kind}/{id} does not exist"):
                await who.do(request)
    await ann.share(f"{HOME}/proj", bob=EDIT)
    with pytest.raises(PermissionDenied):
        await bob.do(GetWorkspacePermissions("files", entry.object_id))


async def test_ids_stay_and_reads_write_nothing(w: World, ann: Files) -> None:
    before = await w.rows("SELECT path, object_id FROM workspace_objects ORDER BY path")
    ids = {path: (await ann.entry(path)).object_id for path in ("", "Users", "Shared", HOME, f"{HOME}/proj")}
    assert ids[""] == 0 and len(set(ids.values())) == 5
    assert {
        entry.path: entry.object_id for entry in await ann.do(ListWorkspaceFiles(path=ArtifactPath(HOME), kind=KIND))
    } == {f"{HOME}/proj": ids[f"{HOME}/proj"]}
    assert await w.rows("SELECT path, object_id FROM workspace_objects ORDER BY path") == before
    await ann.write(f"{HOME}/proj/a.txt", b"again")
    admin = Files(w, "admin")
    await admin.share("Shared", bob=MANAGE)
    await admin.share("", bob=READ)
    assert {path: (await ann.entry(path)).object_id for path in ids} == ids


async def test_what_is_made_again_begins_without_a_list(w: World, ann: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workspace_files, "DELETE_ROWS", 2)
    bob = Files(w, "bob")
    ids = {path: (await ann.entry(path)).object_id for path in (f"{HOME}/proj", f"{HOME}/proj/deep/b.txt")}
    await ann.share(f"{HOME}/proj", bob=MANAGE, team=READ, users=READ)
    await ann.share(f"{HOME}/proj/deep/b.txt", bob=MANAGE, cy=READ)
    await ann.delete(f"{HOME}/proj")
    assert await w.rows("SELECT * FROM workspace_permissions") == []
    assert await w.rows("SELECT * FROM workspace_users_levels") == []
    await ann.mkdirs(f"{HOME}/proj/deep")
    await ann.write(f"{HOME}/proj/deep/b.txt")
    assert await bob.allowed(f"{HOME}/proj/deep/b.txt") == ""
    for path, id in ids.items():
        assert (await ann.entry(path)).object_id != id
        with pytest.raises(NotFound):
            await ann.do(GetWorkspacePermissions("directories", id))


async def test_shared_is_for_all_until_an_admin_says_otherwise(w: World, ann: Files) -> None:
    admin, bob = Files(w, "admin"), Files(w, "bob")
    await ann.mkdirs("Shared/d")
    await ann.write("Shared/d/a.txt")
    assert await bob.allowed("Shared/d/a.txt") == "read edit create share"
    assert ("users", "CAN_MANAGE", True) in listed(await bob.share("Shared/d", cy=READ))
    with pytest.raises(PermissionDenied):
        await bob.share("Shared", bob=MANAGE)
    await admin.share("Shared", users=READ)
    assert await bob.allowed("Shared/d/a.txt") == "read"
    await admin.share("Shared", team=EDIT)
    assert await bob.allowed("Shared/d/a.txt") == "read edit"
    assert await Files(w, "cy").allowed("Shared/d/a.txt") == "read", "by the list of the directory"
    assert await ann.allowed("Shared/d/a.txt") == ""
    assert listed(await admin.share("Shared", users=MANAGE)) == {("users", "CAN_MANAGE", False)}
    assert await ann.allowed("Shared/d/a.txt") == "read edit create share"


async def test_lists_show_what_somebody_may_enter(w: World, ann: Files) -> None:
    admin, bob = Files(w, "admin"), Files(w, "bob")
    await admin.mkdirs("data/raw")
    await admin.mkdirs("secret")
    assert await bob.names("") == ["Shared", "Users"]
    await admin.share("data", team=READ)
    assert await bob.names("") == ["Shared", "Users", "data"]
    assert await bob.names("data") == ["data/raw"]
    await ann.share(HOME, bob=READ)
    assert await bob.names("Users") == ["Users/ann", "Users/bob"]
    await admin.share("", users=READ)
    assert await bob.names("") == ["Shared", "Users", "data", "secret"]


async def test_a_change_between_the_bytes_and_the_file_counts(w: World, ann: Files) -> None:
    """Access that ends while the bytes arrive ends before the file is written."""
    bob = Files(w, "bob")
    await ann.share(f"{HOME}/proj", bob=MANAGE)

    async def body() -> AsyncIterator[bytes]:
        yield b"x"
        await ann.share(f"{HOME}/proj")

    with pytest.raises(PermissionDenied):
        await bob.send(f"{HOME}/proj/late.txt", body())
    with pytest.raises(FileNotFound):
        await ann.entry(f"{HOME}/proj/late.txt")


@pytest.mark.parametrize(
    ("levels", "error", "words"),
    [
        ({"nobody": READ}, NotFound, "Principal 'nobody' does not exist"),
        ({"admins": READ}, InvalidArgument, "always has CAN_MANAGE"),
        ({"bob": READ, "BOB": EDIT}, InvalidArgument, "twice"),
        ({f"u{n}": READ for n in range(WORKSPACE_ACCESS_ENTRIES + 1)}, LimitExceeded, "at most 200"),
    ],
    ids=["missing", "admins", "twice", "many"],
)
async def test_lists_that_are_refused(w: World, ann: Files, levels: Any, error: type[Exception], words: str) -> None:
    await ann.share(f"{HOME}/proj", cy=READ)
    for replace in (True, False):
        with pytest.raises(error, match=words):
            await ann.share(f"{HOME}/proj", replace=replace, **levels)
    assert ("cy", "CAN_READ", False) in listed(await ann.share(f"{HOME}/proj", replace=False))
    assert listed(await ann.share(f"{HOME}/proj", admins=MANAGE)) == {("ann", "CAN_MANAGE", True)}


async def test_a_list_does_not_grow_beyond_its_limit(w: World, ann: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core, "WORKSPACE_ACCESS_ENTRIES", 2)
    await ann.share(f"{HOME}/proj", bob=READ, cy=READ)
    await ann.share(f"{HOME}/proj", replace=False, bob=EDIT)
    with pytest.raises(LimitExceeded, match="3 principals"):
        await ann.share(f"{HOME}/proj", replace=False, team=READ)
    await ann.share(f"{HOME}/proj", team=READ, bob=READ)


async def test_levels_go_with_their_principal(w: World, ann: Files) -> None:
    await ann.share(f"{HOME}/proj", bob=MANAGE, cy=READ)
    await w.as_("admin").do(principals.DeletePrincipal("bob"))
    await w.user("bob")
    assert await Files(w, "bob").allowed(f"{HOME}/proj/a.txt") == "", "who has the name next begins anew"
    assert listed(await ann.share(f"{HOME}/proj", replace=False)) == {
        ("ann", "CAN_MANAGE", True),
        ("cy", "CAN_READ", False),
    }


@pytest.mark.parametrize("name", ["ann/proj", "ann/proj/deep", "../ann", "Users/ann"])
async def test_names_of_principals_are_no_paths(w: World, ann: Files, name: str) -> None:
    try:
        await w.user(name)
    except InvalidArgument:
        return  # no such name
    with pytest.raises(PermissionDenied):
        await Files(w, name).entry(f"{HOME}/proj/deep/b.txt")


TWINS = {
    "nfc and nfd": ("caf\u00e9", "cafe\u0301"),
    "case": ("Proj", "proj"),
    "longer": ("proj", "proj-x"),
    "dot": ("proj", "proj.x"),
    "zero": ("proj", "proj0"),
    "escape": ("a b", "a%20b"),
    "direction": ("proj", "\u200fproj"),
    "full width": ("a:b", "a\uff1ab"),
    "long": ("n" * 250, "n" * 251),
}


@pytest.mark.parametrize(("name", "twin"), TWINS.values(), ids=TWINS.keys())
async def test_a_list_holds_for_its_own_name_alone(w: World, ann: Files, name: str, twin: str) -> None:
    bob, deep = Files(w, "bob"), "/".join("d" * 30)
    for text in (name, twin):
        await ann.mkdirs(f"{HOME}/{text}/{deep}")
        await ann.write(f"{HOME}/{text}/{deep}/a.txt")
    await ann.share(f"{HOME}/{name}", bob=MANAGE)
    await ann.share(f"{HOME}/{twin}", bob=READ)
    assert await bob.allowed(f"{HOME}/{name}/{deep}/a.txt") == "read edit create share"
    assert await bob.allowed(f"{HOME}/{twin}/{deep}/a.txt") == "read"
    await ann.delete(f"{HOME}/{name}")
    assert await bob.allowed(f"{HOME}/{twin}/{deep}/a.txt") == "read", "a deletion takes no other list away"


async def test_two_change_one_list_at_once(w: World, ann: Files) -> None:
    """No change is lost, and a replacement leaves what it names and nothing else."""
    await asyncio.gather(*(ann.share(f"{HOME}/proj", replace=False, **{who: READ}) for who in ("bob", "cy", "team")))
    added = {("bob", "CAN_READ", False), ("cy", "CAN_READ", False), ("team", "CAN_READ", False)}
    assert listed(await ann.share(f"{HOME}/proj", replace=False)) == added | {("ann", "CAN_MANAGE", True)}
    await asyncio.gather(ann.share(f"{HOME}/proj", bob=EDIT), ann.share(f"{HOME}/proj", cy=EDIT))
    direct = listed(await ann.share(f"{HOME}/proj", replace=False)) - {("ann", "CAN_MANAGE", True)}
    assert direct in ({("bob", "CAN_EDIT", False)}, {("cy", "CAN_EDIT", False)})


async def test_a_list_does_not_outlive_an_object_that_is_deleted_at_the_same_time(w: World, ann: Files) -> None:
    for _ in range(3):
        await asyncio.gather(ann.share(f"{HOME}/proj", bob=MANAGE), ann.delete(f"{HOME}/proj"), return_exceptions=True)
        await ann.mkdirs(f"{HOME}/proj")
        assert await Files(w, "bob").allowed(f"{HOME}/proj/a.txt") == ""
