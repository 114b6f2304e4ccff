"""Flow A over https; every answer is held against the description that is served."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from werkzeug.test import TestResponse

from policy.model import Binding
from tests.unit.portal.identity.issuers import Issuer, Wallet
from tests.unit.portal.portals import HOST, OTHER, PHONE, Portal

URL = f"{HOST}/app/v1/session"
TYPES = {"string": str, "integer": int, "boolean": bool, "object": dict}


@pytest.fixture
def provider(issuer: Issuer) -> str:
    return issuer.url


@dataclass
class App:
    """The city's app on one phone."""

    portal: Portal
    issuer: Issuer
    wallet: Wallet = field(default_factory=Wallet)
    phone: Binding = PHONE

    def post(self, path: str, **options: Any) -> TestResponse:
        answer = self.portal.client(self.phone).post(path, **options)
        assert_described(self.portal, "post", path, answer)
        return answer

    def challenge(self) -> dict[str, Any]:
        return dict(self.post("/app/v1/challenge", json={}).get_json())

    def show(self, token: str, proof: str, **options: Any) -> TestResponse:
        headers = {"Authorization": f"DPoP {token}", "DPoP": proof} | options.pop("headers", {})
        return self.post("/app/v1/session", json={}, headers=headers, **options)

    def connect(self, token: str = "", **options: Any) -> TestResponse:
        offer = self.challenge()
        token = token or self.issuer.access_token(self.wallet, aud=offer["audience"])
        return self.show(token, self.wallet.proof(token, offer["session_url"], offer["nonce"]), **options)


@pytest.fixture
def app(portal: Portal, issuer: Issuer) -> App:
    return App(portal, issuer)


def assert_described(portal: Portal, method: str, path: str, answer: TestResponse) -> None:
    """Status, media type, headers and body are among those that the served description names."""
    document = portal.client().get("/app/v1/openapi.json").get_json()
    described = document["paths"][path][method]["responses"][str(answer.status_code)]
    (content,) = described["content"].items()
    assert answer.content_type == content[0]
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert "Set-Cookie" not in answer.headers
    for name in ("WWW-Authenticate", "DPoP-Nonce", "Retry-After", "Content-Language"):
        assert name not in answer.headers or name in described["headers"], name
    schemas = content[1]["schema"].get("allOf", [content[1]["schema"]])
    for schema in schemas:
        assert_fits(document, schema, answer.get_json())


def assert_fits(document: dict[str, Any], schema: dict[str, Any], value: dict[str, Any]) -> None:
    schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    assert set(schema.get("required", ())) <= value.keys()
    if schema.get("additionalProperties") is False:
        assert value.keys() <= schema["properties"].keys()
    for name, rule in schema.get("properties", {}).items():
        if name in value:
            assert "type" not in rule or type(value[name]) is TYPES[rule["type"]], name
            assert "const" not in rule or value[name] == rule["const"], name
            assert "enum" not in rule or value[name] in rule["enum"], name


def problem(answer: TestResponse, status: int) -> str:
    told = answer.get_json()
    assert answer.status_code == told["status"] == status, answer.text
    assert told["type"] == f"{HOST}/app/v1/problems/{told['code']}"
    assert told["title"]
    return str(told["code"])


def test_from_challenge_to_online(app: App) -> None:
    offer = app.challenge()
    assert offer | {"nonce": ""} == {
        "nonce": "",
        "expires_in": 60,
        "gateway": "gw-0001",
        "audience": "urn:bpn:wifi-gateway:gw-0001",
        "issuer": app.issuer.url,
        "scope": "wifi",
        "session_url": URL,
    }
    answer = app.connect()
    assert answer.status_code == 200
    assert answer.get_json() == {
        "captive": False,
        "seconds_remaining": 7_200,
        "bytes_remaining": 2_000_000_000,
        "can_extend_session": True,
        "user_portal_url": f"{HOST}/",
        "venue_info_url": f"{HOST}/info",
    }
    assert app.portal.enforcer.kernel.opened() == {PHONE: 7_200}


@pytest.mark.parametrize("changes", [{"visits": {"bytes": 0, "extensions": 0}}])
def test_unlimited_bytes_are_left_out(app: App, changes: object) -> None:
    told = app.connect().get_json()
    assert "bytes_remaining" not in told
    assert told["can_extend_session"] is False


@pytest.mark.parametrize(
    "headers", [{"Authorization": ""}, {"Authorization": "DPoP"}, {"Authorization": "Bearer x"}]
)
def test_who_shows_no_token_is_told_how(app: App, headers: dict[str, str]) -> None:
    answer = app.post("/app/v1/session", headers=headers)
    assert problem(answer, 401) == "token-missing"
    assert answer.headers["WWW-Authenticate"] == 'DPoP algs="ES256"'
    assert app.portal.rows("sign_in_failures") == []


@pytest.mark.parametrize(
    ("header", "claims"),
    [
        ({}, {"aud": "urn:bpn:wifi-gateway:gw-0017"}),
        ({"typ": "JWT"}, {}),
        ({"kid": "unknown"}, {}),
        ({}, {"scope": "openid"}),
        ({}, {"exp": 1}),
    ],
)
def test_a_refused_token_is_a_401_that_does_not_say_why(
    app: App, header: dict[str, Any], claims: dict[str, Any]
) -> None:
    """Guards the endpoint's use of ``access_tokens``: gateway, kind, key, scope, time."""
    answer = app.connect(app.issuer.access_token(app.wallet, header, **claims))
    assert problem(answer, 401) == "token-rejected"
    assert answer.headers["WWW-Authenticate"] == 'DPoP error="invalid_token", algs="ES256"'
    assert app.portal.enforcer.kernel.opened() == {}


def test_a_stolen_token_is_a_401(app: App) -> None:
    """Guards the endpoint's use of ``dpop``: another key, and no proof at all."""
    stolen = app.issuer.access_token(Wallet())
    for answer in (app.connect(stolen), app.show(app.issuer.access_token(app.wallet), "")):
        assert problem(answer, 401) == "proof-rejected"
        assert answer.headers["WWW-Authenticate"] == 'DPoP error="invalid_dpop_proof", algs="ES256"'
    assert app.portal.enforcer.kernel.opened() == {}


def test_a_nonce_that_is_no_good_is_answered_with_one_that_is(app: App) -> None:
    """RFC 9449 section 9: the same token, a new proof with the new nonce. Guards that the token is not spent."""
    token = app.issuer.access_token(app.wallet)
    for nonce in (None, "made-up"):
        answer = app.show(token, app.wallet.proof(token, URL, nonce))
        assert problem(answer, 401) == "nonce-rejected"
        assert answer.headers["WWW-Authenticate"] == 'DPoP error="use_dpop_nonce", algs="ES256"'
    fresh = answer.headers["DPoP-Nonce"]
    assert app.show(token, app.wallet.proof(token, URL, fresh)).status_code == 200


def test_the_same_request_twice_is_one_200_and_one_401(app: App) -> None:
    """Guards single use at the endpoint."""
    offer = app.challenge()
    token = app.issuer.access_token(app.wallet)
    proof = app.wallet.proof(token, URL, offer["nonce"])
    assert app.show(token, proof).status_code == 200
    assert problem(app.show(token, proof), 401) == "nonce-rejected"


def test_a_request_that_another_phone_passes_on_is_a_401(app: App) -> None:
    """Guards against an evil twin; headers that name the victim's address do not help it."""
    offer = app.challenge()
    token = app.issuer.access_token(app.wallet)
    twin = App(app.portal, app.issuer, app.wallet, OTHER)
    answer = twin.show(
        token, app.wallet.proof(token, URL, offer["nonce"]), headers={"X-Forwarded-For": str(PHONE.address)}
    )
    assert problem(answer, 401) == "proof-rejected"
    assert "DPoP-Nonce" not in answer.headers
    assert app.portal.enforcer.kernel.opened() == {}


def test_a_proof_for_the_address_that_the_request_names_is_refused(app: App) -> None:
    """Guards ``htu``: our own published address, even when the request came by the gateway's IP address."""
    offer, token = app.challenge(), app.issuer.access_token(app.wallet)
    proof = app.wallet.proof(token, "https://10.77.0.1/app/v1/session", offer["nonce"])
    answer = app.show(token, proof, headers={"Host": "10.77.0.1"})
    assert problem(answer, 401) == "proof-rejected"


def test_a_suspended_person_is_a_403(app: App) -> None:
    """Guards ``bsw_status``."""
    answer = app.connect(app.issuer.access_token(app.wallet, bsw_status="suspended"))
    assert problem(answer, 403) == "person-suspended"
    assert app.portal.enforcer.kernel.opened() == {}


def test_ten_failures_are_a_429_that_says_how_long(app: App) -> None:
    """Guards the limit on guessing; another phone is not held up."""
    for _ in range(10):
        assert problem(app.show("x", "y"), 401) == "token-rejected"
    answer = app.show("x", "y")
    assert problem(answer, 429) == "blocked"
    assert 290 <= int(answer.headers["Retry-After"]) <= 300
    assert problem(app.post("/app/v1/challenge"), 429) == "blocked"
    assert App(app.portal, app.issuer, phone=OTHER).connect().status_code == 200
    app.portal.clock.offset = timedelta(seconds=301)
    assert app.connect().status_code == 200


def test_a_phone_that_asks_without_end_is_slowed_down(app: App) -> None:
    """Guards the rate limit by phone."""
    answers = [app.post("/app/v1/challenge") for _ in range(31)]
    assert [answer.status_code for answer in answers] == [200] * 30 + [429]
    assert problem(answers[-1], 429) == "too-many-requests"
    assert answers[-1].headers["Retry-After"] == "60"


def test_who_is_not_on_the_wifi_is_told_so(app: App) -> None:
    for address in ("10.77.1.99", ""):
        stranger = app.portal.client()
        stranger.address = address
        for path in ("/app/v1/challenge", "/app/v1/session"):
            answer = stranger.post(path, headers={"Authorization": "DPoP x"})
            assert_described(app.portal, "post", path, answer)
            assert problem(answer, 409) == "not-on-wifi"


def test_while_bsw_is_away_new_sign_ins_wait(app: App) -> None:
    """Guards the closed failure: 503 and when to come back, nothing opens."""
    app.issuer.statuses["/keys"] = 503
    answer = app.connect()
    assert problem(answer, 503) == "bsw-unavailable"
    assert answer.headers["Retry-After"] == "60"
    assert app.portal.enforcer.kernel.opened() == {}


def test_without_the_enforcer_nobody_is_let_in(app: App) -> None:
    app.portal.part()
    for path in ("/app/v1/challenge", "/app/v1/session"):
        answer = app.post(path)
        assert problem(answer, 503) == "gateway-unavailable"
        assert answer.headers["Retry-After"] == "30"


def test_an_enforcer_that_refuses_is_a_503(app: App) -> None:
    app.portal.enforcer.kernel.refuse_next = "no memory"
    assert problem(app.connect(), 503) == "gateway-unavailable"
    assert app.portal.rows("visits") == []


@pytest.mark.parametrize("path", ["/app/v1/challenge", "/app/v1/session"])
def test_a_long_body_is_not_read(app: App, path: str) -> None:
    assert problem(app.post(path, data=b"x" * 1_025), 413) == "too-large"
    assert app.portal.rows("challenges") == []


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/app/v1/session", 405), ("POST", "/app/v1/nothing", 404)]
)
def test_what_is_not_there_is_a_problem_too(portal: Portal, method: str, path: str, status: int) -> None:
    visitor = portal.client()
    answer = visitor.get(path) if method == "GET" else visitor.post(path)
    assert answer.content_type == "application/problem+json"
    assert problem(answer, status)
    assert (status == 405) == ("Allow" in answer.headers)


@pytest.mark.parametrize(
    ("accept", "language", "title"),
    [
        ("", "id", "Token akses tidak dikirim"),
        ("id, en", "id", "Token akses tidak dikirim"),
        ("en-GB", "en", "No access token was sent"),
    ],
)
def test_titles_are_in_the_reader_s_language(app: App, accept: str, language: str, title: str) -> None:
    answer = app.post("/app/v1/session", headers={"Accept-Language": accept})
    assert (answer.headers["Content-Language"], answer.get_json()["title"]) == (language, title)
    assert answer.headers["Vary"] == "Accept-Language"


def test_a_cookie_opens_nothing_and_none_is_needed(app: App) -> None:
    """Guards the exemption from CSRF tokens: a browser that is signed in gets no further here than any other."""
    browser = app.portal.client()
    browser.press("/masuk")
    answer = browser.post("/app/v1/session", json={}, headers={"Origin": "https://evil.test"})
    assert problem(answer, 401) == "token-missing"


def test_the_description_describes_every_endpoint_and_leads_nowhere_else(portal: Portal) -> None:
    answer = portal.client().get("/app/v1/openapi.json")
    assert_described(portal, "get", "/app/v1/openapi.json", answer)
    document = json.loads(answer.data)
    rules = {rule.rule for rule in portal.app.url_map.iter_rules() if rule.endpoint.startswith("app_api.")}
    assert document["paths"].keys() == rules
    for pointer in re.findall(r'"#/([^"]+)"', answer.text):
        found: Any = document
        for step in pointer.split("/"):
            found = found[step]
        assert found
