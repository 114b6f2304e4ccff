"""The whole dance over real http, and each way of getting it wrong."""

from __future__ import annotations

import base64
import hashlib
import time
from typing import Any

import jwt
import pytest
import requests

from tests.providers import BUDI, SARI, sign_in
from tests.unit.deploy.sandbox.provider.conftest import CONFIDENTIAL, NEIGHBOUR, PUBLIC, Attempt, query


def get(url: str, **headers: str) -> requests.Response:
    return requests.get(url, headers=headers, allow_redirects=False, timeout=5)


def verified(issuer: str, token: str, audience: str) -> dict[str, Any]:
    """Verify an ID token as the portal's contract says: pinned algorithm, strict audience, all claims there."""
    keys = jwt.PyJWKClient(f"{issuer}/jwks.json")
    claims: dict[str, Any] = jwt.decode(
        token,
        keys.get_signing_key_from_jwt(token).key,
        algorithms=["ES256"],
        issuer=issuer,
        audience=audience,
        options={"require": ["iss", "sub", "aud", "exp", "iat", "auth_time", "sid"], "strict_aud": True},
    )
    return claims


def test_discovery_names_the_issuer_exactly_and_what_is_there(issuer: str) -> None:
    document = get(f"{issuer}/.well-known/openid-configuration").json()
    assert document["issuer"] == issuer
    assert document["authorization_response_iss_parameter_supported"] is True
    assert document["code_challenge_methods_supported"] == ["S256"]
    assert document["id_token_signing_alg_values_supported"] == ["ES256"]
    assert get(document["jwks_uri"]).json()["keys"][0].keys() == {"kty", "crv", "x", "y", "kid", "use", "alg"}


def test_a_public_client_gets_a_token_that_verifies(public: Attempt) -> None:
    before = int(time.time())
    back = query(sign_in(public.url()))
    assert (back["state"], back["iss"]) == ("state-1", public.issuer)
    answer = public.exchange(back["code"])
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    tokens = answer.json()
    claims = verified(public.issuer, tokens["id_token"], "gerbang")
    assert claims["nonce"] == "nonce-1"
    assert before <= claims["auth_time"] <= claims["iat"] < claims["exp"]
    half = hashlib.sha256(tokens["access_token"].encode()).digest()[:16]
    assert claims["at_hash"] == base64.urlsafe_b64encode(half).rstrip(b"=").decode()
    about = get(f"{public.issuer}/userinfo", Authorization=f"Bearer {tokens['access_token']}").json()
    assert about == {"sub": claims["sub"], "bsw_status": "active", "bsw_age_band": "18+"}


@pytest.mark.parametrize("way", ["basic", "post"])
def test_a_confidential_client_proves_itself_either_way(confidential: Attempt, way: str) -> None:
    code = query(sign_in(confidential.url(scope="openid profile"), BUDI))["code"]
    if way == "basic":
        answer = confidential.exchange(code, auth=("layanan", CONFIDENTIAL.secret), client_id=None)
    else:
        answer = confidential.exchange(code, client_secret=CONFIDENTIAL.secret)
    assert answer.status_code == 200, answer.text
    verified(confidential.issuer, answer.json()["id_token"], "layanan")
    bearer = f"Bearer {answer.json()['access_token']}"
    assert get(f"{confidential.issuer}/userinfo", Authorization=bearer).json()["name"] == "Budi Hartono"


def test_a_subject_stays_within_its_sector(public: Attempt, confidential: Attempt) -> None:
    def subject(attempt: Attempt, secret: str | None = None) -> str:
        code = query(sign_in(attempt.url()))["code"]
        token = attempt.exchange(code, client_secret=secret).json()["id_token"]
        return str(verified(attempt.issuer, token, attempt.client.client_id)["sub"])

    neighbour = Attempt(public.issuer, NEIGHBOUR, public.verifier)
    assert subject(public) == subject(public) == subject(neighbour)
    assert subject(public) != subject(confidential, CONFIDENTIAL.secret)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": None}, "unsupported_response_type"),
        ({"scope": "wifi"}, "invalid_scope"),
        ({"prompt": "none"}, "login_required"),
    ],
)
def test_a_bad_request_goes_back_to_its_client_as_an_error(
    public: Attempt, changes: dict[str, str | None], error: str
) -> None:
    answer = get(public.url(**changes))
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith(PUBLIC.redirect_uris[0] + "?")
    back = query(answer.headers["Location"])
    assert (back["error"], back["state"], back["iss"]) == (error, "state-1", public.issuer)


@pytest.mark.parametrize(
    "changes",
    [
        {"redirect_uri": "https://evil.test/"},
        {"redirect_uri": PUBLIC.redirect_uris[0] + "/"},
        {"redirect_uri": PUBLIC.redirect_uris[0] + '"><script>'},
        {"redirect_uri": CONFIDENTIAL.redirect_uris[0]},
        {"redirect_uri": None},
        {"client_id": "stranger"},
        {"client_id": None},
        {"response_type": 'token"\\', "redirect_uri": "https://evil.test/"},
        {"state": "\r\nSet-Cookie: a=b"},
        {"nonce": "n" * 3000},
    ],
)
def test_nobody_is_sent_to_where_a_stranger_says(public: Attempt, changes: dict[str, str | None]) -> None:
    answer = get(public.url(**changes))
    assert answer.status_code == 400
    assert "Location" not in answer.headers
    assert "<script>" not in answer.text


def test_a_parameter_given_twice_is_refused(public: Attempt) -> None:
    answer = get(public.url() + "&state=other")
    assert "code" not in answer.headers.get("Location", "")
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code_verifier": "w" * 64}, "invalid_grant"),
        ({"code_verifier": None}, "invalid_request"),
        ({"redirect_uri": NEIGHBOUR.redirect_uris[0]}, "invalid_grant"),
        ({"redirect_uri": None}, "invalid_grant"),
        ({"client_id": "gerbang-2"}, "invalid_grant"),
        ({"client_secret": "guessed"}, "invalid_client"),
        ({"client_id": "stranger"}, "invalid_client"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": 'x"y'}, "invalid_request"),
        ({"code": "guessed"}, "invalid_grant"),
        ({"code": None}, "invalid_request"),
    ],
)
def test_a_bad_exchange_is_refused(public: Attempt, changes: dict[str, str | None], error: str) -> None:
    code = query(sign_in(public.url()))["code"]
    answer = public.exchange(code, **changes)
    assert answer.status_code in {400, 401}
    assert answer.json()["error"] == error


@pytest.mark.parametrize("auth", [None, ("layanan", "wrong"), ("gerbang", "wrong")])
def test_a_confidential_client_without_its_secret_is_refused(confidential: Attempt, auth: Any) -> None:
    code = query(sign_in(confidential.url()))["code"]
    answer = confidential.exchange(code, auth=auth)
    assert answer.status_code == 401
    assert answer.json()["error"] == "invalid_client"


def test_a_code_works_once_and_its_second_use_revokes_the_first_token(public: Attempt) -> None:
    code = query(sign_in(public.url()))["code"]
    bearer = {"Authorization": f"Bearer {public.exchange(code).json()['access_token']}"}
    assert get(f"{public.issuer}/userinfo", **bearer).status_code == 200
    assert public.exchange(code).json()["error"] == "invalid_grant"
    assert get(f"{public.issuer}/userinfo", **bearer).status_code == 401


def test_a_code_is_spent_by_a_wrong_verifier(public: Attempt) -> None:
    code = query(sign_in(public.url()))["code"]
    assert public.exchange(code, code_verifier="w" * 64).status_code == 400
    assert public.exchange(code).json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("bearer", "status"),
    [("", 401), ("Bearer guessed", 401), ("Basic Z2VyYmFuZzo=", 401), ("Bearer", 400), ("Basic /w==", 400)],
)
def test_userinfo_tells_nothing_without_a_token(issuer: str, bearer: str, status: int) -> None:
    answer = get(f"{issuer}/userinfo", Authorization=bearer)
    assert answer.status_code == status
    assert "sub" not in answer.json()


def test_a_long_body_is_refused(issuer: str) -> None:
    answer = requests.post(f"{issuer}/token", data={"code": "x" * 20_000}, timeout=5)
    assert answer.status_code == 413


def test_a_token_does_not_carry_a_name(public: Attempt) -> None:
    tokens = public.exchange(query(sign_in(public.url(scope="openid profile wifi")))["code"]).json()
    assert SARI.name not in str(verified(public.issuer, tokens["id_token"], "gerbang"))
