"""The pages of the device grant, as a browser without scripts sees them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta

import pytest

from portal.visitor.app import look_after_waiting_devices
from portal.visitor.context import context
from portal.visitor.device_code import kind
from tests.unit.portal.identity.issuers import Issuer
from tests.unit.portal.portals import OTHER, PHONE, Portal


@pytest.fixture
def provider(issuer: Issuer) -> Iterator[str]:
    """One with the device grant, for the portal of this module."""
    issuer.offer_device_codes(interval=1)
    yield issuer.url


def step(portal: Portal) -> None:
    portal.clock.offset += timedelta(seconds=2)
    with portal.app.app_context():
        context().device_sign_ins.step()


def test_from_the_button_to_online(portal: Portal, issuer: Issuer) -> None:
    phone = portal.client()
    asked = phone.press("/masuk/kode", headers={"User-Agent": "Mozilla/5.0 (Windows NT 10.0) evil"})
    assert (asked.status_code, asked.location) == (303, "/masuk/kode")
    page = phone.get("/masuk/kode").text
    match = portal.rows("pairings")[0]["match"]
    assert "WDJB-MJHT" in page
    assert f">{match}</strong>" in page
    assert "<svg" in page
    assert "the-secret" not in page
    assert "http-equiv" not in page
    assert 'content="5"' in phone.get("/masuk/kode?otomatis=1").text
    assert issuer.forms[-1]["place"] == "Taman Bekapai"
    issuer.approve()
    step(portal)
    step(portal)
    assert phone.get("/masuk/kode").location == "/status"
    assert 'id="online"' in phone.get("/status").text


def test_the_process_looks_after_it_by_itself(portal: Portal, issuer: Issuer) -> None:
    """No page is open: the thread of ``look_after_waiting_devices`` alone brings the device online."""
    portal.client().press("/masuk/kode")
    issuer.approve()
    portal.clock.offset += timedelta(seconds=2)
    look_after_waiting_devices(portal.app)
    deadline = time.monotonic() + 20
    while portal.visits.look(PHONE.address).session is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_device_with_another_address_is_online_with_its_first_request(portal: Portal, issuer: Issuer) -> None:
    portal.client().press("/masuk/kode")
    issuer.approve()
    portal.enforcer.kernel.move(PHONE.address, None)
    step(portal)
    portal.enforcer.kernel.move(OTHER.address, PHONE.mac)
    assert '"captive": false' in portal.client(OTHER).get("/captive-portal/api").text


@pytest.mark.parametrize(
    ("error", "words"), [("access_denied", "Permintaan ditolak"), ("expired_token", "Kode sudah kedaluwarsa")]
)
def test_the_page_says_how_it_ended(portal: Portal, issuer: Issuer, error: str, words: str) -> None:
    phone = portal.client()
    phone.press("/masuk/kode")
    issuer.decide(error)
    step(portal)
    assert words in phone.get("/masuk/kode").text
    phone.press("/masuk/kode", "/masuk/kode")
    assert "WDJB-MJHT" in phone.get("/masuk/kode").text


def test_who_cancels_begins_anew(portal: Portal) -> None:
    phone = portal.client()
    phone.press("/masuk/kode")
    assert phone.press("/masuk/kode/batal", "/masuk/kode").location == "/"
    assert phone.get("/masuk/kode").location == "/"
    assert portal.rows("pairings") == []


def test_another_phone_sees_nothing_of_it(portal: Portal) -> None:
    portal.client().press("/masuk/kode")
    assert portal.client(OTHER).get("/masuk/kode").location == "/"


@pytest.mark.parametrize("form", ["/masuk/kode", "/masuk/kode/batal"])
def test_a_form_of_another_site_does_nothing(portal: Portal, form: str) -> None:
    portal.client().press("/masuk/kode")
    assert portal.client().post(form, data={"csrf_token": "forged"}).status_code == 400
    assert len(portal.rows("pairings")) == 1


def test_who_is_online_needs_no_code(portal: Portal, issuer: Issuer) -> None:
    phone = portal.client()
    phone.press("/masuk/kode")
    page = phone.get("/").text
    issuer.approve()
    step(portal)
    step(portal)
    token = page.split('name="csrf_token" value="')[1].split('"')[0]
    assert phone.post("/masuk/kode", data={"csrf_token": token}).location == "/status"


def test_a_provider_that_is_away_is_said_so(portal: Portal, issuer: Issuer) -> None:
    issuer.statuses["/device"] = 503
    assert portal.client().press("/masuk/kode").status_code == 503


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("Mozilla/5.0 (Linux; Android 14; SM-A055F) AppleWebKit/537.36", "Ponsel atau tablet Android"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X)", "iPhone"),
        ("Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101", "Komputer Linux"),
        ("<script>alert(1)</script>", "Perangkat lain"),
        ("", "Perangkat lain"),
    ],
)
def test_kinds_are_ours(agent: str, name: str) -> None:
    assert kind(agent) == name
