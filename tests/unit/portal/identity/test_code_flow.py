from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from deploy.sandbox.provider import Client
from policy.settings import IdentitySettings
from portal.identity.code_flow import CodeFlow
from portal.identity.errors import ProviderUnavailable, SignInRejected
from portal.identity.relying_party import RelyingParty
from tests.providers import BUDI, SARI, running_provider, sign_in
from tests.unit.portal.identity.issuers import CLIENT, NONCE, Issuer

CALLBACK = "https://wifi.balikpapan.test/oidc/callback"


def flow(issuer: str, secret_file: Path | None = None) -> CodeFlow:
    settings = IdentitySettings(issuer=issuer, client_id=CLIENT, client_secret_file=secret_file)
    return CodeFlow(RelyingParty.build(settings), CALLBACK)


def query(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def test_a_resident_signs_in_at_the_sandbox_provider() -> None:
    with running_provider([Client(CLIENT, (CALLBACK,))]) as issuer:
        portal = flow(issuer)
        subjects = []
        for resident in (SARI, BUDI, SARI):
            attempt = portal.start("id")
            answer = query(sign_in(attempt.url, resident))
            assert answer["state"] == attempt.state
            subjects.append(portal.finish(answer, attempt.nonce, attempt.verifier))
    assert subjects[0] == subjects[2] != subjects[1]
    assert subjects[0].issuer == issuer


def test_a_confidential_client_proves_itself(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("rahasia: 100% & panjang\n")
    with running_provider([Client(CLIENT, (CALLBACK,), secret="rahasia: 100% & panjang")]) as issuer:
        portal = flow(issuer, secret)
        attempt = portal.start("id")
        answer = query(sign_in(attempt.url))
        assert portal.finish(answer, attempt.nonce, attempt.verifier).subject


def test_a_code_works_once_and_only_with_its_verifier() -> None:
    with running_provider([Client(CLIENT, (CALLBACK,))]) as issuer:
        portal = flow(issuer)
        attempt = portal.start("id")
        answer = query(sign_in(attempt.url))
        with pytest.raises(SignInRejected, match="code"):
            portal.finish(answer, attempt.nonce, "a" * 43)
        with pytest.raises(SignInRejected, match="code"):
            portal.finish(answer, attempt.nonce, attempt.verifier)


def test_the_way_out_carries_what_the_standards_ask(issuer: Issuer) -> None:
    attempt = flow(issuer.url).start("en")
    asked = query(attempt.url)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(attempt.verifier.encode()).digest()).rstrip(b"=").decode()
    assert asked == {
        "response_type": "code",
        "client_id": CLIENT,
        "redirect_uri": CALLBACK,
        "scope": "openid wifi",
        "state": attempt.state,
        "nonce": attempt.nonce,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        "ui_locales": "en",
    }
    assert len({attempt.state, attempt.nonce, attempt.verifier}) == 3
    assert attempt.verifier not in repr(attempt)


def finish(issuer: Issuer, **answer: str) -> object:
    return flow(issuer.url).finish({"code": "c", "iss": issuer.url} | answer, NONCE, "verifier")


def test_an_answer_that_names_another_issuer_is_refused_before_the_code_is_sent(issuer: Issuer) -> None:
    with pytest.raises(SignInRejected, match="issuer"):
        finish(issuer, iss="https://other.test")
    with pytest.raises(SignInRejected, match="issuer"):
        flow(issuer.url).finish({"code": "c"}, NONCE, "verifier")
    assert issuer.asked["/token"] == 0


def test_a_provider_that_never_names_itself_need_not(issuer: Issuer) -> None:
    del issuer.documents["/.well-known/openid-configuration"]["authorization_response_iss_parameter_supported"]
    assert flow(issuer.url).finish({"code": "c"}, NONCE, "verifier")
    with pytest.raises(SignInRejected, match="issuer"):
        finish(issuer, iss="https://other.test")


@pytest.mark.parametrize(("error", "reason"), [("access_denied", "denied"), ("server_error", "provider-error")])
def test_the_providers_refusal_is_the_end(issuer: Issuer, error: str, reason: str) -> None:
    with pytest.raises(SignInRejected, match=reason):
        finish(issuer, error=error)
    assert issuer.asked["/token"] == 0


@pytest.mark.parametrize("code", ["", "a\nb", "\x00", "é", "x" * 2_049])
def test_what_is_no_code_is_not_sent(issuer: Issuer, code: str) -> None:
    with pytest.raises(SignInRejected, match="code"):
        finish(issuer, code=code)
    assert issuer.asked["/token"] == 0


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, {}),
        (401, {"error": "invalid_client"}),
        (302, {}),
        (200, {}),
        (200, b"no json"),
        (200, {"access_token": "a", "token_type": "Bearer"}),
        (200, {"access_token": ["a"], "id_token": "b", "token_type": "Bearer"}),
        (200, {"access_token": "a", "id_token": "b", "token_type": "mac"}),
    ],
)
def test_a_broken_token_endpoint_is_an_outage(issuer: Issuer, status: int, body: object) -> None:
    issuer.statuses["/token"], issuer.documents["/token"] = status, body
    with pytest.raises(ProviderUnavailable):
        finish(issuer)


def test_a_public_client_says_who_it_is_in_the_form(issuer: Issuer) -> None:
    finish(issuer)
    assert issuer.forms == [
        {
            "grant_type": "authorization_code",
            "code": "c",
            "redirect_uri": CALLBACK,
            "code_verifier": "verifier",
            "client_id": CLIENT,
        }
    ]
    assert issuer.authorizations == [None]


def test_no_provider_no_sign_in() -> None:
    with pytest.raises(ProviderUnavailable):
        flow("http://127.0.0.1:9").start("id")
