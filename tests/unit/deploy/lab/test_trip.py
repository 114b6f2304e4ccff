from typing import Any

import pytest

from deploy.lab import trip

REDIRECT = {"status": 302, "location": "https://wifi.balikpapan.test/", "cache": "no-store", "bytes": 0}
ONLINE = {"captive": False, "seconds-remaining": 3600, "bytes-remaining": 2_000_000}
API = {"status": 200, "type": "application/captive+json", "cache": "private"}


def test_a_redirect_in_both_families_holds() -> None:
    verdict = trip.probe({"ipv4": REDIRECT, "ipv6": REDIRECT})
    assert verdict.held
    assert "302 to https://wifi.balikpapan.test/" in verdict.seen


@pytest.mark.parametrize(
    "wrong",
    [
        REDIRECT | {"status": 301},
        REDIRECT | {"status": 204},
        REDIRECT | {"location": "http://wifi.balikpapan.test/"},
        REDIRECT | {"location": "https://wifi.balikpapan.test.evil/"},
        REDIRECT | {"cache": "max-age=60"},
        {"error": "ConnectTimeout"},
    ],
)
def test_a_fault_in_one_family_does_not(wrong: dict[str, Any]) -> None:
    assert not trip.probe({"ipv4": REDIRECT, "ipv6": wrong}).held


@pytest.mark.parametrize(
    ("outcome", "ms", "held"), [("reset", 1.2, True), ("reset", 50.0, False), ("silence", 1, False)]
)
def test_refusals_are_resets_and_quick(outcome: str, ms: float, held: bool) -> None:
    seen = {"outcome": outcome, "ms": ms}
    assert trip.refusal({"ipv4": seen, "ipv6": {"outcome": "reset", "ms": 0.5}}).held is held


def test_online_needs_seconds_and_bytes() -> None:
    assert trip.online(API | {"body": ONLINE}).held
    assert not trip.online(API | {"body": {"captive": False}}).held
    assert not trip.online(API | {"body": ONLINE | {"captive": True}}).held
    assert not trip.online(API | {"type": "application/json", "body": ONLINE}).held


def test_captive_needs_the_page_to_go_to() -> None:
    assert trip.captive(API | {"body": {"captive": True, "user-portal-url": "https://wifi.balikpapan.test/"}}).held
    assert not trip.captive(API | {"body": {"captive": True}}).held


def test_a_sign_in_leads_through_the_provider() -> None:
    pages = ["http://connectivitycheck.gstatic.com/generate_204", "https://wifi.balikpapan.test/"]
    facts: dict[str, Any] = {"pages": pages, "title": "Anda daring", "ms": 800}
    assert not trip.signed_in(facts).held
    verdict = trip.signed_in(facts | {"pages": [*pages, "https://bsw.balikpapan.test/authorize", pages[1]]})
    assert verdict.held
    assert "wifi.balikpapan.test > bsw.balikpapan.test > wifi.balikpapan.test" in verdict.seen


def test_a_lease_needs_the_api_and_both_families() -> None:
    facts = {"address": "10.77.0.50/22", "ipv6": "2001:db8:77::5", "option114": trip.CAPTIVE_API}
    assert trip.lease(facts).held
    assert not trip.lease(facts | {"option114": ""}).held


@pytest.mark.parametrize(("up", "down", "held"), [(10, 1200, True), (10, 1100, False), (0, 1200, False)])
def test_usage_holds_at_least_the_pages(up: int, down: int, held: bool) -> None:
    facts = {"rows": 1, "session": "d1b2c3d4-", "minute": "2026-11-24 06:40:00.000000"}
    verdict = trip.counted(facts | {"up_bytes": up, "down_bytes": down, "page_bytes": 1154})
    assert verdict.held is held
    assert f"2026-11-24 06:40 UTC: {up} bytes up, {down} down" in verdict.seen
