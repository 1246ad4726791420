"""What the registry holds, as the rest of the program sees it. Times are epoch milliseconds."""

from enum import StrEnum
from typing import Generic, TypeVar

import msgspec

from modelkeep.domain.kinds import Kind

T = TypeVar("T")


class Securable(msgspec.Struct, frozen=True):
    """A metastore, catalog, schema or registered model."""

    id: str
    kind: Kind
    parent_id: str
    catalog_id: str
    schema_id: str
    name: str
    """Its own name, as it was spelled when it was given"""
    owner_id: str
    owner: str
    comment: str
    tags_json: str
    spec_json: str
    last_version: int
    created_at: int
    created_by: str
    updated_at: int
    updated_by: str
    full_name: str
    """Folded, with its parents' names of this moment; '' for the metastore."""
    isolated: bool = False
    """Of a catalog: reached only through the workspaces that it is bound to."""

    @property
    def name_key(self) -> str:
        """Its own name, folded"""
        return self.full_name.rpartition(".")[2]

    @property
    def tags(self) -> dict[str, str]:
        return msgspec.json.decode(self.tags_json, type=dict[str, str])

    @property
    def spec(self) -> dict[str, str]:
        """The kind's own fields (deployment_job_id, storage_root, ...)."""
        return msgspec.json.decode(self.spec_json, type=dict[str, str])


class Status(StrEnum):
    """Of a model version."""

    PENDING = "PENDING_REGISTRATION"
    FAILED = "FAILED_REGISTRATION"
    READY = "READY"


class Metric(msgspec.Struct, frozen=True):
    """A metric of the source run or logged model, kept with the version. `value` may be a word: NaN, Infinity, -Infinity."""

    key: str
    value: float | str
    timestamp: int = 0
    step: int = 0
    dataset_name: str = ""
    dataset_digest: str = ""
    model_id: str = ""
    run_id: str = ""


class Param(msgspec.Struct, frozen=True):
    name: str
    value: str


class _Copied(msgspec.Struct, frozen=True):
    """Of `copied_from`"""

    location: str = ""


class ModelVersion(msgspec.Struct, frozen=True):
    id: str
    model_id: str
    version: int
    status: str
    status_message: str
    source: str
    run_id: str
    experiment_id: str
    workspace_id: str
    logged_model_id: str
    run_link: str
    comment: str
    artifact_set_id: str
    aliases_json: str
    tags_json: str
    params_json: str
    metrics_json: str
    signature: str
    """The MLmodel's signature as JSON; 'none' where it has none; '' until finalized."""
    copied_from: str
    created_at: int
    created_by: str
    updated_at: int
    updated_by: str
    feature_deps: str
    """What its client said of its features: text that nobody here reads on, as a rule JSON."""
    model: str
    """The full name of its registered model."""
    spelled: str
    """That model's own name, as it was spelled."""

    @property
    def location(self) -> str:
        """Of a version without files of its own: where its source, or what it was copied from, says that they are."""
        if not self.copied_from:
            return self.source
        return msgspec.json.decode(self.copied_from, type=_Copied).location or self.source

    @property
    def aliases(self) -> list[str]:
        return [] if self.aliases_json == "[]" else msgspec.json.decode(self.aliases_json, type=list[str])

    @property
    def tags(self) -> dict[str, str]:
        return msgspec.json.decode(self.tags_json, type=dict[str, str])

    @property
    def params(self) -> list[Param]:
        return [] if self.params_json == "[]" else msgspec.json.decode(self.params_json, type=list[Param])

    @property
    def metrics(self) -> list[Metric]:
        return [] if self.metrics_json == "[]" else msgspec.json.decode(self.metrics_json, type=list[Metric])


class RegisteredModel(msgspec.Struct, frozen=True):
    """A registered model with its aliases (name -> version number) and its newest version."""

    securable: Securable
    aliases: dict[str, int]
    latest: ModelVersion | None = None


class Prompt(msgspec.Struct, frozen=True):
    """A prompt of a schema, with its aliases (name -> version number)."""

    securable: Securable
    aliases: dict[str, int]
    newest: int | None = None
    """The number of its newest version."""


class PromptVersion(msgspec.Struct, frozen=True):
    """One version of a prompt. Its template never changes."""

    id: str
    prompt_id: str
    version: int
    comment: str
    template: str
    """JSON text: a string, or a list of chat messages"""
    characters: int
    """Length of the template."""
    aliases_json: str
    tags_json: str
    created_at: int
    created_by: str
    updated_at: int
    updated_by: str
    prompt: str
    """The full name of its prompt."""

    @property
    def aliases(self) -> list[str]:
        return msgspec.json.decode(self.aliases_json, type=list[str])

    @property
    def tags(self) -> dict[str, str]:
        return msgspec.json.decode(self.tags_json, type=dict[str, str])


class PromptLink(msgspec.Struct, frozen=True):
    """A run, logged model or trace that used a version of a prompt."""

    id: str
    version: int
    workspace_id: str
    kind: str
    """run, logged_model or trace"""
    target_id: str
    created_at: int
    created_by: str
    experiment_id: str = ""
    """Of the run, logged model or trace: with the id, what a page's address needs"""
    name: str = ""
    """Of the run, logged model or trace; '' where it has none"""


class Page(msgspec.Struct, Generic[T], frozen=True):
    """One page of a list; `next_token` is '' on the last one. A page may be short, even empty, and not the last."""

    items: tuple[T, ...]
    next_token: str = ""


class Grant(msgspec.Struct, frozen=True):
    """What one principal holds on one securable; inherited where `from_kind` names a container above it."""

    principal: str
    privilege: str
    from_kind: str = ""
    from_name: str = ""
    inert: bool = False
    """Of a privilege that meant nothing here when it was granted: no decision reads it."""


class Principal(msgspec.Struct, frozen=True):
    """A user, group or service principal."""

    id: str
    kind: str
    name: str
    display_name: str
    active: bool
    account_admin: bool
    created_at: int


class Workspace(msgspec.Struct, frozen=True):
    """An address with experiments of its own, attached to the metastore."""

    id: str
    """a number, as text"""
    name: str
    url: str
    """scheme://host[:port]; '' for the default one, whose address the settings say"""
    created_at: int
    created_by: str


class WorkspaceAssignment(msgspec.Struct, frozen=True):
    """Who may come through a workspace."""

    number: int
    kind: str
    name: str
    display_name: str
    level: str
    """USER or ADMIN"""


class CatalogBinding(msgspec.Struct, frozen=True):
    """A workspace through which an isolated catalog can be reached."""

    workspace_id: str
    access: str
    """READ_WRITE or READ_ONLY"""


class Email(msgspec.Struct, frozen=True, omit_defaults=True):
    value: str
    type: str = ""
    primary: bool | None = None


class Related(msgspec.Struct, frozen=True):
    """A member of a group, or a group that somebody is in."""

    number: int
    kind: str
    name: str
    direct: bool = True


class Identity(msgspec.Struct, frozen=True):
    """A principal with what identity providers keep of it. `number` is the id that they know it by."""

    principal: Principal
    number: int
    external_id: str
    given_name: str
    family_name: str
    emails: tuple[Email, ...]
    updated_at: int
    groups: tuple[Related, ...] = ()
    members: tuple[Related, ...] = ()
    entitlements: tuple[str, ...] = ()
    """Databricks' names, stored as they came; no decision reads them."""


class Token(msgspec.Struct, frozen=True):
    """A token without its secret."""

    id: str
    principal: str
    comment: str
    created_at: int
    expires_at: int | None
    revoked_at: int | None
    created_by: str
    """The creator's name of today, or of then where he is gone."""
    last_used_at: int | None
    """Exact to a minute."""
    owner_number: int
    creator_number: int | None
    kind: str = "PERSONAL"
    """PERSONAL, ACCESS (of a secret or a federation policy), SESSION (of a browser)."""
    origin_kind: str = ""
    """What it came from: TOKEN, SESSION, ENV, CLIENT_SECRET, FEDERATION_POLICY, IDENTITY; '' is unknown."""
    origin_id: str = ""
    bound: bool = False
    """It ends with its origin."""


class ClientSecret(msgspec.Struct, frozen=True):
    """A secret of a service principal, as its hash."""

    id: str
    hash: str
    created_at: int
    expires_at: int


class FederationPolicy(msgspec.Struct, frozen=True):
    """Whose tokens are taken for a principal's: all of it must fit exactly."""

    id: str
    policy_id: str
    principal_number: int | None
    """None: of the account; the subject is then the name of a user or service principal."""
    description: str
    issuer: str
    subject: str
    subject_claim: str
    audiences: tuple[str, ...]
    keys: str
    """A JWKS in JSON; '' asks the issuer, which the settings must then list."""
    created_at: int
    updated_at: int


class ExternalIdentity(msgspec.Struct, frozen=True):
    """Who somebody is to an OpenID provider."""

    id: str
    issuer: str
    subject: str
    created_at: int


class ArtifactFile(msgspec.Struct, frozen=True):
    """One file of an artifact set; `path` is relative, with forward slashes."""

    path: str
    size: int
    sha256: str
    checksum: str
    segments_json: str
    modified_at: int
    data: bytes | None = None
    """The bytes themselves, where they lie in the database and the caller wants them"""


class LineageEdge(msgspec.Struct, frozen=True):
    """A version came from (UPSTREAM) or is used by (DOWNSTREAM) an entity."""

    model: str
    version: int
    direction: str
    entity_type: str
    """TABLE, NOTEBOOK, JOB, PIPELINE, MODEL_VERSION, FUNCTION, VECTOR_INDEX, MODEL_ENDPOINT, CONNECTION, FEATURE_SERVICE,
    FEATURE_VIEW or PATH"""
    entity_name: str
    entity_id: str
    context: str
    """training, evaluation, dependency, copy, ..."""
    created_at: int
    created_by: str
    """The principal that recorded it; of a copy, the one that copied."""
    entity_version: str = ""
    """of a Delta table, the version that was read; '' where nobody said"""
