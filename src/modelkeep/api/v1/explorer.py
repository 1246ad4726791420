"""What the web pages read beyond the other dialects: who I am, search, versions with all that is known, files, what is stored."""

import re
from typing import Any

import msgspec

from modelkeep.api.v1 import answers
from modelkeep.core.operation import SourceOrigin
from modelkeep.core.operations.catalog import explorer
from modelkeep.core.operations.models import signed_registration, versions
from modelkeep.domain.authorization import Actor
from modelkeep.domain.errors import InvalidArgument
from modelkeep.domain.kinds import RULES, Kind
from modelkeep.domain.model import ArtifactFile, ModelVersion, Page
from modelkeep.domain.names import comment_etag, parse_full_name, parse_version
from modelkeep.domain.paths import ArtifactPath
from modelkeep.http.messages import JSON, Request, Response
from modelkeep.http.routing import Answer, NoFields, Route

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class ExplorerSearch(msgspec.Struct, frozen=True):
    query: str = ""
    kinds: str = ""
    """separated by commas; none: all"""
    tag: str = ""
    owner: str = ""
    order_by: str = ""
    """`updated` for the newest change first; else by how well the name fits"""
    max_results: int | None = None
    page_token: str = ""


class ExplorerVersions(msgspec.Struct, frozen=True):
    full_name: str
    max_results: int | None = None
    page_token: str = ""


class ExplorerVersion(msgspec.Struct, frozen=True):
    full_name: str
    version: str


class Register(msgspec.Struct, frozen=True):
    """A model of a run: its logged model (`model_id`), or the directory of the run's artifacts that `path` names."""

    full_name: str
    run_id: str
    model_id: str = ""
    path: str = ""
    comment: str = ""


class ExplorerFiles(ExplorerVersion, frozen=True):
    max_results: int | None = None
    page_token: str = ""


def _search(f: ExplorerSearch) -> explorer.SearchSecurables:
    kinds = tuple(kind.strip() for kind in f.kinds.split(",") if kind.strip())
    return explorer.SearchSecurables(
        f.query, kinds, f.tag, f.owner, f.order_by == "updated", f.max_results, f.page_token
    )


def _list_versions(f: ExplorerVersions) -> versions.ListVersions:
    return versions.ListVersions(parse_full_name(f.full_name, Kind.MODEL), f.max_results, f.page_token)


def _get_version(f: ExplorerVersion) -> versions.GetVersion:
    return versions.GetVersion(parse_full_name(f.full_name, Kind.MODEL), parse_version(f.version))


def _register(f: Register) -> signed_registration.RegisterSigned:
    """Raises InvalidArgument."""
    if bool(f.model_id) == bool(f.path):
        raise InvalidArgument("Send either model_id or path: the logged model, or a directory of the run's artifacts.")
    if not _ID.fullmatch(f.model_id or f.run_id) or not _ID.fullmatch(f.run_id):
        raise InvalidArgument("run_id and model_id are ids of MLflow: letters, digits, _ and -.")
    path = ArtifactPath.parse(f.path).text
    origin = SourceOrigin("logged_model", f.model_id) if f.model_id else SourceOrigin("run", f.run_id, path)
    return signed_registration.RegisterSigned(
        name=parse_full_name(f.full_name, Kind.MODEL),
        origin=origin,
        run_id=f.run_id,
        logged_model_id=f.model_id,
        source=f"models:/{f.model_id}" if f.model_id else f"runs:/{f.run_id}/{path}",
        comment=f.comment,
    )


def _list_files(f: ExplorerFiles) -> explorer.ListFiles:
    return explorer.ListFiles(
        parse_full_name(f.full_name, Kind.MODEL), parse_version(f.version), f.max_results, f.page_token
    )


def _me(me: explorer.Me, _: Any) -> explorer.Me:
    return me


def _results(page: Page[explorer.FoundSecurable], _: Any) -> answers.FoundPage:
    return {"results": [_result(item) for item in page.items], "next_page_token": page.next_token}


def _result(item: explorer.FoundSecurable) -> answers.SearchResult:
    s = item.securable
    return {
        "kind": s.kind,
        "full_name": s.full_name,
        "comment": s.comment,
        "owner": s.owner,
        "updated_at": s.updated_at,
        "tags": [{"key": key, "value": value} for key, value in s.tags.items()],
        "aliases": item.aliases,
        "browse_only": item.browse_only,
    }


def version_info(v: ModelVersion, _: Any = None) -> answers.VersionInfo:
    return {
        "full_name": v.model,
        "version": v.version,
        "status": v.status,
        "status_message": v.status_message,
        "source": v.source,
        "run_id": v.run_id,
        "experiment_id": v.experiment_id,
        "comment": v.comment,
        "created_at": v.created_at,
        "created_by": v.created_by,
        "updated_at": v.updated_at,
        "updated_by": v.updated_by,
        "model_id": v.logged_model_id,
        "aliases": v.aliases,
        "tags": [{"key": key, "value": value} for key, value in v.tags.items()],
        "params": v.params,
        "metrics": v.metrics,
        "signature": msgspec.json.decode(v.signature) if v.signature.startswith("{") else None,
        "copied_from": msgspec.json.decode(v.copied_from) if v.copied_from else None,
        "workspace_id": v.workspace_id,
        "etag": comment_etag(v.comment),
    }


def _versions(page: Page[ModelVersion], _: Any) -> answers.VersionPage:
    return {"versions": [version_info(v) for v in page.items], "next_page_token": page.next_token}


def _files(page: Page[ArtifactFile], _: Any) -> answers.VersionFiles:
    return {
        "files": [
            {"path": f.path, "size": f.size, "sha256": f.sha256, "modified_at": f.modified_at} for f in page.items
        ],
        "next_page_token": page.next_token,
    }


def _storage(storage: explorer.Storage, _: Any) -> explorer.Storage:
    return storage


def routes(v1: str) -> list[Route]:
    """`v1`: the prefix of Modelkeep's own acts."""
    grantable = msgspec.json.encode(
        {"securables": [{"type": kind, "privileges": sorted(rules.grantable)} for kind, rules in RULES.items()]}
    )

    async def privileges(request: Request, actor: Actor, path: dict[str, str]) -> Response:
        """What can be granted on each kind of securable."""
        return Response(200, grantable, [(b"content-type", JSON)])

    of_model = f"{v1}/models/{{full_name}}/versions"
    return [
        Route("GET", f"{v1}/me", NoFields, lambda _: explorer.GetMe(), _me),
        Route("GET", f"{v1}/search", ExplorerSearch, _search, _results),
        Route("GET", f"{v1}/privileges", handler=privileges, answers=(Answer(type=answers.Privileges),)),
        Route("POST", of_model, Register, _register, version_info),
        Route("GET", of_model, ExplorerVersions, _list_versions, _versions),
        Route("GET", f"{of_model}/{{version}}", ExplorerVersion, _get_version, version_info),
        Route("GET", f"{of_model}/{{version}}/files", ExplorerFiles, _list_files, _files),
        Route("GET", f"{v1}/storage", NoFields, lambda _: explorer.GetStorage(), _storage),
    ]
