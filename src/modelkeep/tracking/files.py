"""Acts on artifacts: listings, and URLs for single files in the words of each kind of client."""

from collections.abc import Sequence
from posixpath import basename, dirname
from typing import Any

from modelkeep.domain import listed_names
from modelkeep.domain.authorization import Actor
from modelkeep.domain.errors import InvalidArgument
from modelkeep.domain.paths import ArtifactPath
from modelkeep.http.messages import Response
from modelkeep.store.experiments import Level
from modelkeep.tracking import answers
from modelkeep.tracking.access import missing
from modelkeep.tracking.answers import Json
from modelkeep.tracking.artifacts import ATTACHMENTS, MAX_PATHS, TRACE_DATA, ArtifactPlace, FileInfo, proxied_place
from modelkeep.tracking.locations import in_volume
from modelkeep.tracking.proxy import ProxiedCall, TrackingProxy
from modelkeep.tracking.route_rules import TrackedKind

# The one type for which every client makes a single streamed PUT or GET, whatever the size (no multipart).
_TYPE = "GCP_SIGNED_URL"


async def list_artifacts(proxy: TrackingProxy, proxied: ProxiedCall) -> Response:
    """A directory of a run; a file's own entry where the path names a file."""
    run_id = proxied.call.text("run_id")
    run = answers.show(
        await proxy.ask("GET", "/api/2.0/mlflow/runs/get", query=f"run_id={run_id}"), proxied.client_locations
    )
    return await _listing(proxy, "run", run_id, proxied.call.text("path"), run["run"]["info"]["artifact_uri"])


async def list_logged_model_artifacts(proxy: TrackingProxy, proxied: ProxiedCall) -> Response:
    """A directory of a logged model."""
    model_id = proxied.call.text("model_id")
    model = answers.show(await proxy.ask("GET", f"/api/2.0/mlflow/logged-models/{model_id}"), proxied.client_locations)
    path = proxied.call.text("artifact_directory_path")
    return await _listing(proxy, "logged_model", model_id, path, model["model"]["info"]["artifact_uri"])


async def _listing(proxy: TrackingProxy, kind: str, name: str, path: str, root_uri: str) -> Response:
    if in_volume(root_uri):
        raise InvalidArgument(f"These artifacts are in a volume: list {root_uri} through the Files API.")
    entries = await _entries(proxy, kind, name, ArtifactPath.normalized(path).text)
    files: list[Json] = [_entry(entry.path, entry) for entry in entries]
    return answers.respond({"root_uri": root_uri, "files": files})


async def _entries(proxy: TrackingProxy, kind: str, name: str, directory: str) -> list[FileInfo]:
    entries = await proxy.files.list(kind, name, directory)
    if entries or not directory:
        return entries
    return [e for e in await proxy.files.list(kind, name, dirname(directory)) if e.path == directory and not e.is_dir]


def _entry(path: str, entry: FileInfo) -> Json:
    return {"path": path, "is_dir": entry.is_dir} | ({} if entry.is_dir else {"file_size": entry.size})


# --- URLs for single files -------------------------------------------------------------------------------------------


async def credentials_for_read(proxy: TrackingProxy, proxied: ProxiedCall) -> Response:
    """Signed GETs for files of a run."""
    return await _run_credentials(proxy, proxied, "GET")


async def credentials_for_write(proxy: TrackingProxy, proxied: ProxiedCall) -> Response:
    """Signed PUTs for files of a run."""
    return await _run_credentials(proxy, proxied, "PUT")


async def _run_credentials(proxy: TrackingProxy, proxied: ProxiedCall, method: str) -> Response:
    run_id = proxied.call.text("run_id")
    urls = await _sign(proxy, proxied, method, "run", run_id, _paths(proxied, "path"))
    return answers.respond({"credential_infos": [{"run_id": run_id} | _info(path, url) for path, url in urls]})


async def credentials_for_upload(proxy: TrackingProxy, proxied: ProxiedCall) -> Response:
    """Signed PUTs for files of a logged model."""
    return await _model_credentials(proxy, proxied, "PUT")


async def credentials_for_download(proxy: TrackingProxy, proxied: ProxiedCall) -> Response:
    """Signed GETs for files of a logged model."""
    return await _model_credentials(proxy, proxied, "GET")


async def _model_credentials(proxy: TrackingProxy, proxied: ProxiedCall, method: str) -> Response:
    model_id = proxied.call.text("model_id")
    urls = await _sign(proxy, proxied, method, "logged_model", model_id, _paths(proxied, "paths"))
    return answers.respond(
        {"credentials": [{"model_id": model_id, "credential_info": _info(p, url)} for p, url in urls]}
    )


async def trace_upload(proxy: TrackingProxy, proxied: ProxiedCall) -> Response:
    """A signed PUT for the span data of a trace, or for one of its attachments."""
    return await _trace_credentials(proxy, proxied, "PUT")


async def trace_download(proxy: TrackingProxy, proxied: ProxiedCall) -> Response:
    """A signed GET for the span data of a trace, or for one of its attachments."""
    return await _trace_credentials(proxy, proxied, "GET")


async def _trace_credentials(proxy: TrackingProxy, proxied: ProxiedCall, method: str) -> Response:
    path = proxied.call.text("path") or TRACE_DATA
    urls = await _sign(proxy, proxied, method, "trace", proxied.call.text("request_id"), [path])
    return answers.respond({"credential_info": _info(*urls[0])})


def _paths(proxied: ProxiedCall, field: str) -> list[str]:
    value: Any = proxied.call.fields.get(field)
    paths = [value] if isinstance(value, str) else proxied.call.texts(field)
    if not 1 <= len(paths) <= MAX_PATHS:
        raise InvalidArgument(f"Field '{field}' must hold 1 to {MAX_PATHS} paths.")
    return paths


def _info(path: str, url: str) -> Json:
    return {"path": path, "signed_uri": url, "type": _TYPE, "headers": []}


async def _sign(
    proxy: TrackingProxy, proxied: ProxiedCall, method: str, kind: str, name: str, paths: Sequence[str]
) -> list[tuple[str, str]]:
    clean = [(path, ArtifactPath.normalized_file(path).text) for path in paths]
    urls = [(path, proxy.files.signed_url(proxied.actor, method, kind, name, text)) for path, text in clean]
    event = "artifact.read_url" if method == "GET" else "artifact.write_url"
    proxy.auditor.vended(proxy.event(proxied, event, [(kind, name)]))
    return [(path, absolute(proxied, url)) for path, url in urls]


def absolute(proxied: ProxiedCall, url: str) -> str:
    """A URL on this server with the address of the workspace that the client came to."""
    return proxied.request.site.address + url if url.startswith("/") else url


# --- MLflow's UI -----------------------------------------------------------------------------------------------------


async def run_file(proxy: TrackingProxy, proxied: ProxiedCall) -> Response:
    """A run's file, by a redirect to its signed URL."""
    return await _redirect(proxy, proxied, "run", proxied.call.text("run_id"), proxied.call.text("path"))


async def logged_model_file(proxy: TrackingProxy, proxied: ProxiedCall) -> Response:
    """A logged model's file."""
    path = proxied.call.text("artifact_file_path")
    return await _redirect(proxy, proxied, "logged_model", proxied.call.text("model_id"), path)


async def trace_file(proxy: TrackingProxy, proxied: ProxiedCall) -> Response:
    """A trace's span data, or one of its attachments."""
    path = proxied.call.text("path")
    path = f"{ATTACHMENTS}/{ArtifactPath.normalized_file(path)}" if path else TRACE_DATA
    return await _redirect(proxy, proxied, "trace", proxied.call.text("request_id"), path)


async def _redirect(proxy: TrackingProxy, proxied: ProxiedCall, kind: str, name: str, path: str) -> Response:
    ((_, url),) = await _sign(proxy, proxied, "GET", kind, name, [path])
    return Response(307, b"", [(b"location", url.encode()), (b"cache-control", b"no-store")])


# --- plain http clients ----------------------------------------------------------------------------------------------


async def place_of(proxy: TrackingProxy, actor: Actor, place: ArtifactPlace, level: Level) -> ArtifactPlace:
    """The same place, allowed: its ids belong together, the caller has the level. Raises NotFound, PermissionDenied."""
    kind = TrackedKind(place.kind)
    if await proxy.access.require(actor, kind, place.id, level) != place.experiment_id:
        raise missing(kind, place.id)
    return place


async def proxied_list(proxy: TrackingProxy, proxied: ProxiedCall) -> Response:
    """A directory; entries by their bare names."""
    place = await place_of(proxy, proxied.actor, proxied_place(proxied.call.text("path")), Level.READ)
    entries = await proxy.files.list(place.kind, place.id, place.path)
    if not listed_names.decodes(proxied.request.header(b"user-agent")):
        return answers.respond({"files": [_entry(basename(entry.path), entry) for entry in entries]})
    if not entries and (meant := listed_names.meant(place.path)) != place.path:
        entries = await proxy.files.list(place.kind, place.id, ArtifactPath(meant).text)
    return answers.respond({"files": [_entry(listed_names.listed(basename(entry.path)), entry) for entry in entries]})
