"""Temporary credentials for one folder of an S3-compatible store: a table, an external volume, a path.

Clients with short-lived credentials ask often, each executor by itself. So an answer of the STS is used again for the same
holder, role, folder and right, for half of its life: what is handed out lives for at least the other half.
"""

import time
from collections import OrderedDict
from collections.abc import Callable

import msgspec

from modelkeep import limits
from modelkeep.blobs.port import TemporaryCredentials
from modelkeep.blobs.sts import StsClient, folder_policy
from modelkeep.domain.storage_urls import StorageUrl


class StorageRole(msgspec.Struct, frozen=True):
    """Whose rights in the store a session narrows."""

    arn: str
    external_id: str = ""
    """What the role's trust policy may demand of this server."""
    configured_in: str = ""
    """What an operator should check when the STS refuses."""


class FolderCredentials:
    """Issues credentials, and keeps answers in memory: bounded, and only after the caller was authorized."""

    def __init__(self, client: StsClient, clock: Callable[[], float] = time.time) -> None:
        """`clock`: epoch seconds."""
        self.seconds = client.seconds
        self._client, self._clock = client, clock
        self._answers: OrderedDict[tuple[str, StorageRole, str, bool], TemporaryCredentials] = OrderedDict()

    def recent(
        self, role: StorageRole, folder: StorageUrl, holder_id: str, *, write: bool
    ) -> TemporaryCredentials | None:
        """An earlier answer with at least half of its life left; else None."""
        answer = self._answers.get((holder_id, role, str(folder), write))
        if answer is None or answer.expires_at / 1000 - self._clock() < self.seconds / 2:
            return None
        return answer

    async def issue(
        self, role: StorageRole, folder: StorageUrl, holder_id: str, holder: str, *, write: bool
    ) -> TemporaryCredentials:
        """For one folder. `holder`: the principal's name, for the store's log. Raises Unavailable."""
        policy = folder_policy(folder.bucket, folder.path, write=write)
        answer = await self._client.assume(
            role.arn, policy, holder, external_id=role.external_id, role_from=role.configured_in
        )
        key = (holder_id, role, str(folder), write)
        self._answers[key] = answer
        self._answers.move_to_end(key)
        while len(self._answers) > limits.STS_ANSWERS:
            self._answers.popitem(last=False)
        return answer
