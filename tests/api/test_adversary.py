"""What an attacker sends in place of a credential, through every way in: the API's header, the token endpoint, the sign-in page
and an OpenID provider's answer. Each way is first shown to let the honest in; else the refusals would prove nothing."""

import base64
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from api.serving import V1, Site, one_minute, refused, running_site
from issuer import Issuer, key, running_issuer
from joserfc.jwk import ECKey, OctKey

from modelkeep.limits import SIGN_IN_PAIRS

__all__ = ["one_minute"]
ME = "/api/2.0/preview/scim/v2/Me"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
JWT = "urn:ietf:params:oauth:token-type:jwt"
CLIENT = "registry"
ON_BEHALF = "/api/2.0/token-management/on-behalf-of/tokens"
WAYS = ("exchange", "provider", "header", "form")


@dataclass
class Lab:
    """A server that trusts `one` (its OpenID provider, too) and `two`, and the issuer of an attacker."""

    site: Site
    first: Issuer
    two: Issuer
    evil: Issuer
    robot: str
    at: str = ""
    """The Host header of the workspace that all of it goes through; '' is the default one."""

    @property
    def here(self) -> dict[str, str]:
        return {"host": self.at} if self.at else {}

    def exchange(self, token: str, **fields: str) -> httpx.Response:
        form = {"grant_type": EXCHANGE, "subject_token_type": JWT, "subject_token": token, "client_id": self.robot}
        return httpx.post(f"{self.site.host}/oidc/v1/token", data={**form, **fields}, headers=self.here)

    def form(self, token: str) -> httpx.Response:
        origin = f"https://{self.at}" if self.at else self.site.host
        return httpx.post(f"{self.site.host}/login", data={"token": token}, headers={"origin": origin, **self.here})

    def begin(self) -> tuple[dict[str, str], str]:
        """(what the provider was told, the cookie) of a sign-in that begins in a new browser."""
        answer = httpx.get(f"{self.site.host}/login/provider?next=/docs", headers=self.here)
        assert answer.status_code == 303, answer.text
        fields = {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}
        return fields, answer.headers["set-cookie"].partition(";")[0]

    def back(self, cookie: str, **query: str) -> httpx.Response:
        """The browser comes back from the provider."""
        return httpx.get(f"{self.site.host}/login/callback", params=query, headers={"cookie": cookie, **self.here})

    def provider(self, make: "Attack") -> httpx.Response:
        """A whole sign-in, with this as the provider's answer to the code."""
        answer, cookie = self.begin()
        self.first.answers["/token"] = {"id_token": make(self, self.claims("provider", nonce=answer["nonce"]))}
        return self.back(cookie, state=answer["state"], code="c", iss=self.first.url)

    def claims(self, way: str, **fields: Any) -> dict[str, Any]:
        return self.first.claims(aud=CLIENT if way == "provider" else "modelkeep", **fields)

    def try_(self, way: str, make: "Attack") -> httpx.Response:
        if way == "provider":
            return self.provider(make)
        token = make(self, self.claims(way))
        if way == "header":
            answers = [(b"authorization", b"Bearer " + token.encode()), *self.here.items()]
            return httpx.get(f"{self.site.host}{ME}", headers=answers)  # type: ignore[arg-type]
        return self.form(token) if way == "form" else self.exchange(token)


Attack = Callable[[Lab, dict[str, Any]], str]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with ExitStack() as stack:
        first, two, evil = (stack.enter_context(running_issuer(name)) for name in ("one", "two", "evil"))
        site = stack.enter_context(
            running_site(
                tmp_path_factory.mktemp("site"),
                trusted_issuers=two.url,
                oidc_issuer=first.url,
                oidc_client_id=CLIENT,
                oidc_client_secret="s3cret",
                oidc_user_claim="preferred_username",
            )
        )
        result = Lab(site, first, two, evil, robot(site)[1])
        trust(site, result.robot, first.url)
        yield result


def robot(site: Site) -> tuple[str, str]:
    """(number, application id) of a new service principal."""
    body = site.call("POST", "/api/2.0/preview/scim/v2/ServicePrincipals", {"displayName": "r"}).json()
    return body["id"], body["applicationId"]


def policies(site: Site, name: str) -> str:
    account = site.ok("GET", "/.well-known/databricks-config")["account_id"]
    fields = {"filter": f'applicationId eq "{name}"'}
    number = site.ok("GET", "/api/2.0/preview/scim/v2/ServicePrincipals", fields)["Resources"][0]["id"]
    return f"/api/2.0/accounts/{account}/servicePrincipals/{number}/federationPolicies"


def trust(site: Site, name: str, issuer: str, **rule: Any) -> None:
    fields = {"issuer": issuer, "subject": "job-1", "audiences": ["modelkeep"], **rule}
    site.ok("POST", policies(site, name), {"oidc_policy": fields})


def let_in(answer: httpx.Response) -> bool:
    return (
        (answer.status_code == 200 and "access_token" in answer.text)
        or (answer.status_code == 303 and "modelkeep_session=mkw_" in answer.headers.get("set-cookie", ""))
        or (answer.status_code == 200 and "userName" in answer.text)
    )


# --- forged tokens ---------------------------------------------------------------------------------------------------


def part(value: Any) -> str:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def with_(**changed: Any) -> Attack:
    """Signed as it should be, with other claims."""

    def make(lab: Lab, claims: dict[str, Any]) -> str:
        fields = {name: value(lab) if callable(value) else value for name, value in changed.items()}
        return lab.first.sign({name: value for name, value in {**claims, **fields}.items() if value is not None})

    return make


def header(**fields: Any) -> Attack:
    """Signed by the attacker's key, with this in the header."""

    def make(lab: Lab, claims: dict[str, Any]) -> str:
        values = {name: value(lab) if callable(value) else value for name, value in fields.items()}
        return lab.first.sign(claims, by=lab.evil.key, **values)

    return make


def unsigned(alg: str) -> Attack:
    return lambda lab, claims: f"{part({'alg': alg, 'kid': lab.first.key.kid})}.{part(claims)}."


def with_public_key(lab: Lab, claims: dict[str, Any]) -> str:
    """By hand: no library signs that."""
    text = f"{part({'alg': 'HS256', 'kid': lab.first.key.kid})}.{part(claims)}"
    return f"{text}.{part(hmac.digest(lab.first.key.as_pem(private=False), text.encode(), 'sha256'))}"


def resigned(change: Callable[[str], str]) -> Attack:
    return lambda lab, claims: change(lab.first.sign(claims))


def now(seconds: float) -> float:
    return time.time() + seconds


FORGED: dict[str, Attack] = {
    "alg none": unsigned("none"),
    "alg None": unsigned("None"),
    "alg NONE": unsigned("NONE"),
    "no alg": unsigned(""),
    "alg none, with a signature": lambda lab, claims: (
        unsigned("none")(lab, claims) + lab.first.sign(claims).split(".")[2]
    ),
    "HS256 with the public key": with_public_key,
    "HS512 with a short secret": lambda lab, claims: lab.first.sign(
        claims, by=OctKey.import_key("secret" * 12), alg="HS512"
    ),
    "foreign key under the trusted kid": header(),
    "foreign key of another kind": lambda lab, claims: lab.first.sign(
        claims, by=ECKey.generate_key("P-256"), alg="ES256"
    ),
    "unknown kid": header(kid="evil"),
    "no such kid: a path": header(kid="../../keys"),
    "no kid": header(kid=""),
    "key of another trusted issuer": lambda lab, claims: lab.first.sign(claims, by=lab.two.key),
    "key of another trusted issuer, under its kid": lambda lab, claims: lab.first.sign(
        claims, by=lab.two.key, kid="two"
    ),
    "key URL in the header": header(jku=lambda lab: f"{lab.evil.url}/keys", kid="evil"),
    "certificate URL in the header": header(x5u=lambda lab: f"{lab.evil.url}/keys", kid="evil"),
    "key in the header": header(jwk=lambda lab: lab.evil.key.as_dict(private=False), kid="evil"),
    "critical header": lambda lab, claims: lab.first.sign(claims, crit=["kid"]),
    "expired": with_(exp=lambda lab: int(now(-61))),
    "expired long ago": with_(exp=1),
    "no exp": with_(exp=None),
    "exp is text": with_(exp="2999999999"),
    "exp is true": with_(exp=True),
    "exp is NaN": with_(exp=float("nan")),
    "exp is infinite": with_(exp=float("inf")),
    "exp is a list": with_(exp=[2999999999]),
    "nbf in the future": with_(nbf=lambda lab: int(now(180))),
    "nbf is text": with_(nbf="soon"),
    "issued in the future": with_(iat=lambda lab: int(now(180))),
    "other audience": with_(aud="other"),
    "audience list without ours": with_(aud=["other", "another"]),
    "no audience": with_(aud=None),
    "empty audience": with_(aud=[]),
    "audience that begins like ours": with_(aud="modelkeep2"),
    "audience of lists": with_(aud=[["modelkeep"], {"registry": 1}]),
    "any audience": with_(aud="*"),
    "issuer with a slash": with_(iss=lambda lab: lab.first.url + "/"),
    "no issuer": with_(iss=None),
    "issuer in capitals": with_(iss=lambda lab: lab.first.url.upper()),
    "issuers": with_(iss=lambda lab: [lab.first.url]),
    "look-alike issuer": with_(iss=lambda lab: f"{lab.first.url}.evil.example"),
    "issuer before an @": with_(iss=lambda lab: f"{lab.first.url}@{urlsplit(lab.evil.url).netloc}"),
    "the attacker's issuer": lambda lab, claims: lab.evil.sign({**claims, "iss": lab.evil.url}),
    "another trusted issuer": lambda lab, claims: lab.two.sign({**claims, "iss": lab.two.url}),
    "no subject": with_(sub=None),
    "empty subject": with_(sub=""),
    "subject is a list": with_(sub=["job-1"]),
    "without its signature": resigned(lambda token: token.rpartition(".")[0]),
    "with an empty signature": resigned(lambda token: token.rpartition(".")[0] + "."),
    "truncated": resigned(lambda token: token[:-20]),
    "in halves": resigned(lambda token: token[: len(token) // 2]),
    "one bit of the claims": resigned(lambda token: token.replace(".ey", ".ez", 1)),
    "four parts": resigned(lambda token: f"{token}.x"),
    "twice": resigned(lambda token: f"{token},{token}"),
    "with spaces inside": resigned(lambda token: token.replace(".", ". ")),
    "oversized": with_(padding="x" * 20_000),
    "a JWE": lambda lab, claims: ".".join(["e30"] * 5),
    "deep claims": lambda lab, claims: f"{part({'alg': 'RS256', 'kid': 'one'})}.{part(b'[' * 9000)}.x",
    "header is a list": lambda lab, claims: f"{part([])}.{part(claims)}.x",
    "claims are text": lambda lab, claims: "e30.InRleHQi.x",
    "garbage": lambda lab, claims: "garbage",
    "dots": lambda lab, claims: "..",
    "of no base64": lambda lab, claims: "!.!.!",
    "UTF-8": lambda lab, claims: "ключ.é.\N{PILE OF POO}",
    "an API's path": lambda lab, claims: "../../etc/passwd",
    "SQL": lambda lab, claims: "' OR 1=1 --",
    "the id of nobody": lambda lab, claims: str(uuid.uuid4()),
}


@pytest.mark.parametrize("way", ["exchange", "provider"])
def test_the_honest_are_let_in(lab: Lab, way: str) -> None:
    """With clocks that differ by less than a minute, too, and with keys of every kind."""
    for good in (
        with_(),
        with_(exp=lambda lab: now(-50)),
        with_(nbf=lambda lab: int(now(50)), iat=lambda lab: int(now(50))),
        with_(iat=None),
        with_(aud=["modelkeep", "more"] if way == "exchange" else [CLIENT]),
        with_(extra={"a": [1]}),
    ):
        answer = lab.try_(way, good)
        assert let_in(answer), answer.text


@pytest.mark.parametrize("way", WAYS)
def test_no_forged_token_is_taken(lab: Lab, way: str) -> None:
    lab.evil.requests.clear()
    lab.first.requests.clear()
    for name, make in FORGED.items():
        answer = lab.try_(way, make)
        assert not let_in(answer), name
        assert answer.status_code in (400, 401), (name, answer.status_code, answer.text)
        assert "modelkeep_session=mkw_" not in answer.headers.get("set-cookie", ""), name
        if way == "header":
            refused(answer, 401, "UNAUTHENTICATED")
        if way == "exchange":
            assert set(answer.json()) == {"error", "error_description"}, name
            assert answer.headers["cache-control"] == "no-store"
    assert lab.evil.requests == [], "nobody is asked for what a token says of itself"
    assert set(lab.first.requests) <= {"/token", "/keys", "/.well-known/openid-configuration"}
    assert lab.first.requests.count("/keys") <= 1, "unknown keys do not make us ask again and again"


def test_two_issuers_refuse_each_others_tokens(lab: Lab) -> None:
    number, other = robot(lab.site)
    trust(lab.site, other, lab.two.url, audiences=["theirs"])
    assert number
    assert let_in(lab.exchange(lab.two.token(aud="theirs"), client_id=other))
    for token in (
        lab.first.token(),
        lab.first.token(aud="theirs"),
        lab.two.token(),
        lab.two.token(aud="theirs", sub="job-2"),
        lab.first.sign(lab.two.claims(aud="theirs")),
        lab.two.sign(lab.first.claims(aud="theirs")),
    ):
        assert not let_in(lab.exchange(token, client_id=other))
    assert not let_in(lab.exchange(lab.two.token(aud="theirs")))


def test_an_issuer_that_is_not_listed_is_asked_nothing(lab: Lab) -> None:
    _, name = robot(lab.site)
    path, rule = policies(lab.site, name), {"issuer": lab.evil.url, "subject": "job-1", "audiences": ["modelkeep"]}
    refused(
        lab.site.call("POST", path, {"oidc_policy": rule}), 400, "INVALID_PARAMETER_VALUE", "MODELKEEP_TRUSTED_ISSUERS"
    )
    uri = {**rule, "jwks_uri": f"{lab.evil.url}/keys"}
    refused(lab.site.call("POST", path, {"oidc_policy": uri}), 400, "INVALID_PARAMETER_VALUE", "jwks_uri")
    for keys in (
        "",
        "x",
        "[]",
        "{}",
        '{"keys": []}',
        '{"keys": [1]}',
        json.dumps({"keys": [OctKey.generate_key(256).as_dict()]}),
    ):
        if keys:
            fields = {**rule, "jwks_json": keys}
            refused(lab.site.call("POST", path, {"oidc_policy": fields}), 400, "INVALID_PARAMETER_VALUE")
    lab.site.ok("POST", path, {"oidc_policy": {**rule, "jwks_json": json.dumps({"keys": lab.evil.keys})}})
    assert let_in(lab.exchange(lab.evil.token(), client_id=name)), "its keys are in the policy"
    assert not let_in(lab.exchange(lab.evil.sign(lab.evil.claims(), by=key("one")), client_id=name))
    assert lab.evil.requests == []


# --- the provider's answers ------------------------------------------------------------------------------------------


def test_an_answer_is_taken_once(lab: Lab) -> None:
    answer, cookie = lab.begin()
    assert answer["code_challenge_method"] == "S256"
    lab.first.answers["/token"] = {"id_token": lab.first.sign(lab.claims("provider", nonce=answer["nonce"]))}
    query = {"state": answer["state"], "code": "c", "iss": lab.first.url}
    first = lab.back(cookie, **query)
    assert let_in(first)
    assert first.headers["location"] == "/docs"
    assert "modelkeep_sign_in=;" in first.headers["set-cookie"]
    sent = lab.first.forms[-1]
    assert part(hashlib.sha256(sent["code_verifier"].encode()).digest()) == answer["code_challenge"]
    again = lab.back(cookie, **query)
    assert not let_in(again)
    assert "used before" in again.text


def test_mixed_up_answers_are_refused(lab: Lab) -> None:
    reply, cookie = lab.begin()
    other, other_cookie = lab.begin()
    lab.first.answers["/token"] = {"id_token": lab.first.sign(lab.claims("provider", nonce=reply["nonce"]))}
    good = {"state": reply["state"], "code": "c", "iss": lab.first.url}
    name, _, value = cookie.partition("=")
    count = lab.first.requests.count("/token")
    for sent, query in (
        ("", good),
        (other_cookie, good),
        (cookie, {**good, "state": other["state"]}),
        (cookie, {**good, "state": ""}),
        (cookie, {"code": "c", "iss": lab.first.url}),
        (cookie, {**good, "iss": lab.two.url}),
        (cookie, {**good, "iss": ""}),
        (cookie, {**good, "iss": lab.first.url + "/"}),
        (cookie, {"state": reply["state"], "iss": lab.first.url}),
        (cookie, {**good, "code": ""}),
        (cookie, {**good, "error": "access_denied"}),
        (f"{name}={value[:-1]}", good),
        (f"{name}={value[3:]}", good),
        (f"{name}=x", good),
        (f"X{cookie}", good),
        (cookie, {}),
        (f"modelkeep_session={value}", good),
    ):
        answer = lab.back(sent, **query)
        assert not let_in(answer)
        assert answer.status_code == 401
    twice = httpx.get(
        f"{lab.site.host}/login/callback?state={reply['state']}&code=c&code=d", headers={"cookie": cookie}
    )
    assert twice.status_code == 401
    assert lab.first.requests.count("/token") == count, "no code goes to the provider"
    response = lab.back(cookie, **{**good, "error": "x", "error_description": "<script>alert(1)</script>"})
    assert "<script>" not in response.text
    assert let_in(lab.back(cookie, **good)), "after all that, the right one"


def test_a_provider_that_names_itself_must(lab: Lab, tmp_path: Path) -> None:
    """RFC 9207: one that promises `iss` in its answers, and whose answer has none. And userinfo is of who signed in."""
    with running_issuer("promises") as issuer:
        told_of = {"authorization_response_iss_parameter_supported": True, "userinfo_endpoint": f"{issuer.url}/me"}
        issuer.metadata.update(told_of)
        with running_site(tmp_path, oidc_issuer=issuer.url, oidc_client_id=CLIENT) as site:
            other = Lab(site, issuer, lab.two, lab.evil, "")
            answer, cookie = other.begin()
            signed = issuer.sign(other.claims("provider", nonce=answer["nonce"]))
            mine = {"sub": "job-1", "email": "a@x.io"}
            issuer.answers |= {"/token": {"id_token": signed, "access_token": "a"}, "/me": mine}
            assert not let_in(other.back(cookie, state=answer["state"], code="c"))
            query = {"state": answer["state"], "code": "c", "iss": issuer.url}
            for somebody in ({"sub": "job-2", "email": "b@x.io"}, {"email": "b@x.io"}, {}):
                issuer.answers["/me"] = somebody
                assert "somebody else" in other.back(cookie, **query).text
            issuer.answers["/me"] = mine
            assert let_in(other.back(cookie, **query))
            site.ok("GET", f"{V1}/users/a@x.io/identities")
            assert "client_secret" not in issuer.forms[-1]


@pytest.mark.parametrize(
    "make",
    [
        lambda lab, claims: lab.first.sign({**claims, "nonce": "another"}),
        lambda lab, claims: lab.first.sign({k: v for k, v in claims.items() if k != "nonce"}),
        lambda lab, claims: lab.first.sign({**claims, "aud": [CLIENT, "other"]}),
        lambda lab, claims: lab.first.sign({**claims, "azp": "other"}),
        lambda lab, claims: lab.first.sign({**claims, "aud": [CLIENT, "other"], "azp": "other"}),
        lambda lab, claims: lab.first.sign({**claims, "sub": "x" * 256}),
    ],
    ids=["other nonce", "no nonce", "two audiences", "other party", "two audiences, other party", "endless subject"],
)
def test_id_tokens_of_another_sign_in(lab: Lab, make: Attack) -> None:
    assert not let_in(lab.provider(make))


@pytest.mark.parametrize(
    "next", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/\r\nx: y"]
)
def test_the_way_back_stays_here(lab: Lab, next: str) -> None:
    answer = httpx.get(f"{lab.site.host}/login/provider", params={"next": next})
    fields = {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}
    assert fields["redirect_uri"] == f"{lab.site.host}/login/callback"
    cookie = answer.headers["set-cookie"].partition(";")[0]
    lab.first.answers["/token"] = {"id_token": lab.first.sign(lab.claims("provider", nonce=fields["nonce"]))}
    assert lab.back(cookie, state=fields["state"], code="c").headers["location"] == "/"


# --- the token endpoint ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def client(lab: Lab) -> tuple[str, str]:
    """(id, secret) of a service principal."""
    number, name = robot(lab.site)
    return name, lab.site.ok("POST", f"/api/2.0/accounts/servicePrincipals/{number}/credentials/secrets", {})["secret"]


def token_request(site: Site, form: Any, **fields: Any) -> httpx.Response:
    return httpx.post(f"{site.host}/oidc/v1/token", data=form, **fields)


GRANT = {"grant_type": "client_credentials", "scope": "all-apis"}


def test_a_secret_is_good_for_its_own_client_at_the_token_endpoint(lab: Lab, client: tuple[str, str]) -> None:
    name, secret = client
    reply = token_request(lab.site, GRANT, auth=client)
    assert (reply.status_code, reply.json()["expires_in"], reply.headers["cache-control"]) == (200, 3600, "no-store")
    assert let_in(token_request(lab.site, {**GRANT, "client_id": name, "client_secret": secret}))
    access = reply.json()["access_token"]
    assert lab.site.ok("GET", ME, token=access)["userName"] == name
    _, pat = lab.site.user()
    for id, wrong in (
        (name, ""),
        (name, secret[:-1]),
        (name, secret + "x"),
        (name, secret.upper()),
        (lab.robot, secret),
        ("", secret),
        ("admin", secret),
        (name, access),
        (name, pat),
        (name, lab.site.admin),
        (f"{name}'--", secret),
        ("*", secret),
        (name, f"{secret}\x00"),
    ):
        answer = token_request(lab.site, GRANT, auth=(id, wrong))
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client"), (id, answer.text)
        assert answer.headers["www-authenticate"].startswith("Basic")
    for stolen in (secret, f"{name}:{secret}"):
        refused(lab.site.call("GET", ME, token=stolen), 401, "UNAUTHENTICATED", "not known")
        assert not let_in(lab.form(stolen))
    assert not let_in(lab.form(access)), "an hour must not become a day"


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"scope": "all-apis"}, "unsupported_grant_type"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        # A client with a secret is no tool on a person's computer.
        ({"grant_type": "authorization_code", "code": "x"}, "invalid_request"),
        ({"grant_type": "refresh_token", "refresh_token": "x"}, "invalid_request"),
        ({**GRANT, "scope": "sql"}, "invalid_scope"),
        ({**GRANT, "scope": "all-apis offline_access"}, "invalid_scope"),
        ({**GRANT, "authorization_details": "[]"}, "invalid_scope"),
        ({**GRANT, "assume_group": "1"}, "invalid_scope"),
        ({**GRANT, "client_secret": "x"}, "invalid_request"),
        ({**GRANT, "client_id": "another"}, "invalid_request"),
        ("grant_type=client_credentials&grant_type=x", "invalid_request"),
        ("grant_type=%ff", "invalid_request"),
        ("&".join(f"a{i}=1" for i in range(SIGN_IN_PAIRS + 1)), "invalid_request"),
        ("x" * 70_000, "invalid_request"),
    ],
)
def test_malformed_token_requests(lab: Lab, client: tuple[str, str], form: Any, error: str) -> None:
    type = (
        {"headers": {"content-type": "application/x-www-form-urlencoded"}, "content": form}
        if isinstance(form, str)
        else {}
    )
    answer = httpx.post(f"{lab.site.host}/oidc/v1/token", auth=client, **(type or {"data": form}))
    assert (answer.status_code, answer.json()["error"]) == (400, error), answer.text


def test_other_shapes_of_token_requests(lab: Lab, client: tuple[str, str]) -> None:
    url = f"{lab.site.host}/oidc/v1/token"
    for item in ({"json": GRANT}, {"content": b""}, {"files": {"grant_type": b"client_credentials"}}):
        assert httpx.post(url, auth=client, **item).status_code == 400
    for value in ("Basic", "Basic !", "Basic " + "x" * 9000, "Bearer x", f"Digest {client[0]}"):
        assert httpx.post(url, data=GRANT, headers={"authorization": value}).status_code in (400, 401)
    assert httpx.get(url).status_code == 404
    assert (
        lab.exchange("x", subject_token_type="urn:databricks:params:oauth:token-type:personal-access-token").status_code
        == 400
    )
    assert (
        lab.exchange(
            lab.first.token(), requested_token_type="urn:ietf:params:oauth:token-type:refresh_token"
        ).status_code
        == 400
    )
    base = f"{lab.site.host}/oidc/accounts/{uuid.uuid4()}"
    assert httpx.get(f"{base}/.well-known/oauth-authorization-server").status_code == 404
    assert httpx.post(f"{base}/v1/token", data=GRANT, auth=client).status_code == 404


@pytest.mark.usefixtures("one_minute")
def test_guesses_end_at_every_door(tmp_path_factory: pytest.TempPathFactory, lab: Lab) -> None:
    with running_site(
        tmp_path_factory.mktemp("strict"), unknown_tokens_per_minute=3, oidc_issuer=lab.first.url, oidc_client_id=CLIENT
    ) as site:
        number, name = robot(site)
        secret = site.ok("POST", f"/api/2.0/accounts/servicePrincipals/{number}/credentials/secrets", {})["secret"]
        assert let_in(token_request(site, GRANT, auth=(name, secret)))
        strict = Lab(site, lab.first, lab.two, lab.evil, name)
        for _ in range(3):  # each door counts for itself
            tries = [token_request(site, GRANT, auth=(name, "x")), strict.exchange("x"), strict.back("", code="c")]
            assert [answer.status_code for answer in tries] == [401, 401, 401]
        late = [token_request(site, GRANT, auth=(name, "x")), strict.exchange("x"), strict.back("", code="c")]
        assert [answer.status_code for answer in late] == [429] * 3
        assert let_in(token_request(site, GRANT, auth=(name, secret))), "what is valid is no guess"
        trust(site, name, lab.first.url)
        assert let_in(strict.exchange(lab.first.token())), "nor is an assertion that is seen for the first time"
        assert httpx.get(f"{site.host}/login/provider").status_code == 303, "the way to the provider stays open"


# --- holders ---------------------------------------------------------------------------------------------------------


class Holder:
    """Somebody with one credential of every kind, and how each is used."""

    def __init__(self, lab: Lab) -> None:
        self.site = lab.site
        self.number, self.robot = robot(lab.site)
        self.user, self.pat = lab.site.user()
        subject = f"s-{uuid.uuid4().hex[:8]}"
        lab.site.ok("POST", f"{V1}/users/{self.user}/identities", {"issuer": lab.first.url, "subject": subject})
        self.secrets = f"/api/2.0/accounts/servicePrincipals/{self.number}/credentials/secrets"
        result = lab.site.ok("POST", self.secrets, {})
        self.secret_id, self.secret = result["id"], result["secret"]
        trust(lab.site, self.robot, lab.first.url)
        self.policy = policies(lab.site, self.robot)
        reply = with_(sub=subject)
        answer = lab.provider(reply)
        assert let_in(answer), answer.text
        self.sessions = {
            "session by provider": answer.headers["set-cookie"].partition(";")[0],
            "session by token": lab.site.session(self.pat),
        }
        self.tokens = {
            "personal token": self.pat,
            "on-behalf-of token": lab.site.ok("POST", ON_BEHALF, {"application_id": self.robot})["token_value"],
            "access token by secret": token_request(lab.site, GRANT, auth=(self.robot, self.secret)).json()[
                "access_token"
            ],
            "access token by federation": lab.exchange(lab.first.token(), client_id=self.robot).json()["access_token"],
        }
        self.link = {"issuer": lab.first.url, "subject": subject}

    def alive(self) -> set[str]:
        """The kinds that are let in now."""
        fields = {
            kind: self.site.call("GET", ME, token="", headers={"cookie": cookie})
            for kind, cookie in self.sessions.items()
        }
        fields |= {kind: self.site.call("GET", ME, token=token) for kind, token in self.tokens.items()}
        assert {answer.status_code for answer in fields.values()} <= {200, 401}
        return {kind for kind, answer in fields.items() if answer.status_code == 200}


ALL = {
    "personal token",
    "on-behalf-of token",
    "session by provider",
    "session by token",
    "access token by secret",
    "access token by federation",
}


def test_whatever_a_credential_came_from_ends_it_at_once(lab: Lab) -> None:
    holder, site = Holder(lab), lab.site
    alive = set(ALL)
    assert holder.alive() == alive
    site.ok("DELETE", f"{holder.secrets}/{holder.secret_id}")
    assert holder.alive() == alive - {"access token by secret"}
    (policy,) = site.ok("GET", holder.policy)["policies"]
    site.ok("PATCH", f"{holder.policy}/{policy['policy_id']}", {"description": "changed"})
    assert holder.alive() == alive - {"access token by secret", "access token by federation"}
    assert site.call("DELETE", f"{V1}/users/{holder.user}/identities", holder.link).status_code == 200
    assert holder.alive() == {"personal token", "on-behalf-of token", "session by token"}
    listed = site.ok("GET", f"{V1}/tokens", token=holder.pat)["tokens"]
    site.ok("DELETE", f"{V1}/tokens/{next(row['token_id'] for row in listed if row['kind'] == 'PERSONAL')}")
    assert holder.alive() == {"on-behalf-of token"}


@pytest.mark.parametrize("how", ["deactivated", "deleted"])
def test_credentials_end_with_their_holder(lab: Lab, how: str) -> None:
    holder, site = Holder(lab), lab.site
    assert holder.alive() == ALL
    for path in (f"{V1}/users/{holder.user}", f"{V1}/service-principals/{holder.robot}"):
        site.ok("PATCH", path, {"active": False}) if how == "deactivated" else site.ok("DELETE", path)
    assert holder.alive() == set()
    assert not let_in(token_request(site, GRANT, auth=(holder.robot, holder.secret)))
    assert not let_in(lab.exchange(lab.first.token(), client_id=holder.robot))
    if how == "deactivated":
        assert not let_in(lab.provider(with_(sub=holder.link["subject"])))


def test_short_lived_tokens_end_with_time_and_with_what_they_came_from(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Expiry is read from our clock at each request."""
    from modelkeep.api import authentication

    holder = Holder(lab)
    brief = lab.site.ok("POST", holder.secrets, {"lifetime": "100s"})["secret"]
    body = token_request(lab.site, GRANT, auth=(holder.robot, brief)).json()
    assert body["expires_in"] <= 100, "no longer than the secret itself"
    real = authentication.now_ms
    monkeypatch.setattr(authentication, "now_ms", lambda: real() + 3_600_000)
    assert holder.alive() == ALL - {"access token by secret", "access token by federation"}
    monkeypatch.setattr(authentication, "now_ms", lambda: real() + 12 * 3_600_000)
    assert holder.alive() == {"personal token", "on-behalf-of token"}


def test_secrets_are_shown_once_and_kept_as_hashes(lab: Lab, client: tuple[str, str]) -> None:
    holder = Holder(lab)
    texts = [
        lab.site.call("GET", path).text for path in (holder.secrets, f"{V1}/audit?max_results=1000", f"{V1}/tokens")
    ]
    stored = b"".join(f.read_bytes() for f in lab.site.registry.settings.data.glob("modelkeep.db*"))
    for secret in (holder.secret, *holder.tokens.values(), *(c.partition("=")[2] for c in holder.sessions.values())):
        assert secret not in "".join(texts)
        assert secret.encode() not in stored
    events = lab.site.ok("GET", f"{V1}/audit", {"max_results": 1000})["events"]
    assert {"token.issue", "session.start", "secret.create", "federation.create", "identity.link"} <= {
        e["event"] for e in events
    }
