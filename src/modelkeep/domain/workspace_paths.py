"""Paths of workspace files, and what a caller may do there: in its own home `/Users/<name>` everything, as the workspace's admins
everywhere. The rest is a matter of access lists (core/operations/files/workspace_access.py).

Levels and what they allow: https://docs.databricks.com/aws/en/security/auth/access-control/ (folders, files, notebooks), and
terraform-provider-databricks permissions/permission_definitions.go (directory, workspace file, notebook).
"""

import hashlib
from enum import IntEnum

from modelkeep.domain.authorization import Actor
from modelkeep.domain.errors import PermissionDenied
from modelkeep.domain.paths import ArtifactPath

KIND = "workspace_file"
"""Of the workspace's artifact set."""
USERS, SHARED = "Users", "Shared"
ROOT_OBJECT_ID = 0
"""As Databricks has it: its Terraform provider treats `/directories/0` as the root."""


class ObjectLevel(IntEnum):
    """Each allows what those before it allow."""

    NONE = 0
    CAN_READ = 1
    CAN_RUN = 2
    """as CAN_READ: nothing runs here"""
    CAN_EDIT = 3
    """change a file that exists"""
    CAN_MANAGE = 4
    """create, delete, change permissions"""


def level_of_place(actor: Actor, path: str) -> ObjectLevel:
    """What the caller may do at the path without any access list."""
    top, _, rest = path.partition("/")
    if actor.workspace_admin or (top == USERS and rest.partition("/")[0] == actor.name):
        return ObjectLevel.CAN_MANAGE
    return ObjectLevel.CAN_READ if path in ("", USERS, SHARED) else ObjectLevel.NONE


def level_of_users(directory: str, path: str, level: ObjectLevel | None) -> ObjectLevel:
    """What everyone may do at `path`, by the level of the group `users` on a directory above it or on itself. `level`: None where
    nobody set it: then Shared is for all, who can make, change and delete what is in it, but not the folder itself."""
    if level is not None:
        return level
    return ObjectLevel.CAN_MANAGE if directory == SHARED and path != SHARED else ObjectLevel.NONE


def refusal(actor: Actor, path: ArtifactPath, level: ObjectLevel) -> PermissionDenied:
    return PermissionDenied(
        f"User does not have {'write' if level > ObjectLevel.CAN_RUN else 'read'} access to '/{path}'. Use your own folder "
        f"'/{home_of(actor)}', or '/{SHARED}'."
    )


def object_id_of_place(workspace: str, path: str) -> int:
    """The id of a directory that exists before anybody made it (`always_there`): 52 bits, which JavaScript keeps whole."""
    if not path:
        return ROOT_OBJECT_ID
    return int.from_bytes(hashlib.sha256(f"{workspace}/{path}".encode()).digest()[:8]) >> 12


def home_of(actor: Actor) -> str:
    return f"{USERS}/{actor.name}"


def always_there(actor: Actor, path: str) -> bool:
    """Is this a directory that exists before anything is written into it?"""
    return path in ("", USERS, SHARED) or path == home_of(actor)
