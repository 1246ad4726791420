"""Every setting: its environment variable is MODELKEEP_ and its name in upper case. Defaults suit a laptop and are safe."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec

from modelkeep.core.errors import InvalidArgument


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    host: str = "127.0.0.1"
    """The address to listen on."""
    port: int = 8080
    data_dir: str = "modelkeep-data"
    """Holds the SQLite database, the artifact folder, and what `modelkeep env` needs. Keep it private."""
    database_url: str = ""
    """postgresql://...; '' is SQLite in the data directory."""
    database_read_connections: int = 8
    """Connections of this process to PostgreSQL for short reads."""
    database_write_connections: int = 8
    """Connections of this process to PostgreSQL for changes."""
    database_scan_connections: int = 4
    """Connections of this process to PostgreSQL for searches and lists; as many run at once."""
    database_pooler: bool = False
    """PostgreSQL is behind PgBouncer in transaction mode: use no prepared statements and no settings of the session."""
    storage_url: str = ""
    """s3://bucket/prefix; '' is a folder in the data directory."""
    s3_endpoint: str = ""
    """The address of an S3-compatible store; '' is AWS. Credentials and region come from the usual AWS_* variables."""
    s3_role_arn: str = ""
    """The role whose temporary credentials clients without signed URLs get, for one version's files each; '' vends none."""
    sts_endpoint: str = ""
    """The address of the store's STS; '' is s3_endpoint, or AWS where that is empty, too."""
    credential_minutes: float = 15
    """How long temporary credentials live, and so outlive a revoke: 15 to 720."""
    shared_folder: str = ""
    """An existing folder through which `uc:` clients on this machine exchange files; it trusts whoever can reach it."""
    workspace: bool = True
    """Run MLflow's tracking server behind this one (needs the extra `workspace`)."""
    workspace_id: str = "1"
    """A number (clients read it as one): the workspace that this server is."""
    public_url: str = ""
    """The address that clients reach this server by, when it is not http://host:port; signed URLs are made of it."""
    files_api: bool = False
    """Send clients to the Files API (multipart uploads) instead of presigned URLs."""
    conceal: bool = False
    """Answer 404 where 403 would tell a stranger that something exists."""
    insecure_bind: bool = False
    """Allow plain http on an address that is not loopback."""
    default_namespace: str = "main.default"
    """The catalog and schema of models that plain MLflow clients name without any; made at the first start."""
    aliases_per_model: int = 10
    tags_per_securable: int = 50
    min_free_mb: Annotated[float, msgspec.Meta(ge=0)] = 512
    """MiB that stay free on each disk that the server writes to (5 % of a small one): below it changes are refused, while reads
    and deletions go on; 0 is no limit."""
    pending_hours: float = 24
    """How long a version may stay PENDING_REGISTRATION before it is failed and its files are freed."""
    url_minutes: float = 15
    """How long a vended URL lives."""
    token_days: Annotated[float, msgspec.Meta(gt=0, le=730)] = 90
    """The longest lifetime of a personal access token in days, up to 730; a token that is created without a lifetime gets it."""
    unknown_tokens_per_minute: int = 100
    """How many unknown access tokens one address may try within a minute before new ones are refused unread; 0 is no limit."""
    requests_per_second: float = 200
    """Requests that one principal may send to one process, for good; 0 is no limit. Beyond it: 429 with `Retry-After`."""
    request_burst: int = 2000
    """Requests that it may send at once, after a pause."""
    anonymous_requests_per_second: float = 100
    """Requests without sign-in (discovery, sign-in, documentation) of one address; ten times as many at once. 0 is no limit."""
    trusted_proxies: str = ""
    """Proxies whose `X-Forwarded-For` or `Forwarded` counts: addresses and networks, spaces between; '' is loopback, with public_url."""
    trusted_issuers: str = ""
    """Issuers whose tokens federation policies may take, https://..., with spaces between: this server asks them for their keys."""
    oidc_issuer: str = ""
    """The OpenID provider that people sign in with, https://...; '' is none: they sign in with tokens."""
    oidc_client_id: str = ""
    oidc_client_secret: str = ""
    """'' for a public client."""
    oidc_name: str = "single sign-on"
    """What the sign-in page calls the provider."""
    oidc_scopes: str = "openid profile email"
    oidc_user_claim: str = "email"
    """What a user is called who signs in for the first time; without it, the subject."""
    oidc_groups_claim: str = ""
    """The claim that lists somebody's groups at the provider."""
    oidc_groups: str = ""
    """Which groups here these stand for, in JSON: {"value of the claim": "group here"}. No other value counts."""
    session_hours: float = 12
    """How long a browser stays signed in."""
    auditors: str = ""
    """A group whose members may read the whole audit log, as account admins may; '' is none."""
    ai_url: str = ""
    """An OpenAI-compatible address (https://api.openai.com/v1) whose model drafts descriptions for people to edit; '' is none."""
    ai_model: str = ""
    """Which of its models."""
    ai_key: str = ""
    audit_days: float = 0
    """How long audit records stay in the database before they are archived as Parquet (extra `archive`); 0 keeps them there."""
    otlp_endpoint: str = ""
    """Where audit records are sent as OpenTelemetry logs, OTLP over HTTP: http://collector:4318; '' sends none."""
    otlp_headers: str = ""
    """Headers of what is sent there: `authorization=Bearer%20x,other=y`, percent-encoded as in OTEL_EXPORTER_OTLP_HEADERS."""
    max_connections: int = 4096
    """Connections at once. Where the system allows fewer descriptors, that counts."""
    connections_per_address: int = 512
    """Connections at once from one address; 0 is no limit. A proxy on this machine (public_url) has none."""
    lame_duck_seconds: float = 0
    """After SIGTERM: seconds in which requests are still answered while `/health` says 503, so that balancers turn away."""
    drain_seconds: float = 60
    """After that: seconds in which uploads, downloads and other requests may still come to their end."""
    log_level: str = "info"
    log_json: bool = True

    @property
    def address(self) -> str:
        """What clients use, without a slash at the end."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.public_url.rstrip("/") or f"http://{host}:{self.port}"

    @property
    def token_ms(self) -> int:
        """The longest lifetime of a personal access token, in milliseconds."""
        return int(self.token_days * 86_400_000)

    @property
    def data(self) -> Path:
        return Path(self.data_dir).resolve()


def load(environment: Mapping[str, str] = os.environ, **overrides: object) -> Settings:
    """Defaults < environment < overrides. Raises InvalidArgument for an unknown MODELKEEP_ variable or a malformed value."""
    known = {f"MODELKEEP_{name.upper()}": name for name in Settings.__struct_fields__}
    values: dict[str, object] = {}
    for variable, value in environment.items():
        if variable in known:
            values[known[variable]] = value
        elif variable.startswith("MODELKEEP_") and variable not in _OTHERS:
            raise InvalidArgument(f"There is no setting {variable}. Known are: {', '.join(sorted(known))}.")
    values |= {name: value for name, value in overrides.items() if value is not None}
    try:
        settings = msgspec.convert(values, Settings, strict=False)
        if not settings.workspace_id.isdecimal():
            raise InvalidArgument("MODELKEEP_WORKSPACE_ID must be a number.")
        return settings
    except msgspec.ValidationError as error:
        raise InvalidArgument(f"A setting is not valid: {error}.") from error


_OTHERS = ("MODELKEEP_PAGE",)  # used by the project's own tests
