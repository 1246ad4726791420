"""Every setting: its environment variable is MODELKEEP_ and its name in upper case. Defaults suit a laptop and are safe."""

import math
import os
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, cast
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from modelkeep.domain.errors import BadSetting


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    host: str = "127.0.0.1"
    """Address to listen on."""
    port: Annotated[int, Meta(ge=1, le=65_535)] = 8080
    """Port to listen on."""
    data_dir: str = "modelkeep-data"
    """Directory of the SQLite database and the artifact folder. Everybody who can read it can sign in as an administrator."""
    database_url: str = ""
    """URL of the PostgreSQL database, postgresql://...; '' means SQLite in the data directory."""
    database_read_connections: Annotated[int, Meta(ge=1, le=1000)] = 8
    """Connections of this process to PostgreSQL for short reads."""
    database_write_connections: Annotated[int, Meta(ge=1, le=1000)] = 8
    """Connections of this process to PostgreSQL for changes."""
    database_scan_connections: Annotated[int, Meta(ge=1, le=1000)] = 2
    """Connections of this process to PostgreSQL for searches and lists. As many of them run at once."""
    database_pooler: bool = False
    """PostgreSQL is behind PgBouncer in transaction mode: use no prepared statements and no settings of the session."""
    storage_url: str = ""
    """Storage of model files, s3://bucket/prefix; '' means a folder in the data directory."""
    s3_endpoint: str = ""
    """Address of an S3-compatible store; '' means AWS. Credentials and region come from the usual AWS_* variables."""
    tables_url: str = ""
    """Storage of managed tables, s3://bucket/prefix or file:///folder (an existing folder that every user of tables may write);
    '' means that only catalogs and schemas with a storage root have some. Managed tables cannot be created yet."""
    external_use_schema: bool = False
    """Temporary credentials for tables and volumes also need EXTERNAL USE SCHEMA, as on Databricks."""
    s3_role_arn: str = ""
    """Role for temporary credentials: for one model version's files or one table's folder each; '' vends none."""
    sts_endpoint: str = ""
    """Address of the store's STS; '' means s3_endpoint, or AWS if that is empty, too."""
    credential_minutes: Annotated[float, Meta(ge=15, le=720, extra={"unit": "minutes"})] = 15
    """Lifetime of temporary credentials, which outlive a revoke for so long."""
    shared_folder: str = ""
    """Existing folder for files of `uc:` clients on this machine. It trusts every user who can reach it."""
    workspace: bool = True
    """Run MLflow's tracking server behind this one (needs the extra `workspace`)."""
    serving: Literal["local", "off"] = "local"
    """Where serving endpoints run their models: local (processes of this server; needs the extra `serving`) or off."""
    workspace_id: str = "1"
    """Number of the default workspace. Clients read it as a number."""
    public_url: str = ""
    """Address that clients use, if it is not http://host:port. Signed URLs begin with it."""
    files_api: bool = False
    """Send clients to the Files API (multipart uploads) instead of presigned URLs."""
    conceal: bool = False
    """Answer 404 instead of 403 if a 403 would reveal that something exists."""
    insecure_bind: bool = False
    """Allow plain http on an address that is not loopback."""
    default_namespace: str = "main.default"
    """Catalog and schema for one-level names of plain MLflow clients. The first start creates them."""
    aliases_per_model: Annotated[int, Meta(ge=0, le=10_000)] = 10
    """Aliases that a model or prompt may have."""
    tags_per_securable: Annotated[int, Meta(ge=0, le=10_000)] = 50
    """Tags that a securable or version may have."""
    min_free_mb: Annotated[float, Meta(ge=0, le=100_000_000, extra={"unit": "MiB"})] = 512
    """Space that stays free on each disk of the server (5 % of a small one). With less, changes are refused; reads and
    deletions go on. 0 means no limit."""
    pending_hours: Annotated[float, Meta(ge=0.0001, le=8760, extra={"unit": "hours"})] = 24
    """Hours before an unfinished registration fails and its files are deleted."""
    url_minutes: Annotated[float, Meta(ge=0.01, le=10_080, extra={"unit": "minutes"})] = 15
    """Lifetime of a signed URL."""
    token_days: Annotated[float, Meta(ge=0.001, le=730, extra={"unit": "days"})] = 90
    """Longest lifetime of a personal access token. A token that is created without a lifetime gets it."""
    unknown_tokens_per_minute: Annotated[int, Meta(ge=0, le=1_000_000)] = 100
    """Unknown access tokens of one address within a minute, before new ones are refused without a look-up; 0 means no limit."""
    requests_per_second: Annotated[float, Meta(ge=0, le=1_000_000)] = 200
    """Requests of one principal to one process in the long run; 0 means no limit. Beyond it: 429 with `Retry-After`."""
    request_burst: Annotated[int, Meta(ge=1, le=10_000_000)] = 2000
    """Requests that a principal may send at once, after a pause."""
    anonymous_requests_per_second: Annotated[float, Meta(ge=0, le=1_000_000)] = 100
    """Requests of one address without sign-in (discovery, sign-in, documentation); ten times as many at once. 0 means no limit."""
    trusted_proxies: str = ""
    """Addresses and networks of proxies whose `X-Forwarded-For` or `Forwarded` counts, with spaces between. '' means loopback,
    if public_url is set."""
    trusted_issuers: str = ""
    """Issuers (https://..., with spaces between) whose tokens federation policies may accept. The server fetches their keys."""
    oidc_issuer: str = ""
    """OpenID provider at which people sign in, https://...; '' means none: they sign in with tokens."""
    oidc_client_id: str = ""
    """Client id of Modelkeep at the OpenID provider."""
    oidc_client_secret: str = ""
    """Client secret at the OpenID provider; '' for a public client."""
    oidc_name: str = "single sign-on"
    """Name of the OpenID provider on the sign-in page."""
    oidc_scopes: str = "openid profile email"
    """Scopes that the sign-in requests from the OpenID provider."""
    oidc_user_claim: str = "email"
    """Claim that names a new user at the first sign-in. Without it, the subject is the name."""
    oidc_groups_claim: str = ""
    """Claim that lists a person's groups at the provider."""
    oidc_groups: str = ""
    """Maps values of the groups claim to groups in Modelkeep, as JSON: {"value of the claim": "group here"}. Other values are
    ignored."""
    session_hours: Annotated[float, Meta(ge=0.001, le=8760, extra={"unit": "hours"})] = 12
    """Lifetime of a browser's session."""
    auditors: str = ""
    """Group whose members may read the whole audit log, as account admins may; '' means none."""
    ai_url: str = ""
    """OpenAI-compatible address (https://api.openai.com/v1) whose model drafts descriptions for people to edit; '' means none."""
    ai_model: str = ""
    """Name of the model at ai_url."""
    ai_key: str = ""
    """API key for ai_url, if it needs one."""
    audit_days: Annotated[float, Meta(ge=0, le=36_500, extra={"unit": "days"})] = 0
    """Days that audit records stay in the database before they are archived as Parquet (extra `archive`); 0 keeps them there."""
    otlp_endpoint: str = ""
    """Collector of OpenTelemetry logs that gets the audit records, OTLP over HTTP: http://collector:4318; '' means none."""
    otlp_headers: str = ""
    """Headers for the collector: `authorization=Bearer%20x,other=y`, percent-encoded as in OTEL_EXPORTER_OTLP_HEADERS."""
    max_connections: Annotated[int, Meta(ge=1, le=1_000_000)] = 4096
    """Connections at once. If the system allows fewer descriptors, that limit counts."""
    connections_per_address: Annotated[int, Meta(ge=0, le=1_000_000)] = 512
    """Connections at once from one address; 0 means no limit. A proxy on this machine (public_url) has none."""
    lame_duck_seconds: Annotated[float, Meta(ge=0, le=3600, extra={"unit": "seconds"})] = 0
    """Seconds after SIGTERM in which requests are still answered while `/health` says 503, so that balancers turn away."""
    drain_seconds: Annotated[float, Meta(ge=0, le=86_400, extra={"unit": "seconds"})] = 60
    """Seconds after that in which uploads, downloads and other requests may finish."""
    log_level: Literal["debug", "info", "warning", "error", "critical"] = "info"
    """Least severe level that is logged."""
    log_json: bool = True
    """Log JSON lines instead of text for a terminal."""

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


SECRETS = ("database_url", "oidc_client_secret", "ai_key", "otlp_headers")
"""Settings that may come from a file, which `MODELKEEP_<NAME>_FILE` names, and whose values are never printed."""
FROM_FILES = (*SECRETS, "tables_url")
"""All settings that may come from a file."""
_MAX_FILE_BYTES = 64 * 1024


def load(environment: Mapping[str, str] = os.environ, **overrides: object) -> Settings:
    """Defaults < environment < overrides. Raises BadSetting for an unknown MODELKEEP_ variable or a malformed value."""
    known = {variable_of(name): name for name in Settings.__struct_fields__}
    files = {f"{variable_of(name)}_FILE": name for name in FROM_FILES}
    values: dict[str, object] = {}
    for variable, value in environment.items():
        if variable in known:
            values[known[variable]] = value
        elif variable in files:
            if variable_of(files[variable]) in environment:
                raise BadSetting(
                    f"{variable} and {variable.removesuffix('_FILE')} are both set. Leave one of them out."
                )
            values[files[variable]] = _content(variable, value)
        elif variable.startswith("MODELKEEP_") and variable not in _OTHERS:
            raise BadSetting(f"There is no setting {variable}. Known are: {', '.join(sorted([*known, *files]))}.")
    values |= {name: value for name, value in overrides.items() if value is not None}
    hints = typing.get_type_hints(Settings, include_extras=True)
    settings = Settings(**{name: _converted(name, value, hints[name]) for name, value in values.items()})
    if not settings.workspace_id.isdecimal() or len(settings.workspace_id) > _MAX_DIGITS:
        raise BadSetting(f"MODELKEEP_WORKSPACE_ID must be a number of at most {_MAX_DIGITS} digits.")
    for name in _ADDRESSES:
        if not _is_address(getattr(settings, name)):
            raise BadSetting(f"{variable_of(name)} must be an http:// or https:// address, such as http://store:9000.")
    return settings


_ADDRESSES = ("s3_endpoint", "sts_endpoint", "otlp_endpoint", "public_url")


def _is_address(text: str) -> bool:
    """Whether it is empty, or an http(s) address with a host and a valid port."""
    if not text:
        return True
    try:
        url = urlsplit(text)
        return url.scheme in ("http", "https") and bool(url.hostname) and (url.port is None or url.port > 0)
    except ValueError:
        return False


def variable_of(name: str) -> str:
    """The environment variable of a setting."""
    return f"MODELKEEP_{name.upper()}"


def bounds(kind: Any) -> str:
    """What a setting may be, in words: `a number from 15 to 720 (minutes)`."""
    if typing.get_origin(kind) is Literal:
        return f"one of {', '.join(typing.get_args(kind))}"
    base, *metas = typing.get_args(kind) or (kind,)
    words = {bool: "1 or 0", int: "a whole number", float: "a number", str: "text"}[base]
    for meta in metas:
        unit = cast("dict[str, str]", meta.extra or {}).get("unit")
        words += f" from {meta.ge:,} to {meta.le:,}" + (f" ({unit})" if unit else "")
    return words


def _converted(name: str, value: object, kind: Any) -> Any:
    try:
        converted = msgspec.convert(value, kind, strict=False)
        if isinstance(converted, float) and not math.isfinite(converted):
            raise msgspec.ValidationError
    except msgspec.ValidationError as error:
        text = "what it is" if name in SECRETS else repr(str(value)[:100])
        raise BadSetting(
            f"A setting is not valid: {variable_of(name)} is {text}, and must be {bounds(kind)}."
        ) from error
    return converted


def _content(variable: str, path: str) -> str:
    """A secret out of its file, without the line's end."""
    try:
        with Path(path).open("rb") as file:
            data = file.read(_MAX_FILE_BYTES + 1)
        text = data.decode().rstrip("\r\n")
    except (OSError, ValueError) as error:
        raise BadSetting(f"{variable} names '{path[:200]}', which cannot be read ({error}).") from error
    if len(data) > _MAX_FILE_BYTES or "\0" in text or "\n" in text:
        raise BadSetting(
            f"{variable} names '{path[:200]}', which holds more than one line of at most {_MAX_FILE_BYTES} bytes."
        )
    return text


_MAX_DIGITS = 18
_OTHERS = ("MODELKEEP_PAGE",)  # used by the project's own tests
