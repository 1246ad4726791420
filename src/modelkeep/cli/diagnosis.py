"""The findings of `modelkeep doctor`: one step after the other, until one makes the next pointless."""

import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from typing import Any
from urllib.parse import quote

import httpx
import msgspec

from modelkeep.cli import client_settings
from modelkeep.cli.client import MLFLOW_UC, V1
from modelkeep.cli.client_settings import ClientSettings, Finding, fine, note, origin, problem
from modelkeep.cli.mlflow_settings import mlflow_findings
from modelkeep.cli.server_probe import Failed, ServerProbe, fields_of, message_of, way

CLOCK_S = 60
"""By how many seconds the clocks may differ: OpenID tokens allow no more"""
SOON_MS = 48 * 3_600_000
"""A credential that expires within this time gets a note."""
_FILES = "/api/2.0/fs"


def diagnose(environment: Mapping[str, str], volume: str = "") -> Iterator[Finding]:
    """All findings about the client that runs in `environment`. `volume`: where a small file may be uploaded, '' for nowhere."""
    settings = client_settings.read(environment)
    yield from settings.findings
    yield from mlflow_findings(settings)
    if not settings.host:
        return
    yield from way(settings.host, environment)
    try:
        probe = ServerProbe(settings.host, environment)
    except Failed as failure:
        yield failure.finding
        return
    try:
        yield from _server(probe, settings, volume)
    except Failed as failure:
        yield failure.finding
    finally:
        probe.close()


def _server(probe: ServerProbe, settings: ClientSettings, volume: str) -> Iterator[Finding]:
    before = time.time()
    answer = probe.send("GET", "/.well-known/databricks-config")
    now = (before + time.time()) / 2
    if (finding := _not_ours(probe.host, settings.source, answer)) is not None:
        yield finding
        return
    yield fine(f"{probe.host} answers, as {settings.source} names it.")
    yield from _clock(answer, now)
    yield from _version(probe)
    yield from _health(probe)
    if not settings.credential:
        return
    refusal = probe.sign_in(settings.credential)
    answer = refusal if refusal is not None else probe.get(f"{V1}/me")
    if answer.status_code != 200:
        yield _refused(answer)
        return
    yield from _caller(answer)
    yield from _tracking(probe)
    yield from _registry_and_files(probe)
    yield from _upload(probe, volume)


# --- the server ------------------------------------------------------------------------------------------------------


def _not_ours(host: str, source: str, answer: httpx.Response) -> Finding | None:
    """Why the answer is not one of a Modelkeep server for this address."""
    if 300 <= answer.status_code < 400:
        target = origin(str(answer.headers.get("location", "")))
        return problem(f"{host} redirects to {target}. Set {source} to the address that it redirects to.")
    fields = fields_of(answer)
    if answer.status_code == 200 and "oidc_endpoint" in fields:
        return None
    if fields.get("error_code") == "ENDPOINT_NOT_FOUND":
        return problem(
            f"{host} answers, and no workspace has this address. Use the address of a workspace, and let proxies pass the "
            "Host header on."
        )
    if answer.status_code >= 500 or answer.status_code == 429:
        return problem(f"{host} does not answer now: {message_of(answer)} Try again, then ask its operator.")
    return problem(f"{host} answers with status {answer.status_code}, not as a Modelkeep server. Check the address.")


def _clock(answer: httpx.Response, now: float) -> Iterator[Finding]:
    """`now`: seconds since 1970 by this machine's clock."""
    try:
        behind = parsedate_to_datetime(answer.headers.get("date", "")).timestamp() - now
    except (TypeError, ValueError):
        return
    if abs(behind) > CLOCK_S:
        yield problem(
            f"This machine's clock is {abs(behind):.0f} seconds {'behind' if behind > 0 else 'ahead of'} the server's. Set "
            "it by NTP: tokens and signed URLs depend on it."
        )


def _version(probe: ServerProbe) -> Iterator[Finding]:
    info: dict[str, Any] = fields_of(probe.send("GET", "/openapi.json")).get("info") or {}
    theirs, ours = str(info.get("version", "")), version("modelkeep")
    if theirs and theirs != ours:
        yield note(f"The server is Modelkeep {theirs}, and this command is of {ours}. Install the server's version.")
    elif theirs:
        yield fine(f"The server is Modelkeep {theirs}, as this command.")


def _health(probe: ServerProbe) -> Iterator[Finding]:
    answer = probe.send("GET", "/health/ready")
    if answer.status_code != 200:
        yield problem(f"The server is not ready: {message_of(answer)} Ask its operator.")
    elif fields_of(answer).get("status") == "degraded":
        yield note(f"A part of the server does not work: {message_of(answer)} Ask its operator if you need it.")


# --- the caller ------------------------------------------------------------------------------------------------------


def _refused(answer: httpx.Response) -> Finding:
    message = message_of(answer)
    if answer.status_code == 403:
        return problem(f"The server knows you and lets you do nothing: {message}")
    if answer.status_code in (400, 401):
        return problem(
            f"The server does not accept the credential: {message} Copy it again, or create a new one with `modelkeep "
            "tokens create`."
        )
    return problem(f"The server does not answer who you are: {message} Try again, then ask its operator.")


def _caller(answer: httpx.Response) -> Iterator[Finding]:
    me = fields_of(answer)
    expires_at = me.get("token_expires_at")
    at = datetime.fromtimestamp(expires_at / 1000, UTC) if isinstance(expires_at, int) else None
    until = f"until {at:%Y-%m-%d %H:%M} UTC" if at else "without an end"
    yield fine(f"You are {me.get('name')} in workspace {me.get('workspace')}, signed in {until}.")
    if at and at.timestamp() * 1000 - time.time() * 1000 < SOON_MS:
        hours = max(0, round((at.timestamp() - time.time()) / 3600))
        yield note(f"The credential expires in {hours} hours. Create a new one before: `modelkeep tokens create`.")


# --- runs and models -------------------------------------------------------------------------------------------------


def _tracking(probe: ServerProbe) -> Iterator[Finding]:
    answer = probe.get("/api/2.0/mlflow/experiments/search", max_results=1)
    if answer.status_code == 200:
        yield fine("The workspace takes runs.")
    elif answer.status_code == 404:
        yield note(
            "This server keeps no runs, only models. For runs, its operator installs it with the extra: pip install "
            "'modelkeep[workspace]'."
        )
    else:
        yield problem(
            f"The workspace does not answer: {message_of(answer)} Ask the operator to look at tracking/tracking.log."
        )


def _registry_and_files(probe: ServerProbe) -> Iterator[Finding]:
    answer = probe.get(f"{MLFLOW_UC}/model-versions/search", max_results=20)
    if answer.status_code != 200:
        yield problem(f"The registry does not answer: {message_of(answer)} Ask the server's operator.")
        return
    versions = [row for row in fields_of(answer).get("model_versions", []) if row.get("status") == "READY"]
    for row in versions:
        path = f"/Models/{row['name'].replace('.', '/')}/{row['version']}/MLmodel"
        answer = probe.post(f"{_FILES}/create-download-url", {"path": path})
        if answer.status_code == 200:
            yield from _download(
                probe, f"{row['name']}, version {row['version']}", msgspec.json.decode(answer.content, type=ProbedUrl)
            )
            return
    yield note(
        "No version with files is visible to you, so no download was tried. Register a model, or ask for EXECUTE on one."
    )


class ProbedUrl(msgspec.Struct, frozen=True):
    """A URL that the server has signed, with the headers that it must be used with."""

    url: str
    headers: list[dict[str, str]] = []

    @property
    def store(self) -> str:
        return origin(self.url)

    def use(self, probe: ServerProbe, method: str, body: bytes = b"") -> httpx.Response:
        """As MLflow does: without the caller's credential. A GET reads the first bytes alone. Raises Failed."""
        headers = {header["name"]: header["value"] for header in self.headers}
        if method == "GET":
            return probe.send(method, self.url, headers={**headers, "range": "bytes=0-1023"})
        return probe.send(method, self.url, headers=headers, content=body)


def _download(probe: ServerProbe, what: str, url: ProbedUrl) -> Iterator[Finding]:
    try:
        answer = url.use(probe, "GET")
    except Failed as failure:
        yield failure.finding
        yield _other_host(url.store)
        return
    if answer.status_code in (200, 206):
        yield fine(f"Files can be downloaded from {url.store} ({what}).")
    else:
        yield _refused_by_store(url.store, answer)


def _upload(probe: ServerProbe, volume: str) -> Iterator[Finding]:
    if not volume:
        yield note(
            "No upload was tried. Name a volume that you may write to: `modelkeep doctor --volume CATALOG.SCHEMA.VOLUME`."
        )
        return
    path, data = f"/Volumes/{volume.replace('.', '/')}/modelkeep-doctor-{secrets.token_hex(8)}", secrets.token_bytes(64)
    answer = probe.post(f"{_FILES}/create-upload-url", {"path": path})
    if answer.status_code != 200:
        yield problem(f"Nothing can be uploaded to volume '{volume}': {message_of(answer)}")
        return
    url = msgspec.json.decode(answer.content, type=ProbedUrl)
    try:
        answer = url.use(probe, "PUT", data)
        if answer.status_code >= 300:
            yield _refused_by_store(url.store, answer)
            return
        answer = probe.post(f"{_FILES}/create-download-url", {"path": path})
        if answer.status_code == 200:
            answer = msgspec.json.decode(answer.content, type=ProbedUrl).use(probe, "GET")
        if answer.content == data:
            yield fine(f"Files can be uploaded to {url.store}.")
        else:
            yield problem(
                f"{url.store} did not give back what was uploaded to it. Ask the server's operator to run `modelkeep check`."
            )
    except Failed as failure:
        yield failure.finding
        yield _other_host(url.store)
    finally:
        with suppress(Failed):
            probe.delete(f"{_FILES}/files{quote(path)}")


def _other_host(store: str) -> Finding:
    return problem(f"Model files travel between this machine and {store} itself. Open the way to that address, too.")


def _refused_by_store(store: str, answer: httpx.Response) -> Finding:
    return problem(
        f"{store} refuses a signed URL (status {answer.status_code}). Check this machine's clock, then ask the server's "
        "operator to check MODELKEEP_PUBLIC_URL and MODELKEEP_S3_ENDPOINT."
    )
