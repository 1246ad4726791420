"""Where the bytes of artifacts lie: the one port that every storage implements, and its contract.

A *set* is one artifact set (the files of a model version, a run, a logged model or a trace), named by a
server-made id of [0-9a-f-]. Nothing here knows a securable, a principal or a database.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol

import msgspec


class Segment(msgspec.Struct, frozen=True):
    """A run of bytes of one file, in one stored object."""

    object: str
    """The object's name inside its set: chosen by us in a folder, the file's path in S3."""
    size: int
    """bytes"""
    sha256: str = ""
    """hex; '' where the bytes did not pass through this server"""


class ListedObject(msgspec.Struct, frozen=True):
    """An object found in storage."""

    object: str
    size: int
    checksum: str = ""
    """The store's own checksum (S3: the ETag without quotes); '' in a folder."""
    modified_ms: int = 0
    key: str = ""
    """As the store itself names it inside the set (S3: the end of its key, `s3_keys`); '' in a folder."""


class SignedUrl(msgspec.Struct, frozen=True):
    """A request that a client may make of the store itself, without other credentials."""

    url: str
    headers: Mapping[str, str] = {}


class TemporaryCredentials(msgspec.Struct, frozen=True):
    """Keys of the store's own, which it takes until they expire."""

    access_key_id: str
    secret_access_key: str
    session_token: str
    expires_at: int
    """epoch ms"""


class Blobs(Protocol):
    """Storage of artifact sets. Raises core.errors.Unavailable when the storage does not answer."""

    direct: bool
    """True: clients move bytes to and from the store by presigned URLs; False: through this server."""
    single_put_limit: int
    """bytes of the largest file one PUT may carry (S3: 5 GiB); 0 = no limit"""

    async def write(self, set_id: str, path: str, chunks: AsyncIterator[bytes]) -> Segment:
        """Store one object for the file `path` (validated, relative, forward slashes); its segment, hashed.

        All or nothing: when `chunks` raises, or the caller is cancelled before the end, nothing stays. Writing the
        same path again makes a new object in a folder and replaces it in S3. Raises WrongState where a folder's set
        is deleted meanwhile, LimitExceeded above 156 GiB in S3."""
        ...

    def read(self, set_id: str, segments: Sequence[Segment], start: int, end: int) -> AsyncIterator[bytes]:
        """The bytes [start, end) of the segments laid end to end, in chunks of at most 1 MiB.

        Raises InvalidArgument at once where the range is not inside them; while reading, FileNotFound where an object
        is gone and Unavailable where it is shorter than its segment."""
        ...

    async def list_set(self, set_id: str) -> Sequence[ListedObject]:
        """Every object of the set, sorted by name; empty where there is none.

        A write that runs is not in it. What a killed process left of one in a folder is, once nothing has touched it
        for an hour, so that it can be deleted."""
        ...

    async def delete(self, set_id: str, objects: Sequence[str]) -> None:
        """Delete these objects; absent ones are no error."""
        ...

    async def delete_set(self, set_id: str) -> None:
        """Delete the set with every object and every unfinished upload of it; an absent one is no error."""
        ...

    def sets(self) -> AsyncIterator[str]:
        """The ids of all sets that hold at least one object (for `modelkeep check`)."""
        ...

    async def ready(self) -> None:
        """Raise Unavailable with a sentence where the storage cannot be written or read."""
        ...


class DirectBlobs(Blobs, Protocol):
    """Storage that clients talk to themselves."""

    def uri(self, set_id: str) -> str:
        """Where the set is, as clients with credentials of the store name it."""
        ...

    async def copy(self, set_id: str, objects: Sequence[ListedObject], target: str) -> None:
        """Copy these objects into the set `target`, inside the store. Raises Conflict where one is not what was listed."""
        ...

    def presign_put(self, set_id: str, path: str, expires_s: int) -> SignedUrl:
        """A PUT of this one file, with a signed `If-None-Match: *`: it cannot overwrite what is there already."""
        ...

    def presign_get(self, set_id: str, path: str, expires_s: int) -> SignedUrl: ...

    async def exists(self, set_id: str, path: str) -> bool:
        """Is there an object at this path?"""
        ...

    async def put(self, set_id: str, path: str, data: bytes, *, overwrite: bool) -> None:
        """Store a small file. Raises AlreadyExists where there is one and `overwrite` is False."""
        ...

    async def start_multipart(self, set_id: str, path: str) -> str:
        """The store's upload id."""
        ...

    def presign_part(self, set_id: str, path: str, upload_id: str, part_number: int, expires_s: int) -> SignedUrl:
        """A PUT of one part (1 to 10,000, all but the last 5 MiB or more). InvalidArgument for another number."""
        ...

    async def write_part(self, set_id: str, path: str, upload_id: str, part_number: int, data: bytes) -> str:
        """Send a part through this server; its ETag. All parts but the last have one size, of 5 MiB or more."""
        ...

    async def complete_multipart(
        self, set_id: str, path: str, upload_id: str, parts: Sequence[tuple[int, str]], *, overwrite: bool = True
    ) -> None:
        """parts: (part number, ETag), in any order. Raises InvalidArgument where the store refuses them, AlreadyExists where
        there is a file and `overwrite` is False."""
        ...

    async def abort_multipart(self, set_id: str, path: str, upload_id: str) -> None:
        """Forget this upload and its parts; an absent one is no error."""
        ...
