"""SCIM through the public tester of SCIM servers, against a real server."""

import re
from collections.abc import Iterator

import httpx
import httpx2
import pytest
from live import Server
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import Status, check_server

pytestmark = pytest.mark.clients

# What the tester wants and this server does otherwise, on purpose.
NOT_HERE = re.compile(
    r"(?:POST|PUT|PATCH|DELETE) \S+ returned 404 instead of 405"  # clients repeat a 405 for minutes
    r"|No API found for 'POST /api/2\.0/\S+/\.search'\."  # POST /.search over several types is optional
    r"|.*did not remove attribute 'active'"  # whoever is not inactive is active: there is no third state
    r"|Failed to add attribute 'applicationId'.*"  # it has one from the start
)


def otherwise(reason: str) -> bool:
    """The tester compares a member with what it sent, which had no name yet: any other difference counts."""
    if "unexpected value for 'members'" in reason:
        _, sent, returned = (line.partition(": ")[2] for line in re.sub(r"display=[^,]*, ", "", reason).splitlines())
        return sent == returned
    return NOT_HERE.fullmatch(reason) is not None


def account(server: Server) -> str:
    body = httpx.get(f"{server.host}/.well-known/databricks-config").json()
    return f"accounts/{body['account_id']}/scim/v2"


@pytest.fixture(params=["preview/scim/v2", "account"])
def scim(server: Server, request: pytest.FixtureRequest) -> Iterator[SyncSCIMClient]:
    path = account(server) if request.param == "account" else request.param
    headers = {"authorization": f"Bearer {server.admin_token}"}
    with httpx2.Client(base_url=f"{server.host}/api/2.0/{path}", headers=headers, timeout=30) as http:
        yield SyncSCIMClient(http)


def test_the_public_tester_passes(scim: SyncSCIMClient) -> None:
    results = check_server(scim)
    wrong = [
        f"{r.resource_type} {r.title}: {r.reason}"
        for r in results
        if r.status in (Status.ERROR, Status.CRITICAL, Status.DEVIATION) and not otherwise(r.reason or "")
    ]
    assert not wrong, "\n".join(wrong)
    assert {r.resource_type for r in results} == {None, "User", "Group", "ServicePrincipal"}
    assert sum(r.status is Status.SUCCESS for r in results) > 60
