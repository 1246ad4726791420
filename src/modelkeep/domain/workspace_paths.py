"""Who may use which workspace file: a principal its own home `/Users/<name>` and `/Shared`, the workspace's admins everything."""

from modelkeep.domain.authorization import Actor
from modelkeep.domain.errors import PermissionDenied
from modelkeep.domain.paths import ArtifactPath

KIND = "workspace_file"
"""Of the workspace's artifact set."""
USERS, SHARED = "Users", "Shared"


def check(actor: Actor, path: ArtifactPath, *, write: bool) -> None:
    """Raises PermissionDenied."""
    if actor.workspace_admin:
        return
    top, _, rest = path.text.partition("/")
    home = rest.partition("/")[0]
    if write and "/" not in path.text:
        allowed = False
    elif top == USERS:
        allowed = home in ("", actor.name)
    else:
        allowed = top in ("", SHARED)
    if not allowed:
        raise PermissionDenied(
            f"User does not have {'write' if write else 'read'} access to '/{path}'. Use your own folder "
            f"'/{home_of(actor)}', or '/{SHARED}'."
        )


def home_of(actor: Actor) -> str:
    return f"{USERS}/{actor.name}"


def always_there(actor: Actor, path: str) -> bool:
    """Is this a directory that exists before anything is written into it?"""
    return path in ("", USERS, SHARED) or path == home_of(actor)
