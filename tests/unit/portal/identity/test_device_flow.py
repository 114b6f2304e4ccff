from __future__ import annotations

from typing import Any

import pytest

from policy.settings import IdentitySettings
from portal.identity.device_flow import LONGEST, DeviceFlow, Pending
from portal.identity.errors import ProviderUnavailable, SignInRejected
from portal.identity.relying_party import RelyingParty
from tests.unit.portal.identity.issuers import CLIENT, Issuer

DEVICE = "/device"


@pytest.fixture
def provider(issuer: Issuer) -> Issuer:
    """An issuer with the device grant, whose codes nobody has decided about."""
    issuer.offer_device_codes(interval=7)
    issuer.documents[DEVICE] |= {
        "verification_uri_complete": f"{issuer.url}/approve?user_code=WDJB-MJHT",
        "expires_in": 240,
    }
    return issuer


def flow(issuer: Issuer) -> DeviceFlow:
    return DeviceFlow(RelyingParty.build(IdentitySettings(issuer=issuer.url, client_id=CLIENT)))


def test_a_code_comes_with_all_that_people_need(provider: Issuer) -> None:
    code = flow(provider).start("Taman Bekapai", "Laptop Windows", 7)
    assert (code.user_code, code.expires_in, code.interval) == ("WDJB-MJHT", 240, 7)
    assert code.verification_uri_complete.endswith("user_code=WDJB-MJHT")
    assert "the-secret" not in repr(code)
    assert provider.forms[-1] == {
        "client_id": CLIENT,
        "scope": "openid wifi",
        "place": "Taman Bekapai",
        "device": "Laptop Windows",
        "match": "07",
    }


def test_nobody_has_decided_then_somebody_has(provider: Issuer) -> None:
    waiting = flow(provider)
    assert waiting.poll("the-secret") == Pending()
    provider.decide("slow_down")
    assert waiting.poll("the-secret") == Pending(slow_down=True)
    provider.approve()
    found = waiting.poll("the-secret")
    assert not isinstance(found, Pending)
    assert (found.issuer, found.subject) == (provider.url, "somebody")
    assert provider.forms[-1] == {
        "client_id": CLIENT,
        "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
        "device_code": "the-secret",
    }


@pytest.mark.parametrize(
    ("error", "reason"),
    [("access_denied", "denied"), ("expired_token", "code-expired"), ("invalid_grant", "code")],
)
def test_a_decision_against_ends_the_wait(provider: Issuer, error: str, reason: str) -> None:
    provider.decide(error)
    with pytest.raises(SignInRejected, match=reason):
        flow(provider).poll("the-secret")


@pytest.mark.parametrize("status", [500, 503, 400, 401])
def test_a_provider_in_trouble_does_not_end_the_wait(provider: Issuer, status: int) -> None:
    provider.decide("server_error")
    provider.statuses["/token"] = status
    with pytest.raises(ProviderUnavailable):
        flow(provider).poll("the-secret")


def test_an_id_token_with_somebodys_nonce_is_refused(provider: Issuer) -> None:
    """Guards ``_answers``: a token of a code flow cannot be slipped in here."""
    provider.approve(nonce="of another sign-in")
    with pytest.raises(SignInRejected, match="nonce"):
        flow(provider).poll("the-secret")


def test_a_token_for_another_client_is_refused(provider: Issuer) -> None:
    provider.approve(aud="another")
    with pytest.raises(SignInRejected, match="audience"):
        flow(provider).poll("the-secret")


@pytest.mark.parametrize(
    "change",
    [
        {"device_code": ""},
        {"device_code": "x" * 2049},
        {"device_code": None},
        {"user_code": "<script>"},
        {"user_code": "A" * 200},
        {"user_code": 12345678},
        {"verification_uri": "javascript:alert(1)"},
        {"verification_uri": "http://bsw.example/approve"},
        {"verification_uri_complete": "http://bsw.example/approve"},
        {"expires_in": 0},
        {"expires_in": "240"},
        {"expires_in": None},
        {"interval": -1},
        {"interval": True},
    ],
)
def test_an_answer_that_no_provider_may_give_is_not_shown(provider: Issuer, change: dict[str, Any]) -> None:
    provider.documents[DEVICE] |= change
    with pytest.raises(ProviderUnavailable):
        flow(provider).start("Taman Bekapai", "Laptop", 7)


def test_times_stay_within_reason(provider: Issuer) -> None:
    provider.documents[DEVICE] |= {"expires_in": 86_400, "interval": 3_600}
    code = flow(provider).start("Taman Bekapai", "Laptop", 7)
    assert (code.expires_in, code.interval) == (LONGEST, 60)


def test_what_may_be_left_out(provider: Issuer) -> None:
    """RFC 8628 section 3.2: five seconds where no interval is given; a page without the code in its address."""
    del provider.documents[DEVICE]["interval"]
    del provider.documents[DEVICE]["verification_uri_complete"]
    code = flow(provider).start("Taman Bekapai", "Laptop", 7)
    assert code.interval == 5
    assert code.verification_uri_complete == code.verification_uri


def test_a_provider_without_the_grant(issuer: Issuer) -> None:
    without = flow(issuer)
    with pytest.raises(ProviderUnavailable, match="no device grant"):
        without.start("Taman Bekapai", "Laptop", 7)


def test_a_provider_that_refuses_the_client(provider: Issuer) -> None:
    provider.statuses[DEVICE] = 401
    with pytest.raises(ProviderUnavailable, match="401"):
        flow(provider).start("Taman Bekapai", "Laptop", 7)
