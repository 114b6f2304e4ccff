"""Announce, approve, poll: and what an impatient, late or wrong device hears."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.providers import BUDI, running_provider
from tests.unit.deploy.sandbox.provider.conftest import CONFIDENTIAL, PUBLIC
from tests.unit.deploy.sandbox.provider.test_app import verified
from tests.unit.deploy.sandbox.provider.test_device_page import decide

GRANT = "urn:ietf:params:oauth:grant-type:device_code"


def announce(issuer: str, **changes: str | None) -> requests.Response:
    form = {"client_id": "gerbang", "scope": "openid wifi", "place": "Taman Bekapai", "match": "42"} | changes
    sent = {name: value for name, value in form.items() if value is not None}
    return requests.post(f"{issuer}/device_authorization", data=sent, timeout=5)


def poll(issuer: str, device_code: str, **changes: str) -> requests.Response:
    form = {"grant_type": GRANT, "client_id": "gerbang", "device_code": device_code} | changes
    return requests.post(f"{issuer}/token", data=form, timeout=5)


def error(answer: requests.Response) -> str:
    assert answer.status_code in {400, 401}, answer.text
    return str(answer.json()["error"])


@pytest.fixture(scope="module")
def quick() -> Iterator[str]:
    """A provider whose codes live for one second."""
    with running_provider([PUBLIC], device_seconds=1, device_interval=1) as url:
        yield url


def test_discovery_names_the_endpoint(issuer: str) -> None:
    document = requests.get(f"{issuer}/.well-known/openid-configuration", timeout=5).json()
    assert document["device_authorization_endpoint"] == f"{issuer}/device_authorization"
    assert GRANT in document["grant_types_supported"]
    assert document["dpop_signing_alg_values_supported"] == ["ES256"]


def test_an_announced_device_gets_its_codes(issuer: str) -> None:
    answer = announce(issuer)
    assert answer.headers["Cache-Control"] == "no-store"
    codes = answer.json()
    assert re.fullmatch("[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}", codes["user_code"])
    assert codes["verification_uri"] == f"{issuer}/device"
    assert codes["verification_uri_complete"] == f"{issuer}/device?user_code={codes['user_code']}"
    assert (codes["expires_in"], codes["interval"]) == (300, 5)
    assert len(codes["device_code"]) >= 32


def test_an_approved_device_gets_tokens_once_and_no_nonce(issuer: str) -> None:
    codes = announce(issuer).json()
    assert error(poll(issuer, codes["device_code"])) == "authorization_pending"
    before = int(time.time())
    assert decide(issuer, codes["user_code"], BUDI, number="42").status_code == 200
    tokens: dict[str, Any] = poll(issuer, codes["device_code"]).json()
    claims = verified(issuer, tokens["id_token"], "gerbang")
    assert "nonce" not in claims
    assert before <= claims["auth_time"] <= time.time()
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    about = requests.get(f"{issuer}/userinfo", headers=bearer, timeout=5).json()
    assert about == {"sub": claims["sub"], "bsw_status": "active", "bsw_age_band": "18+"}
    assert "refresh_token" not in tokens
    assert error(poll(issuer, codes["device_code"])) == "invalid_grant"


def test_an_impatient_device_is_told_to_slow_down(issuer: str) -> None:
    codes = announce(issuer).json()
    assert error(poll(issuer, codes["device_code"])) == "authorization_pending"
    assert error(poll(issuer, codes["device_code"])) == "slow_down"
    assert error(poll(issuer, codes["device_code"])) == "slow_down"


def test_a_refused_device_is_told_so(issuer: str) -> None:
    codes = announce(issuer).json()
    decide(issuer, codes["user_code"], BUDI, decision="deny")
    assert error(poll(issuer, codes["device_code"])) == "access_denied"


def test_a_late_device_is_told_so(quick: str) -> None:
    codes = announce(quick).json()
    assert (codes["expires_in"], codes["interval"]) == (1, 1)
    time.sleep(1.05)
    assert error(poll(quick, codes["device_code"])) == "expired_token"
    assert requests.get(codes["verification_uri_complete"], timeout=5).status_code == 404


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"client_id": "stranger"}, "invalid_client"),
        ({"client_id": "bsw-app"}, "unauthorized_client"),
        ({"client_id": CONFIDENTIAL.client_id}, "invalid_client"),
        ({"scope": "wifi"}, "invalid_scope"),
        ({"scope": None}, "invalid_scope"),
        ({"match": "7"}, "invalid_request"),
        ({"match": "123"}, "invalid_request"),
        ({"match": "x"}, "invalid_request"),
        ({"place": "x" * 81}, "invalid_request"),
        ({"device": "two\nlines"}, "invalid_request"),
        ({"device": "\u202egnp.exe"}, "invalid_request"),
    ],
)
def test_a_bad_announcement_gets_no_code(issuer: str, changes: dict[str, str | None], expected: str) -> None:
    assert error(announce(issuer, **changes)) == expected


def test_only_the_client_that_announced_may_poll(issuer: str) -> None:
    device_code = announce(issuer).json()["device_code"]
    assert error(poll(issuer, device_code, client_id="gerbang-2")) == "invalid_grant"
    assert error(poll(issuer, "guessed")) == "invalid_grant"
    assert error(poll(issuer, "")) == "invalid_request"
