"""`modelkeep doctor`: against a real server where all is well, and against each way in which a client's side is not."""

import json
import os
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import pytest
from api.filing import MLMODEL, Shelf
from api.serving import UC, Site, site
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from live import Server, free_port
from typer.testing import CliRunner

from modelkeep.cli import app, exits, mlflow_settings
from modelkeep.cli.client_settings import ClientSettings, FindingLevel, read
from modelkeep.cli.diagnosis import ProbedUrl, _download, diagnose
from modelkeep.cli.server_probe import ServerProbe, proxy_of

__all__ = ["site"]
pytest_plugins = ("backends", "api.filing")

VARIABLES = ("DATABRICKS_", "MLFLOW_", "REQUESTS_", "CURL_", "HTTP", "http", "ALL_PROXY", "NO_PROXY", "no_proxy")


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of the shell that runs the tests."""
    for name in [name for name in os.environ if name.startswith(VARIABLES)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))


def client_of(site: Site | Shelf, token: str = "") -> dict[str, str]:
    return {
        "DATABRICKS_HOST": site.host,
        "DATABRICKS_TOKEN": token or site.admin,
        "MLFLOW_TRACKING_URI": "databricks",
        "MLFLOW_REGISTRY_URI": "databricks-uc",
    }


def messages(findings: Any, *levels: FindingLevel) -> list[str]:
    return [finding.message for finding in findings if finding.level in levels]


def problems(environment: Mapping[str, str], volume: str = "") -> list[str]:
    return messages(diagnose(environment, volume), FindingLevel.PROBLEM)


# --- all is well -----------------------------------------------------------------------------------------------------


def test_a_client_that_works(server: Server, catalog: str) -> None:
    server.cli("volumes", "create", f"{catalog}.ml_team.scratch")
    done = CliRunner().invoke(app, ["doctor", "--volume", f"{catalog}.ml_team.scratch"], env=server.env())
    assert done.exit_code == 0, done.output
    assert not [line for line in done.output.splitlines() if line.startswith("problem")]
    for sentence in (
        "The workspace takes runs.",
        "Files can be uploaded to",
        "You are admin in workspace default",
        "No problem.",
    ):
        assert sentence in done.output
    assert server.admin_token not in done.output
    assert json.loads(server.cli("volumes", "list", f"{catalog}.ml_team", "--json"))[0]["name"] == "scratch"


def test_files_go_both_ways_and_nothing_stays(shelf: Shelf, tmp_path: Path) -> None:
    """In a folder behind the server, and in a store that clients reach themselves."""
    schema = shelf.schema()
    (tmp_path / "MLmodel").write_bytes(MLMODEL)
    register = ["models", "register", f"{schema}.m", "--folder", str(tmp_path)]
    assert CliRunner().invoke(app, register, env=client_of(shelf)).exit_code == 0
    catalog, _, name = schema.partition(".")
    shelf.ok(
        "POST", f"{UC}/volumes", {"catalog_name": catalog, "schema_name": name, "name": "v", "volume_type": "MANAGED"}
    )
    findings = list(diagnose(client_of(shelf), f"{schema}.v"))
    assert messages(findings, FindingLevel.PROBLEM) == []
    said = " ".join(messages(findings, FindingLevel.OK))
    assert "Files can be downloaded from" in said
    assert "Files can be uploaded to" in said
    assert shelf.ok("GET", f"/api/2.0/fs/directories/Volumes/{catalog}/{name}/v").get("contents", []) == []


def test_it_prints_json_and_ends_with_a_code(site: Site) -> None:
    done = CliRunner().invoke(app, ["doctor", "--json"], env=client_of(site, "dapi-wrong"))
    assert done.exit_code == exits.FINDINGS
    findings = json.loads(done.stdout)
    assert {finding["level"] for finding in findings} >= {"ok", "problem"}
    assert "dapi-wrong" not in done.stdout


def test_who_the_token_is_and_how_long(site: Site) -> None:
    name, _ = site.user()
    token = site.ok("POST", "/api/modelkeep/v1/tokens", {"principal": name, "lifetime_seconds": 7200})["token_value"]
    findings = list(diagnose(client_of(site, token)))
    assert any(f"You are {name} in workspace default" in said for said in messages(findings, FindingLevel.OK))
    assert any("expires in 2 hours" in said for said in messages(findings, FindingLevel.NOTE))


def test_a_server_without_a_workspace_and_a_version(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    _, token = site.user()
    notes = " ".join(messages(diagnose(client_of(site, token)), FindingLevel.NOTE))
    for part in ("keeps no runs, only models", "No version with files is visible", "No upload was tried"):
        assert part in notes
    monkeypatch.setattr("modelkeep.cli.diagnosis.version", lambda package: "9.9.9")
    assert f"The server is Modelkeep {version('modelkeep')}, and this command is of 9.9.9." in " ".join(
        messages(diagnose(client_of(site, token)), FindingLevel.NOTE)
    )


def test_a_volume_that_does_not_take_the_file(site: Site) -> None:
    _, token = site.user()
    for volume in ("nothing.at.all", "one", "a.b.c.d"):
        [said] = problems(client_of(site, token), volume)
        assert said.startswith(f"Nothing can be uploaded to volume '{volume}': ")


# --- what the environment says ---------------------------------------------------------------------------------------

GOOD = {"DATABRICKS_HOST": "https://models.example.com", "DATABRICKS_TOKEN": "dapi1"}
PROFILES = "[DEFAULT]\nhost = https://one.example.com\ntoken = dapi-one\n[two]\nhost = https://two.example.com/\ntoken = dapi-two\n"


@pytest.mark.parametrize(
    ("environment", "host", "source", "token"),
    [
        (GOOD, "https://models.example.com", "DATABRICKS_HOST", "dapi1"),
        ({}, "https://one.example.com", "Profile 'DEFAULT'", "dapi-one"),
        ({"DATABRICKS_CONFIG_PROFILE": "two"}, "https://two.example.com", "Profile 'two'", "dapi-two"),
        ({"MLFLOW_TRACKING_URI": "databricks://two"}, "https://two.example.com", "Profile 'two'", "dapi-two"),
        ({"MLFLOW_REGISTRY_URI": "databricks-uc://two"}, "https://two.example.com", "Profile 'two'", "dapi-two"),
        ({"DATABRICKS_TOKEN": "dapi3"}, "https://one.example.com", "Profile 'DEFAULT'", "dapi3"),
        ({**GOOD, "DATABRICKS_TOKEN": ""}, "https://models.example.com", "DATABRICKS_HOST", ""),
        (
            {"DATABRICKS_HOST": "models.example.com:8443/", "DATABRICKS_TOKEN": "t"},
            "https://models.example.com:8443",
            "DATABRICKS_HOST",
            "t",
        ),
    ],
)
def test_where_a_client_goes(tmp_path: Path, environment: dict[str, str], host: str, source: str, token: str) -> None:
    (tmp_path / ".databrickscfg").write_text(PROFILES)
    settings = read({"HOME": str(tmp_path), **environment})
    assert (settings.host, settings.source, settings.credential.token) == (host, source, token)


@pytest.mark.parametrize(
    ("environment", "host", "token"),
    [
        ({"MLFLOW_TRACKING_URI": "http://127.0.0.1:5000", "MLFLOW_TRACKING_TOKEN": "t"}, "http://127.0.0.1:5000", "t"),
        ({"MLFLOW_REGISTRY_URI": "uc:http://localhost:8080", "MLFLOW_UC_OSS_TOKEN": "t"}, "http://localhost:8080", "t"),
    ],
)
def test_where_a_client_without_databricks_goes(environment: dict[str, str], host: str, token: str) -> None:
    settings = read(environment)
    assert (settings.host, settings.credential.token, messages(settings.findings, *FindingLevel)) == (host, token, [])


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, "No server is named"),
        ({"DATABRICKS_CONFIG_PROFILE": "none"}, "has no profile 'none', which DATABRICKS_CONFIG_PROFILE names"),
        ({"MLFLOW_TRACKING_URI": "databricks://none"}, "which MLFLOW_TRACKING_URI names"),
        ({"DATABRICKS_CONFIG_FILE": "/proc"}, "cannot be read"),
        (GOOD | {"DATABRICKS_HOST": "https://"}, "which is not an address"),
        (GOOD | {"DATABRICKS_HOST": "ftp://x"}, "which is not an address"),
        (GOOD | {"DATABRICKS_HOST": "https://a b"}, "which is not an address"),
        (GOOD | {"DATABRICKS_HOST": "https://a:99999"}, "which is not an address"),
        (GOOD | {"DATABRICKS_HOST": "https://[::1"}, "which is not an address"),
        (GOOD | {"DATABRICKS_TOKEN": ""}, "There is no credential"),
        (GOOD | {"DATABRICKS_TOKEN": '"dapi1"'}, "characters that no token has"),
        (GOOD | {"DATABRICKS_TOKEN": "dapi1\n"}, "characters that no token has"),
        (GOOD | {"DATABRICKS_TOKEN": "dapï1"}, "characters that no token has"),
        (GOOD | {"DATABRICKS_CLIENT_ID": "i", "DATABRICKS_CLIENT_SECRET": "s"}, "refuses two ways to sign in"),
        ({"MLFLOW_TRACKING_URI": "http://localhost:5000"}, "MLFLOW_TRACKING_TOKEN is not set"),
        ({"MLFLOW_REGISTRY_URI": "uc:http://localhost:8080"}, "MLFLOW_UC_OSS_TOKEN is not set"),
    ],
)
def test_a_problem_of_the_environment(tmp_path: Path, environment: dict[str, str], said: str) -> None:
    assert said in " ".join(messages(read({"HOME": str(tmp_path), **environment}).findings, FindingLevel.PROBLEM))


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        (GOOD | {"DATABRICKS_HOST": "models.example.com"}, "has no scheme"),
        (GOOD | {"DATABRICKS_HOST": "https://models.example.com/explore?x=1"}, "has the path '/explore'"),
        (GOOD | {"DATABRICKS_HOST": "http://models.example.com"}, "crosses the network in clear"),
        (GOOD, "profile 'DEFAULT' has https://one.example.com"),
    ],
)
def test_a_note_on_the_environment(tmp_path: Path, environment: dict[str, str], said: str) -> None:
    (tmp_path / ".databrickscfg").write_text(PROFILES)
    settings = read({"HOME": str(tmp_path), **environment})
    assert said in " ".join(messages(settings.findings, FindingLevel.NOTE))
    assert messages(settings.findings, FindingLevel.PROBLEM) == []


def test_files_of_profiles_that_are_no_such_files(tmp_path: Path) -> None:
    for text in ("host = x", "[a]\nhost", "[a]\n[a]", "\0"):
        (tmp_path / ".databrickscfg").write_text(text)
        assert messages(read({"HOME": str(tmp_path)}).findings, FindingLevel.PROBLEM), text


# --- MLflow ----------------------------------------------------------------------------------------------------------


def of_mlflow(installed: str | None, monkeypatch: pytest.MonkeyPatch, **fields: str) -> list[tuple[FindingLevel, str]]:
    monkeypatch.setattr(mlflow_settings, "installed_version", lambda: installed)
    settings = ClientSettings(host="https://models.example.com", **fields)  # pyright: ignore[reportArgumentType]
    return [(finding.level, finding.message) for finding in mlflow_settings.mlflow_findings(settings)]


@pytest.mark.parametrize(
    ("installed", "level", "said"),
    [
        (None, FindingLevel.NOTE, "not installed beside this command"),
        ("1.30.0", FindingLevel.PROBLEM, "too old"),
        ("2.8.1", FindingLevel.PROBLEM, "too old"),
        ("2.9.0", FindingLevel.NOTE, "temporary credentials"),
        ("2.13.0", FindingLevel.NOTE, "temporary credentials"),
        ("2.13.1", FindingLevel.NOTE, "an old generation"),
        ("3.0.0rc1", FindingLevel.OK, "works here"),
        ("3.17.2", FindingLevel.OK, "works here"),
        ("3.99.0.dev0", FindingLevel.NOTE, "newer than 3.17"),
    ],
)
def test_the_age_of_mlflow(
    monkeypatch: pytest.MonkeyPatch, installed: str | None, level: FindingLevel, said: str
) -> None:
    finding = of_mlflow(installed, monkeypatch, tracking_uri="databricks", registry_uri="databricks-uc")[0]
    assert finding[0] == level
    assert said in finding[1]


def test_the_newest_mlflow_is_the_one_that_tests_use() -> None:
    assert mlflow_settings.numbers(version("mlflow"))[:2] == mlflow_settings.NEWEST_TESTED


@pytest.mark.parametrize(
    ("installed", "tracking", "registry", "said"),
    [
        (
            "3.1",
            "",
            "",
            ["problem: MLFLOW_TRACKING_URI is not set", "problem: MLFLOW_REGISTRY_URI is not set, so models"],
        ),
        ("3.1", "databricks", "", []),
        ("3.1", "databricks://p", "databricks-uc://p", []),
        ("2.22", "databricks", "", ["problem: MLFLOW_REGISTRY_URI is not set, and MLflow 2.22"]),
        ("3.1", "databricks", "databricks", ["note: MLFLOW_REGISTRY_URI is databricks"]),
        ("3.1", "https://models.example.com", "", []),
        ("3.1", "https://models.example.com/", "uc:https://models.example.com", []),
        (
            "3.1",
            "https://models.example.com.evil.io",
            "databricks-uc",
            ["note: MLFLOW_TRACKING_URI is 'https://models"],
        ),
        ("3.1", "sqlite:///x.db", "databricks-uc", ["note: MLFLOW_TRACKING_URI is 'sqlite:///x.db'"]),
        ("3.1", "databricks", "postgresql://u:s3cret@h/d", ["note: MLFLOW_REGISTRY_URI is 'postgresql://...@h/d'"]),
    ],
)
def test_where_mlflow_keeps_runs_and_models(
    monkeypatch: pytest.MonkeyPatch, installed: str, tracking: str, registry: str, said: list[str]
) -> None:
    findings = of_mlflow(installed, monkeypatch, tracking_uri=tracking, registry_uri=registry)[1:]
    assert len(findings) == len(said)
    for (level, message), start in zip(findings, said, strict=True):
        assert f"{level}: {message}".startswith(start)


# --- the way to the server -------------------------------------------------------------------------------------------


class Handler(BaseHTTPRequestHandler):
    status = 200
    body = b""
    fields: ClassVar[dict[str, str]] = {}

    def do_GET(self) -> None:
        self.send_response_only(self.status)
        for name, value in {"content-length": str(len(self.body)), **self.fields}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(self.body)

    do_PUT = do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None: ...


@contextmanager
def answering(
    status: int, body: bytes = b"", certificate: Path | None = None, **fields: str
) -> Iterator[dict[str, str]]:
    """A server that gives one answer, and the environment of a client of it."""
    handler = type("One", (Handler,), {"status": status, "body": body, "fields": fields})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        scheme = "https" if certificate else "http"
        yield GOOD | {"DATABRICKS_HOST": f"{scheme}://127.0.0.1:{server.server_port}"}
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "body", "fields", "said"),
    [
        (
            301,
            b"",
            {"location": "https://models.example.com/x"},
            "redirects to https://models.example.com. Set DATABRICKS_HOST",
        ),
        (404, b'{"error_code": "ENDPOINT_NOT_FOUND"}', {}, "no workspace has this address"),
        (404, b"<html>", {}, "answers with status 404, not as a Modelkeep server"),
        (200, b"<html>", {}, "answers with status 200, not as a Modelkeep server"),
        (200, b"[]", {}, "answers with status 200, not as a Modelkeep server"),
        (502, b"bad gateway", {}, "does not answer now: It answers with status 502."),
        (429, b'{"message": "Slow down."}', {}, "does not answer now: Slow down."),
    ],
)
def test_another_server_answers(status: int, body: bytes, fields: dict[str, str], said: str) -> None:
    with answering(status, body, **fields) as environment:
        assert said in " ".join(problems(environment))


@pytest.mark.parametrize("seconds", [-3600, 3600])
def test_a_clock_that_differs(seconds: int) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)
    with answering(200, b'{"oidc_endpoint": ""}', date=date) as environment:
        said = " ".join(problems(environment))
        assert f"seconds {'behind' if seconds > 0 else 'ahead of'} the server's" in said


def test_no_way_to_the_server(tmp_path: Path) -> None:
    closed = {**GOOD, "DATABRICKS_HOST": f"http://127.0.0.1:{free_port()}"}
    assert "takes no connection" in " ".join(problems(closed))
    unknown = {**GOOD, "DATABRICKS_HOST": "http://models.invalid"}
    assert "does not resolve" in " ".join(problems(unknown))
    long = {**GOOD, "DATABRICKS_HOST": f"http://{'x' * 70}.invalid"}
    assert "does not resolve" in " ".join(problems(long))
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up() -> None:
            for _ in range(2):
                with listener.accept()[0] as connection:
                    connection.recv(1000)
                    connection.sendall(b"SSH-2.0-x\r\n")

        Thread(target=hang_up, daemon=True).start()
        port = listener.getsockname()[1]
        assert "broke" in " ".join(problems({**GOOD, "DATABRICKS_HOST": f"http://127.0.0.1:{port}"}))
        assert "does not speak TLS" in " ".join(problems({**GOOD, "DATABRICKS_HOST": f"https://127.0.0.1:{port}"}))


def test_a_server_that_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modelkeep.cli.server_probe.TIMEOUT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        environment = {**GOOD, "DATABRICKS_HOST": f"http://127.0.0.1:{listener.getsockname()[1]}"}
        assert "did not answer within 0.2 seconds" in " ".join(problems(environment))


def certificate_of(folder: Path) -> Path:
    """A certificate for 127.0.0.1 that no authority has signed, with its key."""
    import ipaddress

    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name.from_rfc4514_string("CN=127.0.0.1")
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + built.public_bytes(serialization.Encoding.PEM))
    return path


def test_a_certificate_that_is_not_trusted(tmp_path: Path) -> None:
    certificate = certificate_of(tmp_path)
    with answering(404, b"", certificate) as environment:
        assert "is not trusted here (self-signed certificate)" in " ".join(problems(environment))
        trusted = environment | {"REQUESTS_CA_BUNDLE": str(certificate)}
        assert "not as a Modelkeep server" in " ".join(problems(trusted)), "the way is open"
        for wrong in (tmp_path / "none.pem", Path("/dev/null")):
            said = " ".join(problems(environment | {"REQUESTS_CA_BUNDLE": str(wrong)}))
            assert f"REQUESTS_CA_BUNDLE names '{wrong}', which holds no certificates" in said


def test_a_proxy_on_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://user:s3cret@127.0.0.1:{free_port()}")
    environment = {**GOOD, "DATABRICKS_HOST": "http://models.example.com", "MLFLOW_TRACKING_INSECURE_TLS": "true"}
    findings = list(diagnose(environment))
    said = " ".join(messages(findings, *FindingLevel))
    assert "go through the proxy http://127.0.0.1:" in said
    assert "MLFLOW_TRACKING_INSECURE_TLS is on" in said
    assert "does not pass requests to http://models.example.com on" in " ".join(
        messages(findings, FindingLevel.PROBLEM)
    )
    assert "s3cret" not in said
    monkeypatch.setenv("no_proxy", "example.com")
    assert proxy_of("http://models.example.com") == ""


@pytest.mark.parametrize(("status", "said"), [(403, "refuses a signed URL (status 403)"), (503, "(status 503)")])
def test_a_store_that_refuses_a_signed_url(status: int, said: str) -> None:
    with answering(status) as environment:
        host = environment["DATABRICKS_HOST"]
        findings = list(
            _download(ServerProbe(host, environment), "m, version 1", ProbedUrl(f"{host}/bucket/key?X-Amz=1"))
        )
        assert said in " ".join(messages(findings, FindingLevel.PROBLEM))


def test_a_store_that_is_not_reached() -> None:
    store = f"http://127.0.0.1:{free_port()}"
    findings = list(_download(ServerProbe("http://127.0.0.1", {}), "m, version 1", ProbedUrl(f"{store}/bucket/key")))
    said = messages(findings, FindingLevel.PROBLEM)
    assert f"{store} takes no connection" in said[0]
    assert f"Model files travel between this machine and {store} itself." in said[1]


# --- what the server says --------------------------------------------------------------------------------------------


def test_a_credential_that_the_server_refuses(site: Site) -> None:
    assert "does not accept the credential" in " ".join(problems(client_of(site, "dapi-nothing")))
    name, token = site.user()
    site.ok("PATCH", f"/api/modelkeep/v1/users/{name}", {"active": False})
    assert "does not accept the credential" in " ".join(problems(client_of(site, token)))
    client = {"DATABRICKS_HOST": site.host, "DATABRICKS_CLIENT_ID": "none", "DATABRICKS_CLIENT_SECRET": "s"}
    assert "does not accept the credential" in " ".join(problems(client))


def test_a_service_principal_signs_in(site: Site) -> None:
    def run(*words: str) -> Any:
        done = CliRunner().invoke(app, [*words, "--json"], env=client_of(site))
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    name = run("service-principals", "create", f"robot-{site.schema()}")["name"]
    secret = run("service-principals", "create-secret", name)["secret"]
    client = {"DATABRICKS_HOST": site.host, "DATABRICKS_CLIENT_ID": name, "DATABRICKS_CLIENT_SECRET": secret}
    assert f"You are {name} in workspace default" in " ".join(messages(diagnose(client), FindingLevel.OK))
