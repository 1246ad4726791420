"""Clients that put names of directories into URLs as they are: what they meant, and what they can ask for.

MLflow lists a version's files by `GET /api/2.0/fs/directories/Models/<...>/<directory>`, and does not quote the directory
(mlflow/store/artifact/presigned_url_artifact_repo.py). `requests` then cuts the URL at `#` and `?`, decodes escapes of letters
and digits, keeps the other escapes, and quotes what a URL cannot hold. So such a client gets paths of directories that come
back unchanged: with `#`, `?` and `%` escaped. Files it asks for in JSON, by the paths that they have.
"""

import re

from modelkeep.http.messages import Request

_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")
_SAFE = frozenset(b"!#$%&'()*+,/:;=?@[]~-._0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
"""What `requests` leaves as it is: an escape of such a byte was there before."""
_VERSIONS = "/Models/"
_ESCAPED = str.maketrans({"#": "%23", "?": "%3F", "%": "%25"})


def does_not_quote(request: Request, path: str) -> bool:
    """MLflow lists a directory of a version: databricks-sdk, which quotes, says what it accepts in its own calls."""
    agent = request.header(b"user-agent")
    return (
        path.startswith(_VERSIONS)
        and request.header(b"accept") in ("", "*/*")
        and (agent.startswith("mlflow-python-client/") or "databricks-sdk-py/" in agent)
    )


def meant(raw: bytes) -> str | None:
    """The path as such a client had it before `requests` quoted the rest; None where that is no UTF-8."""
    try:
        return _ESCAPE.sub(_unquoted, raw).decode()
    except UnicodeDecodeError:
        return None


def _unquoted(match: re.Match[bytes]) -> bytes:
    byte = int(match[1], 16)
    return match[0] if byte in _SAFE else bytes((byte,))


def askable(path: str) -> str:
    """A directory's path as it comes back from a client that does not quote."""
    return path.translate(_ESCAPED)
