"""Requests of `modelkeep doctor`, along the way that MLflow's requests take, and what a failure on that way means."""

import socket
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from modelkeep.cli.client_settings import ClientCredential, Finding, note, problem

TIMEOUT_S = 10
MAX_BODY_BYTES = 4 << 20
"""An answer that is longer is no answer of this server's."""
_CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""What `requests`, which MLflow uses, takes authorities from; it does not know SSL_CERT_FILE (requests/sessions.py)."""


class Failed(Exception):
    """A request got no answer. `finding` says why, and what to do."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.message)
        self.finding = finding


class ServerProbe:
    """Sends requests to one server, and to the addresses of its signed URLs."""

    def __init__(self, host: str, environment: Mapping[str, str]) -> None:
        """Raises Failed if the authorities of certificates cannot be read."""
        self.host = host
        self.headers: dict[str, str] = {}
        self.auth: tuple[str, str] | None = None
        self._client = httpx.Client(timeout=TIMEOUT_S, verify=_authorities(environment), follow_redirects=False)

    def sign_in(self, credential: ClientCredential) -> httpx.Response | None:
        """Uses the credential for what follows. Returns the refusal if a client id and secret get no token."""
        if credential.token:
            self.headers = {"Authorization": f"Bearer {credential.token}"}
        elif credential.client_id:
            pair = credential.client_id, credential.client_secret
            answer = self.send("POST", "/oidc/v1/token", data={"grant_type": "client_credentials"}, auth=pair)
            token = fields_of(answer).get("access_token") if answer.status_code == 200 else None
            if not isinstance(token, str):
                return answer
            self.headers = {"Authorization": f"Bearer {token}"}
        else:
            self.auth = credential.username, credential.password
        return None

    def get(self, path: str, **query: Any) -> httpx.Response:
        """A signed GET to the server. Raises Failed."""
        return self.send("GET", path, params=query, headers=self.headers, auth=self.auth)

    def post(self, path: str, body: dict[str, Any]) -> httpx.Response:
        """A signed POST to the server. Raises Failed."""
        return self.send("POST", path, json=body, headers=self.headers, auth=self.auth)

    def delete(self, path: str) -> httpx.Response:
        """A signed DELETE to the server. Raises Failed."""
        return self.send("DELETE", path, headers=self.headers, auth=self.auth)

    def send(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        """Any request: to the server for a path, else to the address that `path` is. Raises Failed."""
        url = path if "://" in path else self.host + path
        at = f"{urlsplit(url).scheme}://{urlsplit(url).netloc}"
        try:
            with self._client.stream(method, url, **arguments) as answer:
                body = b""
                for chunk in answer.iter_bytes():
                    body += chunk
                    if len(body) > MAX_BODY_BYTES:
                        break
                return httpx.Response(answer.status_code, headers=answer.headers, content=body, request=answer.request)
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            raise Failed(explain(error, at)) from error

    def close(self) -> None:
        self._client.close()


def fields_of(answer: httpx.Response) -> dict[str, Any]:
    """The JSON object of an answer; {} if it has none."""
    try:
        fields: Any = answer.json()
    except ValueError:
        return {}
    return cast("dict[str, Any]", fields) if isinstance(fields, dict) else {}


def message_of(answer: httpx.Response) -> str:
    """What the server says of a failure: its message, else its status."""
    message = fields_of(answer).get("message")
    return message if isinstance(message, str) and message else f"It answers with status {answer.status_code}."


def _authorities(environment: Mapping[str, str]) -> ssl.SSLContext:
    for variable in _CA_VARIABLES:
        if path := environment.get(variable):
            try:
                folder = Path(path).is_dir()
                return ssl.create_default_context(cafile=None if folder else path, capath=path if folder else None)
            except (OSError, ssl.SSLError) as error:
                finding = problem(f"{variable} names '{path}', which holds no certificates. Correct it, or unset it.")
                raise Failed(finding) from error
    import certifi

    return ssl.create_default_context(cafile=certifi.where())


def way(host: str, environment: Mapping[str, str]) -> Iterator[Finding]:
    """What is unusual about the way to the server, as its environment says."""
    if proxy := proxy_of(host):
        yield note(f"Requests to {host} go through the proxy {proxy}. Add its name to NO_PROXY if they should not.")
    if environment.get("MLFLOW_TRACKING_INSECURE_TLS", "").lower() in ("true", "1"):
        yield note(
            "MLFLOW_TRACKING_INSECURE_TLS is on, so MLflow trusts any certificate. Unset it, and name your authority in "
            "REQUESTS_CA_BUNDLE."
        )


def proxy_of(address: str) -> str:
    """The proxy that requests to an address take, without its user and password; '' if there is none."""
    parts = urlsplit(address)
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all") or ""
    if not proxy or proxy_bypass(parts.netloc):
        return ""
    at = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    return f"{at.scheme}://{at.netloc.rpartition('@')[2]}"


def explain(error: Exception, at: str) -> Finding:
    """What kept a request to `at` from its answer."""
    causes = list(_causes(error))
    reason = next((str(cause) for cause in reversed(causes) if str(cause)), type(error).__name__)[:300]
    if (proxy := proxy_of(at)) and isinstance(error, httpx.ProxyError | httpx.ConnectError | httpx.ConnectTimeout):
        return problem(
            f"The proxy {proxy} does not pass requests to {at} on ({reason}). Ask its operator, or add the name to NO_PROXY."
        )
    if isinstance(error, httpx.TimeoutException):
        return problem(
            f"{at} did not answer within {TIMEOUT_S} seconds. Check the address, your VPN, and the firewalls between."
        )
    certificate = [cause for cause in causes if isinstance(cause, ssl.SSLCertVerificationError)]
    if certificate or "CERTIFICATE_VERIFY_FAILED" in reason:
        reason = certificate[0].verify_message if certificate else reason
        return problem(
            f"The certificate of {at} is not trusted here ({reason}). Name your authority's file in REQUESTS_CA_BUNDLE "
            "and in SSL_CERT_FILE."
        )
    if any(isinstance(cause, ssl.SSLError) for cause in causes) or "SSL" in reason:
        return problem(f"{at} does not speak TLS ({reason}). Check whether it is http or https, and the port.")
    if any(isinstance(cause, socket.gaierror) for cause in causes) or isinstance(error, UnicodeError):
        return problem(f"The name in {at} does not resolve ({reason}). Check its spelling, your DNS, and your VPN.")
    if isinstance(error, httpx.ConnectError):
        return problem(f"{at} takes no connection ({reason}). Check the port, and whether the server runs.")
    return problem(f"The connection to {at} broke ({reason}). Check the port, and the proxies between.")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
