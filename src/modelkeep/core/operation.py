"""What an operation is: a name, what it needs on which securables, what it leaves in the audit log, and its function."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cache
from typing import Any, Literal, Protocol

import msgspec

from modelkeep.blobs.delta_reader import DeltaReader
from modelkeep.blobs.folder_credentials import FolderCredentials
from modelkeep.blobs.folder_probe import FolderProbe
from modelkeep.blobs.in_flight_copies import InFlightCopies
from modelkeep.blobs.port import Blobs, TemporaryCredentials
from modelkeep.blobs.shared_folder import SharedFolder
from modelkeep.domain.authorization import (
    ANYONE,
    Actor,
    Decision,
    Requirement,
    SecurableWithGrants,
    as_if_bound,
    decide,
    decide_inside,
)
from modelkeep.domain.kinds import Kind
from modelkeep.domain.model import Metric, Param, Securable
from modelkeep.domain.names import DEFAULT_HOME, FullName, Limits
from modelkeep.domain.paging import PageTokens
from modelkeep.domain.storage_urls import StorageUrl


class Target(msgspec.Struct, frozen=True):
    """One securable that an operation touches: the request's field that names it, and what is needed there."""

    field: str
    need: Requirement
    parent: bool = False
    """Decide on the parent of what is named (which is about to be made there, or renamed there)."""
    optional: bool = False
    """The field may be None; the function then gets None."""
    created: Requirement | None = None
    """Where what is named is missing: what its parent needs, for the function to create it there; the function then gets None."""
    any_kind: bool = False
    """A FUNCTION may turn out to be a model, and the other way round: they share a name space."""
    on_volume: Requirement | None = None
    """What is needed instead where the name is a volume's."""
    writes: bool | None = None
    """Does the operation change what lies there, which a read-only binding refuses? None: as its effect says."""
    anywhere: bool = False
    """Allowed from any workspace, bound or not."""

    def need_on(self, kind: Kind) -> Requirement:
        return self.on_volume if self.on_volume is not None and kind is Kind.VOLUME else self.need

    def decide(self, kind: Kind, chain: Sequence[SecurableWithGrants]) -> Decision:
        """`kind`: of what is named; `chain`: down to what is decided on."""
        chain = as_if_bound(chain) if self.anywhere else chain
        return (decide_inside if self.parent else decide)(self.need_on(kind), chain, writes=bool(self.writes))


NO_NAME = "modelkeep"
"""Databricks' audit log has no such action: the event is under the service `modelkeep`, with the operation's own name."""

Record = Literal["in_tx", "own_tx", "buffered", "vending"]


class Operation(msgspec.Struct, frozen=True):
    """One row of the table (core/table.py)."""

    run: Callable[..., Awaitable[Any]]
    request: type[msgspec.Struct]
    audit: str
    """the event's name, noun.verb"""
    targets: tuple[Target, ...] = ()
    effect: Literal["read", "write"] = "write"
    record: Record = "in_tx"
    account_admin: bool = False
    """Only for account admins (principals, tokens of others, the audit log)."""
    auditors: bool = False
    """And for members of the auditors' group, which a setting names."""
    workspace_admin: bool = False
    """Only for account admins and the admins of the workspace that the request names."""
    account_admin_may: bool = False
    """An account admin may, whatever they hold on the targets."""
    creates: bool = False
    """The first target's field names what is made. A caller who may know that it exists gets AlreadyExists."""
    prepare: Callable[..., Awaitable[Any]] | None = None
    """Slow work (storage, the tracking server) done between two authorizations, outside the write transaction."""
    outside: Callable[..., Awaitable[Any]] | None = None
    """Decides where the request names no securable (the workspace, on the files of runs): called as `prepare` is."""
    decides: str = ""
    """What the function itself asks for, in words, where that is not (only) about securables that the request names."""
    finish: Callable[..., Awaitable[Any]] | None = None
    """Slow work for a caller who is allowed what the transaction decided, after it: the result becomes what this returns."""
    steps: Callable[..., Awaitable[Any]] | None = None
    """In place of `run` where a request may be too large for one transaction: it performs other operations (`core/steps.py`)."""
    full_disk: bool = False
    """Of a change: it goes on while a disk is almost full, since it frees space, or takes rights away and needs next to none."""
    kinds: tuple[Kind, ...] = ()
    """The kinds of securables that its first field may name; () where that is none."""
    label: str = ""
    """What it does to the securable, as pages say it ("Rename it"). Every operation on a securable has one; some share one."""
    databricks: str = ""
    """Databricks' name in its audit log, `service.action` ({kind}: of what is named first), or NO_NAME. The table states it for each."""
    scans: bool = False
    """Of a read: it runs statements that may read many rows, so it runs in the lane of scans, under the caller's limit there."""

    def slow(self, request: msgspec.Struct) -> Callable[..., Awaitable[Any]] | None:
        """What comes before the transaction that counts."""
        if self.outside is not None and getattr(request, self.targets[0].field) is None:
            return self.outside
        return self.prepare

    def plain(self, request: msgspec.Struct) -> bool:
        """Its result follows from the actor, the request and the state of the database alone."""
        reads = self.effect == "read" and self.record == "buffered"
        return reads and self.slow(request) is None and self.finish is None

    def __post_init__(self) -> None:
        writes = self.effect == "write"
        targets = (on if on.writes is not None else msgspec.structs.replace(on, writes=writes) for on in self.targets)
        msgspec.structs.force_setattr(self, "targets", tuple(targets))

    def targets_for(self, *, account_admin: bool) -> tuple[Target, ...]:
        """What is needed of such a caller."""
        if not (self.account_admin_may and account_admin):
            return self.targets
        return tuple(msgspec.structs.replace(on, need=ANYONE) for on in self.targets)

    @property
    def name(self) -> str:
        """The request's type in snake case: create_model, get_version_by_alias, ..."""
        return _snake(self.request.__name__)

    @property
    def needs(self) -> str:
        """What the caller must hold, in words."""
        if self.account_admin:
            return "account admin" + " or member of the auditors' group" * self.auditors
        if self.workspace_admin:
            return "account admin, or admin of the workspace"
        needs: list[str] = []
        for on in self.targets:
            needs.append(f"{ways(on.need)} on {'the parent of ' * on.parent}`{on.field}`")
            if on.created is not None:
                needs[-1] += f" (where that is missing: {ways(on.created)} on its parent)"
            if on.on_volume is not None:
                needs[-1] += f" (on a volume: {ways(on.on_volume)})"
        needs += ["or account admin"] * self.account_admin_may
        if self.decides:
            needs.append(self.decides)
        return "; ".join(needs) or "signed in (answers hold what the caller may see)"


def names_of_kind(operations: Mapping[str, Operation], kind: Kind) -> tuple[str, ...]:
    """The operations that can be about a securable of this kind, by name."""
    return tuple(sorted(name for name, operation in operations.items() if kind in operation.kinds))


def ways(need: Requirement) -> str:
    """All that suffices, in words."""
    ways = [privilege.words for privilege in need.any_of]
    ways += ["ownership"] * need.owner + ["MANAGE"] * need.manage + ["metastore admin"] * need.admin
    ways += ["BROWSE on the catalog"] * need.browse
    return " or ".join(ways) or "signed in"


@cache
def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


class SourceDataset(msgspec.Struct, frozen=True):
    """A dataset that the source run logged as an input."""

    name: str
    source_type: str
    source: str
    """JSON text, as MLflow's DatasetSource wrote it"""
    context: str
    """training, evaluation, ..."""


class SourceRun(msgspec.Struct, frozen=True):
    """What a version keeps of the run or logged model that it came from."""

    experiment_id: str
    params: tuple[Param, ...]
    metrics: tuple[Metric, ...]
    inputs: tuple[SourceDataset, ...] = ()
    source_run_id: str = ""
    models: int = 0
    """Logged models that a run has made"""
    feast: tuple[tuple[str, str], ...] = ()
    """The run's tags `feast.*`, as Feast's MLflow integration sets them: (key, value)"""
    features: tuple[str, ...] = ()
    """`view:feature` of the run's file `feast_features.json`"""


class SourceOrigin(msgspec.Struct, frozen=True):
    """A directory of the files of a run, logged model or volume."""

    kind: str
    """run, logged_model or volume"""
    id: str = ""
    """of a volume, its full name"""
    path: str = ""


class Tracking(Protocol):
    """The workspace, as the registry needs it. None: there is no such thing, or the actor may not read it."""

    async def source_run(self, actor: Actor, run_id: str) -> SourceRun | None: ...

    async def source_logged_model(self, actor: Actor, model_id: str) -> SourceRun | None: ...

    async def may(self, actor: Actor, kind: str, id: str, *, write: bool) -> None:
        """The files of a run, logged_model or trace. Raises NotFound, PermissionDenied."""
        ...

    async def describe(self, actor: Actor, kind: str, id: str) -> tuple[str, str]:
        """(experiment id, name) of a run, logged_model or trace that the actor may read. Raises NotFound, PermissionDenied."""
        ...

    async def places(self, actor: Actor, origin: SourceOrigin) -> tuple[SourceOrigin, ...]:
        """Where the files may lie that a source names so, the likeliest first: an experiment may keep its files in a volume,
        and MLflow 3 means a run's logged model by the path of a run. Raises NotFound, PermissionDenied."""
        ...


class CredentialIssuer(Protocol):
    """The store's STS. Raises Unavailable."""

    seconds: int
    """how long what it issues lives"""

    async def issue(self, set_id: str, holder: str, *, write: bool) -> TemporaryCredentials: ...


class DescriptionWriter(Protocol):
    """A language model. Raises Unavailable, Throttled."""

    model: str
    """its name"""

    async def describe(self, facts: str) -> str: ...


class ServingEngine(Protocol):
    """What runs the models of serving endpoints."""

    def wake(self) -> None:
        """Look at the endpoints at once: somebody changed them."""
        ...


class Federation(msgspec.Struct, frozen=True):
    """Whose tokens federation policies may take."""

    issuers: frozenset[str] = frozenset()
    """which this server asks for their keys"""
    audience: str = ""
    """of tokens, where a policy names none"""
    check_keys: Callable[[str], None] = lambda _: None
    """Raises InvalidArgument for a JWKS (in JSON) of no use."""


class Config(msgspec.Struct, frozen=True):
    """The settings that operations know: values alone, so that a transaction can never wait for one."""

    limits: Limits
    page_tokens: PageTokens
    workspace_id: str
    """The default workspace's."""
    own_hosts: frozenset[str] = frozenset()
    """Host headers that lead there."""
    managed: tuple[str, ...] = ()
    """Where this deployment keeps files: a folder, or s3://bucket/prefix."""
    home: FullName = DEFAULT_HOME
    """The schema in which models without a catalog and schema in their name live."""
    url_ms: int = 15 * 60_000
    """How long a vended URL lives."""
    token_ms: int = 90 * 86_400_000
    """The longest lifetime of a personal access token."""
    federation: Federation = Federation()
    direct: bool = False
    """Clients move bytes to and from the store by presigned URLs."""
    credential_s: int = 0
    """How long the store's temporary credentials live, in seconds; 0: there are none."""
    writer: bool = False
    """The operator names a language model."""
    serving: bool = False
    """An engine runs the models of serving endpoints."""
    auditors: str = ""
    """A group whose members read the whole audit log; '' is none."""
    tables_root: StorageUrl | None = None
    """Where managed tables of catalogs without a storage root lie; None: nowhere."""
    storage_role: str = ""
    """Role for credentials to what lies in this deployment's own buckets; '' is none."""
    external_use_schema: bool = False
    """Credentials for tables and volumes need EXTERNAL USE SCHEMA, as on Databricks."""
    operations: "Mapping[str, Operation]" = {}
    """The table, by name, for operations that are about operations. The engine hands it in."""


class Services(msgspec.Struct, frozen=True):
    """What `prepare` and `finish` reach beside the database: all that may be slow."""

    blobs: Blobs
    settings: Config
    """Without what follows from the services; `config` has that, too."""
    tracking: Tracking | None = None
    issuer: CredentialIssuer | None = None
    """Set where the store issues temporary credentials (only one that is `direct`)."""
    folders: FolderCredentials | None = None
    """Set where an STS issues credentials for folders of tables, volumes and paths."""
    probe: FolderProbe | None = None
    """Tries storage credentials; set where `folders` is."""
    tables: DeltaReader = msgspec.field(default_factory=DeltaReader)
    """Opens Delta tables for pages."""
    shared: SharedFolder | None = None
    """Set where clients on this machine exchange files through a folder."""
    copies: InFlightCopies = msgspec.field(default_factory=InFlightCopies)
    """Of files that clients handed over by themselves, as finalize takes them."""
    writer: DescriptionWriter | None = None
    """Set where the operator names a language model."""
    serving: ServingEngine | None = None
    """Set where serving endpoints are on."""

    @property
    def config(self) -> Config:
        return msgspec.structs.replace(
            self.settings,
            direct=self.blobs.direct,
            credential_s=self.issuer.seconds if self.issuer else 0,
            writer=self.writer is not None,
            serving=self.serving is not None,
        )


class Named(msgspec.Struct, frozen=True):
    """A name as parsed, for requests whose kind the caller chooses."""

    kind: Kind
    name: FullName


Targets = list[Securable | None]
