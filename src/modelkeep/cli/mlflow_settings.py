"""What `modelkeep doctor` says of MLflow: where it would keep runs and models, and whether its version is one that works here."""

import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from modelkeep.cli.client_settings import ClientSettings, Finding, fine, note, problem

NEWEST_TESTED = (3, 17)
"""The newest MLflow that this release was tested with."""
OLDEST = (2, 9)
"""Older ones know no Unity Catalog aliases: docs/guides/connect.md begins here."""
SIGNED_URLS = (2, 13, 1)
"""From here on MLflow moves files by signed URLs, before with temporary credentials."""


def mlflow_findings(settings: ClientSettings) -> Iterator[Finding]:
    """Of the MLflow that is installed beside this command."""
    installed = installed_version()
    yield from _version(installed)
    if installed is None and not settings.registry_uri and not settings.tracking_uri:
        return  # a client of another kind
    yield from _tracking(settings)
    yield from _registry(settings, installed)


def installed_version() -> str | None:
    """The version of MLflow beside this command; None if there is none."""
    for package in ("mlflow", "mlflow-skinny"):
        try:
            return version(package)
        except PackageNotFoundError:
            continue
    return None


def numbers(text: str) -> tuple[int, ...]:
    """`3.17.2rc1` as (3, 17, 2)."""
    match = re.match(r"[0-9]+(\.[0-9]+)*", text)
    return tuple(int(part) for part in match[0].split(".")) if match else ()


def _version(installed: str | None) -> Iterator[Finding]:
    newest = ".".join(map(str, NEWEST_TESTED))
    if installed is None:
        yield note(
            "MLflow is not installed beside this command. To check a client of MLflow, run this in its environment."
        )
    elif numbers(installed) < OLDEST:
        yield problem(f"MLflow {installed} is too old for this server. Upgrade: pip install 'mlflow>=3'.")
    elif numbers(installed) < SIGNED_URLS:
        yield note(
            f"MLflow {installed} moves files with temporary credentials, which the server's operator must set up. Upgrade, "
            "or ask for MODELKEEP_S3_ROLE_ARN."
        )
    elif numbers(installed)[0] < NEWEST_TESTED[0]:
        yield note(
            f"MLflow {installed} works and is of an old generation. Upgrade when you can: pip install 'mlflow>=3'."
        )
    elif numbers(installed)[:2] > NEWEST_TESTED:
        yield note(
            f"MLflow {installed} is newer than {newest}, which this release was tested with. Report what does not work."
        )
    else:
        yield fine(f"MLflow {installed} is a version that works here (tested: {newest}).")


def _of_databricks(uri: str, scheme: str) -> bool:
    return uri == scheme or uri.startswith(f"{scheme}://")


def _leads_to(uri: str, host: str) -> bool:
    return bool(host) and (uri == host or uri.startswith(f"{host}/"))


def _tracking(settings: ClientSettings) -> Iterator[Finding]:
    uri = settings.tracking_uri
    if not uri:
        yield problem("MLFLOW_TRACKING_URI is not set, so MLflow keeps runs on this machine. Set it to databricks.")
    elif not _of_databricks(uri, "databricks") and not _leads_to(uri, settings.host):
        yield note(
            f"MLFLOW_TRACKING_URI is '{_printed(uri)}', so runs go there. Set it to databricks to keep them here."
        )


def _registry(settings: ClientSettings, installed: str | None) -> Iterator[Finding]:
    uri, tracking = settings.registry_uri, settings.tracking_uri
    if not uri:
        if _of_databricks(tracking, "databricks") and installed is not None and numbers(installed) < (3,):
            yield problem(
                f"MLFLOW_REGISTRY_URI is not set, and MLflow {installed} then takes the workspace's old registry. Set it to "
                "databricks-uc."
            )
        elif not _of_databricks(tracking, "databricks") and not _leads_to(tracking, settings.host):
            yield problem("MLFLOW_REGISTRY_URI is not set, so models go where runs go. Set it to databricks-uc.")
    elif _of_databricks(uri, "databricks"):
        yield note(
            "MLFLOW_REGISTRY_URI is databricks, the workspace's old registry with names of one level. Set it to databricks-uc."
        )
    elif not _of_databricks(uri, "databricks-uc") and not _leads_to(uri.removeprefix("uc:"), settings.host):
        yield note(
            f"MLFLOW_REGISTRY_URI is '{_printed(uri)}', so models go there. Set it to databricks-uc to keep them here."
        )


def _printed(uri: str) -> str:
    """Without a password: URIs of databases may hold one."""
    return re.sub(r"://[^/@]*@", "://...@", uri)[:200]
