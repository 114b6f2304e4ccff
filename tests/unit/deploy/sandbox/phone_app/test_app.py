"""From sign-in to online without a browser, against a portal that knows the contract only."""

from __future__ import annotations

import pytest

from deploy.sandbox.phone_app import PhoneApp, Refused, Wallet, http_session
from deploy.sandbox.phone_app.proof import thumbprint
from tests.providers import BUDI, SARI


@pytest.fixture
def app(issuer: str) -> PhoneApp:
    app = PhoneApp(issuer, Wallet())
    app.sign_in(SARI.phone, SARI.pin)
    return app


def test_a_phone_gets_online_again_and_again(app: PhoneApp, portal: str) -> None:
    first, second = app.connect(portal), app.connect(portal)
    assert first["online"] is True
    assert first["jkt"] == thumbprint(app.wallet.key)
    assert first["sub"] == second["sub"]


def test_a_phone_may_leave_from_an_address_of_its_own(app: PhoneApp, issuer: str, portal: str) -> None:
    wifi = http_session(source="127.0.0.77")
    assert PhoneApp(issuer, app.wallet, wifi=wifi).connect(portal)["address"] == "127.0.0.77"


def test_another_resident_is_another_subject(app: PhoneApp, issuer: str, portal: str) -> None:
    other = PhoneApp(issuer, Wallet())
    other.sign_in(BUDI.username, BUDI.pin)
    assert other.connect(portal)["sub"] != app.connect(portal)["sub"]


def test_a_token_is_not_carried_to_another_host(app: PhoneApp, issuer: str, portal: str) -> None:
    wifi = http_session()
    wifi.headers["User-Agent"] = "lured"
    with pytest.raises(Refused, match="another host"):
        PhoneApp(issuer, app.wallet, wifi=wifi).connect(portal)


def test_a_refusal_has_its_status_and_word(app: PhoneApp, portal: str) -> None:
    with pytest.raises(Refused) as refused:
        app.connect(f"{portal}/nowhere")
    assert (refused.value.status, refused.value.error) == (404, "")
