"""What a client on this machine would use: which server, which credential, which stores of MLflow; and what is wrong with that.

The precedence is that of databricks-sdk (config.py): variables first. A profile is read if it is named, or if no variable
names a server.
"""

import configparser
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

import msgspec


class FindingLevel(StrEnum):
    OK = "ok"
    NOTE = "note"
    """It works, and may not be what the user wants."""
    PROBLEM = "problem"


class Finding(msgspec.Struct, frozen=True):
    """One sentence about the client, with what to do unless it is fine."""

    level: FindingLevel
    message: str


def fine(message: str) -> Finding:
    return Finding(FindingLevel.OK, message)


def note(message: str) -> Finding:
    return Finding(FindingLevel.NOTE, message)


def problem(message: str) -> Finding:
    return Finding(FindingLevel.PROBLEM, message)


class ClientCredential(msgspec.Struct, frozen=True):
    """A token, a user name and a password, or a service principal's id and secret. Empty: there is none."""

    token: str = ""
    username: str = ""
    password: str = ""
    client_id: str = ""
    client_secret: str = ""

    def __bool__(self) -> bool:
        return bool(self.token or (self.username and self.password) or (self.client_id and self.client_secret))


class ClientSettings(msgspec.Struct, frozen=True):
    """Which server a client on this machine talks to, as whom, and where MLflow keeps runs and models."""

    host: str = ""
    """The server's address with its scheme, without a slash at the end; '' if there is none that can be used"""
    source: str = ""
    """What names the server, such as DATABRICKS_HOST"""
    credential: ClientCredential = ClientCredential()
    tracking_uri: str = ""
    registry_uri: str = ""
    findings: tuple[Finding, ...] = ()


class _Profile(msgspec.Struct, frozen=True):
    """A section of ~/.databrickscfg. `name` is '' if none applies."""

    name: str = ""
    fields: Mapping[str, str] = {}
    finding: Finding | None = None


_CONFIG_FILE = "DATABRICKS_CONFIG_FILE"
_CONFIG_PROFILE = "DATABRICKS_CONFIG_PROFILE"
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def read(environment: Mapping[str, str]) -> ClientSettings:
    """The settings that `environment` and the file of profiles make. Opens no connection."""
    tracking, registry = environment.get("MLFLOW_TRACKING_URI", ""), environment.get("MLFLOW_REGISTRY_URI", "")
    profile = _profile(environment, tracking, registry)
    source, address = _address(environment, profile, tracking, registry)
    findings = [finding for finding in (profile.finding,) if finding]
    if not source and not findings:
        findings.append(
            problem(
                f"No server is named: DATABRICKS_HOST is not set, and {_config_file(environment)} has no profile that "
                "applies. Set DATABRICKS_HOST to the server's address."
            )
        )
    host, about_host = _checked_address(source, address)
    findings += about_host
    if source == "DATABRICKS_HOST" and (other := profile.fields.get("host", "")) and origin(other) != host:
        findings.append(
            note(
                f"DATABRICKS_HOST is {host}, and profile '{profile.name}' has {origin(other)}. Clients use the variable: "
                "unset it if you mean the profile."
            )
        )
    credential, about_credential = _credential(environment, profile, source)
    findings += about_credential if host else []
    return ClientSettings(host, source, credential, tracking, registry, tuple(findings))


# --- the file of profiles --------------------------------------------------------------------------------------------


def _config_file(environment: Mapping[str, str]) -> Path:
    path = Path(environment.get(_CONFIG_FILE) or "~/.databrickscfg")
    home = environment.get("HOME")
    return Path(home, *path.parts[1:]) if home and path.parts[:1] == ("~",) else path.expanduser()


def _profile(environment: Mapping[str, str], tracking: str, registry: str) -> _Profile:
    """The profile that the environment names, else the file's own default."""
    path = _config_file(environment)
    sections, finding = _sections(path)
    named = (
        ("MLFLOW_TRACKING_URI", _profile_of(tracking)),
        ("MLFLOW_REGISTRY_URI", _profile_of(registry)),
        (_CONFIG_PROFILE, environment.get(_CONFIG_PROFILE, "")),
    )
    variable, name = next(((variable, name) for variable, name in named if name), ("", ""))
    if not name:
        name = sections.get("__settings__", {}).get("default_profile", "").strip() or "DEFAULT"
    if name in sections:
        return _Profile(name, sections[name], finding)
    if variable and finding is None:
        finding = problem(
            f"{path} has no profile '{name}', which {variable} names. Correct the name, or add the profile."
        )
    return _Profile(finding=finding)


def _profile_of(uri: str) -> str:
    """The profile in `databricks://PROFILE` or `databricks-uc://PROFILE`."""
    scheme, _, rest = uri.partition("://")
    return rest.partition(":")[0] if scheme in ("databricks", "databricks-uc") else ""


def _sections(path: Path) -> tuple[dict[str, dict[str, str]], Finding | None]:
    """Each profile's own fields; those of DEFAULT are not inherited, as in databricks-sdk."""
    parser = configparser.ConfigParser(default_section="", interpolation=None)
    try:
        parser.read_string(path.read_text())
    except FileNotFoundError:
        return {}, None
    except (OSError, UnicodeDecodeError, configparser.Error) as error:
        reason = str(error).partition("\n")[0]
        return {}, problem(f"{path} cannot be read ({reason}). It needs a section such as [DEFAULT] for each profile.")
    return {name: dict(parser[name]) for name in parser.sections()}, None


# --- the address -----------------------------------------------------------------------------------------------------


def _address(environment: Mapping[str, str], profile: _Profile, tracking: str, registry: str) -> tuple[str, str]:
    """(what names the server, the address as it is written); ('', '') if nothing does."""
    uris = ("MLFLOW_TRACKING_URI", tracking), ("MLFLOW_REGISTRY_URI", registry.removeprefix("uc:"))
    candidates = (
        ("DATABRICKS_HOST", environment.get("DATABRICKS_HOST", "").strip()),
        (f"Profile '{profile.name}'", profile.fields.get("host", "")),
        *((variable, uri) for variable, uri in uris if uri.startswith(("http://", "https://"))),
    )
    return next(((source, address) for source, address in candidates if address), ("", ""))


def origin(address: str) -> str:
    """Scheme, host and port. Without a scheme, clients take https."""
    parts = urlsplit(address if "://" in address else f"https://{address}")
    return f"{parts.scheme}://{parts.netloc}"


def _checked_address(source: str, address: str) -> tuple[str, list[Finding]]:
    """The address that clients make of it, '' if they cannot."""
    if not source:
        return "", []
    try:
        parts = urlsplit(address if "://" in address else f"https://{address}")
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        parts, usable = None, False
    if parts is None or not usable or not address.isprintable() or " " in address:
        return "", [
            problem(f"{source} is '{address[:200]}', which is not an address. Write https://host or https://host:port.")
        ]
    findings: list[Finding] = []
    if "://" not in address:
        findings.append(note(f"{source} has no scheme, so clients use https://{parts.netloc}. Write the scheme."))
    if parts.path.strip("/") or parts.query:
        findings.append(
            note(f"{source} has the path '{parts.path[:200]}', which clients drop. Write the address without a path.")
        )
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        findings.append(
            note(f"{origin(address)} is not https: your token crosses the network in clear. Use an https address.")
        )
    return origin(address), findings


# --- the credential --------------------------------------------------------------------------------------------------


def _credential(
    environment: Mapping[str, str], profile: _Profile, source: str
) -> tuple[ClientCredential, list[Finding]]:
    if source.startswith("MLFLOW_"):
        return _mlflow_credential(environment, source)
    fields = dict(profile.fields) if source != "DATABRICKS_HOST" or environment.get(_CONFIG_PROFILE) else {}
    for field in ("token", "username", "password", "client_id", "client_secret"):
        fields[field] = environment.get(f"DATABRICKS_{field.upper()}") or fields.get(field, "")
    credential = ClientCredential(
        **{field: fields[field] for field in ("token", "username", "password", "client_id", "client_secret")}
    )
    if not credential:
        return credential, [
            problem("There is no credential. Set DATABRICKS_TOKEN to a token: `modelkeep tokens create` prints one.")
        ]
    if credential.token and credential.client_id and not environment.get("DATABRICKS_AUTH_TYPE"):
        return credential, [
            problem(
                "Both a token and a client id are set, and databricks-sdk refuses two ways to sign in. Unset "
                "DATABRICKS_TOKEN, or DATABRICKS_CLIENT_ID with its secret."
            )
        ]
    return credential, [] if _sendable(credential) else [_NOT_SENDABLE]


def _mlflow_credential(environment: Mapping[str, str], source: str) -> tuple[ClientCredential, list[Finding]]:
    """The credential of MLflow's own REST client, or of its `uc:` client."""
    if source == "MLFLOW_REGISTRY_URI" and environment.get("MLFLOW_REGISTRY_URI", "").startswith("uc:"):
        credential = ClientCredential(environment.get("MLFLOW_UC_OSS_TOKEN", ""))
        missing = problem(
            "MLFLOW_UC_OSS_TOKEN is not set, and a registry URI that begins with uc: needs it. Set it to your token."
        )
    else:
        variables = ("MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")
        credential = ClientCredential(*(environment.get(variable, "") for variable in variables))
        missing = problem(
            "MLflow's URI is an address, and MLFLOW_TRACKING_TOKEN is not set. Set it to a token: `modelkeep tokens create` "
            "prints one."
        )
    if not credential:
        return credential, [missing]
    return credential, [] if _sendable(credential) else [_NOT_SENDABLE]


_NOT_SENDABLE = problem("The token has characters that no token has. Copy it again, without quotes and line ends.")


def _sendable(credential: ClientCredential) -> bool:
    token = credential.token
    return token.isascii() and token.isprintable() and not any(character in token for character in " '\"")
