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


async def list_artifacts(desk: TrackingProxy, visit: ProxiedCall) -> Response:
    """A directory of a run; a file's own entry where the path names a file."""
    run_id = visit.call.text("run_id")
    run = answers.show(
        await desk.ask("GET", "/api/2.0/mlflow/runs/get", query=f"run_id={run_id}"), visit.client_locations
    )
    return await _listing(desk, "run", run_id, visit.call.text("path"), run["run"]["info"]["artifact_uri"])


async def list_logged_model_artifacts(desk: TrackingProxy, visit: ProxiedCall) -> Response:
    """A directory of a logged model."""
    model_id = visit.call.text("model_id")
    model = answers.show(await desk.ask("GET", f"/api/2.0/mlflow/logged-models/{model_id}"), visit.client_locations)
    path = visit.call.text("artifact_directory_path")
    return await _listing(desk, "logged_model", model_id, path, model["model"]["info"]["artifact_uri"])


async def _listing(desk: TrackingProxy, kind: str, name: str, path: str, root_uri: str) -> Response:
    if in_volume(root_uri):
        raise InvalidArgument(f"These artifacts are in a volume: list {root_uri} through the Files API.")
    entries = await _entries(desk, kind, name, ArtifactPath.normalized(path).text)
    files: list[Json] = [_entry(entry.path, entry) for entry in entries]
    return answers.respond({"root_uri": root_uri, "files": files})


async def _entries(desk: TrackingProxy, kind: str, name: str, directory: str) -> list[FileInfo]:
    entries = await desk.files.list(kind, name, directory)
    if entries or not directory:
        return entries
    return [e for e in await desk.files.list(kind, name, dirname(directory)) if e.path == directory and not e.is_dir]


def _entry(path: str, entry: FileInfo) -> Json:
    return {"path": path, "is_dir": entry.is_dir} | ({} if entry.is_dir else {"file_size": entry.size})


# --- URLs for single files -------------------------------------------------------------------------------------------


async def credentials_for_read(desk: TrackingProxy, visit: ProxiedCall) -> Response:
    """Signed GETs for files of a run."""
    return await _run_credentials(desk, visit, "GET")


async def credentials_for_write(desk: TrackingProxy, visit: ProxiedCall) -> Response:
    """Signed PUTs for files of a run."""
    return await _run_credentials(desk, visit, "PUT")


async def _run_credentials(desk: TrackingProxy, visit: ProxiedCall, method: str) -> Response:
    run_id = visit.call.text("run_id")
    urls = await _sign(desk, visit, method, "run", run_id, _paths(visit, "path"))
    return answers.respond({"credential_infos": [{"run_id": run_id} | _info(path, url) for path, url in urls]})


async def credentials_for_upload(desk: TrackingProxy, visit: ProxiedCall) -> Response:
    """Signed PUTs for files of a logged model."""
    return await _model_credentials(desk, visit, "PUT")


async def credentials_for_download(desk: TrackingProxy, visit: ProxiedCall) -> Response:
    """Signed GETs for files of a logged model."""
    return await _model_credentials(desk, visit, "GET")


async def _model_credentials(desk: TrackingProxy, visit: ProxiedCall, method: str) -> Response:
    model_id = visit.call.text("model_id")
    urls = await _sign(desk, visit, method, "logged_model", model_id, _paths(visit, "paths"))
    return answers.respond(
        {"credentials": [{"model_id": model_id, "credential_info": _info(p, url)} for p, url in urls]}
    )


async def trace_upload(desk: TrackingProxy, visit: ProxiedCall) -> Response:
    """A signed PUT for the span data of a trace, or for one of its attachments."""
    return await _trace_credentials(desk, visit, "PUT")


async def trace_download(desk: TrackingProxy, visit: ProxiedCall) -> Response:
    """A signed GET for the span data of a trace, or for one of its attachments."""
    return await _trace_credentials(desk, visit, "GET")


async def _trace_credentials(desk: TrackingProxy, visit: ProxiedCall, method: str) -> Response:
    path = visit.call.text("path") or TRACE_DATA
    urls = await _sign(desk, visit, method, "trace", visit.call.text("request_id"), [path])
    return answers.respond({"credential_info": _info(*urls[0])})


def _paths(visit: ProxiedCall, field: str) -> list[str]:
    value: Any = visit.call.fields.get(field)
    paths = [value] if isinstance(value, str) else visit.call.texts(field)
    if not 1 <= len(paths) <= MAX_PATHS:
        raise InvalidArgument(f"Field '{field}' must hold 1 to {MAX_PATHS} paths.")
    return paths


def _info(path: str, url: str) -> Json:
    return {"path": path, "signed_uri": url, "type": _TYPE, "headers": []}


async def _sign(
    desk: TrackingProxy, visit: ProxiedCall, method: str, kind: str, name: str, paths: Sequence[str]
) -> list[tuple[str, str]]:
    clean = [(path, ArtifactPath.normalized_file(path).text) for path in paths]
    urls = [(path, desk.files.signed_url(visit.actor, method, kind, name, text)) for path, text in clean]
    event = "artifact.read_url" if method == "GET" else "artifact.write_url"
    desk.auditor.vended(desk.event(visit, event, [(kind, name)]))
    return [(path, absolute(visit, url)) for path, url in urls]


def absolute(visit: ProxiedCall, url: str) -> str:
    """A URL on this server with the address of the workspace that the client came to."""
    return visit.request.site.address + url if url.startswith("/") else url


# --- MLflow's UI -----------------------------------------------------------------------------------------------------


async def run_file(desk: TrackingProxy, visit: ProxiedCall) -> Response:
    """A run's file, by a redirect to its signed URL."""
    return await _redirect(desk, visit, "run", visit.call.text("run_id"), visit.call.text("path"))


async def logged_model_file(desk: TrackingProxy, visit: ProxiedCall) -> Response:
    """A logged model's file."""
    path = visit.call.text("artifact_file_path")
    return await _redirect(desk, visit, "logged_model", visit.call.text("model_id"), path)


async def trace_file(desk: TrackingProxy, visit: ProxiedCall) -> Response:
    """A trace's span data, or one of its attachments."""
    path = visit.call.text("path")
    path = f"{ATTACHMENTS}/{ArtifactPath.normalized_file(path)}" if path else TRACE_DATA
    return await _redirect(desk, visit, "trace", visit.call.text("request_id"), path)


async def _redirect(desk: TrackingProxy, visit: ProxiedCall, kind: str, name: str, path: str) -> Response:
    ((_, url),) = await _sign(desk, visit, "GET", kind, name, [path])
    return Response(307, b"", [(b"location", url.encode()), (b"cache-control", b"no-store")])


# --- plain http clients ----------------------------------------------------------------------------------------------


async def place_of(desk: TrackingProxy, actor: Actor, place: ArtifactPlace, level: Level) -> ArtifactPlace:
    """The same place, allowed: its ids belong together, the caller has the level. Raises NotFound, PermissionDenied."""
    kind = TrackedKind(place.kind)
    if await desk.access.require(actor, kind, place.id, level) != place.experiment_id:
        raise missing(kind, place.id)
    return place


async def proxied_list(desk: TrackingProxy, visit: ProxiedCall) -> Response:
    """A directory; entries by their bare names."""
    place = await place_of(desk, visit.actor, proxied_place(visit.call.text("path")), Level.READ)
    entries = await desk.files.list(place.kind, place.id, place.path)
    if not listed_names.decodes(visit.request.header(b"user-agent")):
        return answers.respond({"files": [_entry(basename(entry.path), entry) for entry in entries]})
    if not entries and (meant := listed_names.meant(place.path)) != place.path:
        entries = await desk.files.list(place.kind, place.id, ArtifactPath(meant).text)
    return answers.respond({"files": [_entry(listed_names.listed(basename(entry.path)), entry) for entry in entries]})
