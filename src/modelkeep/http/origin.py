"""Which requests a browser sends for another site's page, and how their body is declared."""

import re

from modelkeep.domain.addresses import is_loopback
from modelkeep.domain.errors import PermissionDenied
from modelkeep.http.messages import Request

_UNDECLARED = ("", "application/x-www-form-urlencoded")


def json_type(request: Request) -> str:
    """The content type by which a JSON body is read.

    `curl -d` declares a form, or nothing. Both are read as JSON if the request carries a bearer token, which no other site's page can
    send. With a cookie or with HTTP Basic the body must be declared: browsers send forms and undeclared bodies across sites."""
    content_type = request.header(b"content-type")
    if content_type.partition(";")[0].strip().lower() not in _UNDECLARED:
        return content_type
    bearer = request.header(b"authorization").partition(" ")[0].lower() == "bearer"
    if bearer and (not request.header(b"origin") or _from_own_page(request)):
        return "application/json"
    return content_type or "text/plain"


def check_origin(request: Request) -> None:
    """A browser's request that changes something must come from our own pages. Raises PermissionDenied."""
    if request.method in ("GET", "HEAD"):
        return
    if not _from_own_page(request):
        raise PermissionDenied(
            "This request comes from another site's page. Send it from Modelkeep's own pages, or with a token."
        )


def _from_own_page(request: Request) -> bool:
    origin = request.header(b"origin")
    site = request.header(b"sec-fetch-site")
    host = request.header(b"host")
    scheme, _, source = origin.partition("://")
    # Whatever its address is, the server speaks plain http on this machine.
    plain = scheme == "http" and is_loopback(re.sub(r":[0-9]+$", "", host).strip("[]"))
    expected = plain or scheme == request.site.address.partition("://")[0]
    return bool(origin) and source == host and expected and site in ("", "same-origin")
