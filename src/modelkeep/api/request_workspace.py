"""Which workspace a request came through: its Host header says so, and nothing else does."""

from modelkeep.domain.addresses import is_local
from modelkeep.domain.errors import NoSuchEndpoint
from modelkeep.http.messages import RequestWorkspace
from modelkeep.store import workspaces
from modelkeep.store.db import Database, now_ms

_FRESH_MS = 1_000
"""How long an address is taken for what it was. No right hangs on it: who may enter is read with each request."""


def site(workspace_id: str, address: str) -> RequestWorkspace:
    """`address`: scheme://host[:port], what URLs begin with."""
    # MLflow reads the workspace of a run from this header of any answer (wire: run_tracking_server_id).
    headers = ((b"x-databricks-org-id", workspace_id.encode()), (b"x-content-type-options", b"nosniff"))
    return RequestWorkspace(workspace_id, address, headers)


class WorkspaceResolver:
    """The workspaces of a deployment by their addresses."""

    def __init__(self, db: Database, default: RequestWorkspace, hosts: frozenset[str], *, public: bool) -> None:
        """`hosts`: the Host headers of the default workspace. `public`: it has an address of its own in the settings."""
        self.default = default
        self._db = db
        self._hosts = hosts
        self._public = public
        self._known: dict[str, tuple[int, RequestWorkspace]] = {}

    async def find(self, host: str) -> RequestWorkspace:
        """Raises NoSuchEndpoint for an address that is no workspace's."""
        host = host.lower()
        if host in self._hosts:
            return self.default
        known = self._known.get(host)
        if known is not None and now_ms() - known[0] < _FRESH_MS:
            return known[1]
        async with self._db.single() as tx:
            workspace = await workspaces.by_host(tx, host)
        if workspace is not None:
            self._known[host] = now_ms(), site(workspace.id, workspace.url)
            return self._known[host][1]
        self._known.pop(host, None)
        if not self._public and is_local(host):
            async with self._db.single() as tx:
                alone = not await workspaces.any_with_address(tx)
            if alone:  # on a laptop whatever leads to this machine leads to the one workspace
                return self.default
        raise NoSuchEndpoint("No workspace has this address. Ask an admin of the workspace for its address.")
