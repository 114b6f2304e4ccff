"""RFC 8908 as phones ask it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.unit.portal.portals import HOST, OTHER, PHONE, Portal

API = "/captive-portal/api"
ALWAYS = {"user-portal-url": f"{HOST}/", "venue-info-url": f"{HOST}/info"}


def state(answer: TestResponse) -> dict[str, Any]:
    assert answer.status_code == 200
    assert answer.content_type == "application/captive+json"
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert answer.headers["Vary"] == "Accept"
    assert len(answer.data) < 4_096  # Android reads no more
    return dict(json.loads(answer.data))


@pytest.mark.parametrize(
    "accept",
    [None, "", "*/*", "application/captive+json", "application/json", "text/html, application/captive+json"],
)
def test_a_captive_phone_learns_where_to_go(portal: Portal, accept: str | None) -> None:
    headers = {} if accept is None else {"Accept": accept}
    answer = portal.client().get(API, headers=headers)
    assert state(answer) == ALWAYS | {"captive": True, "can-extend-session": True}
    assert "Set-Cookie" not in answer.headers


def test_a_phone_online_learns_all_six_facts_from_live_counters(portal: Portal) -> None:
    phone = portal.client()
    phone.sign_in()
    portal.enforcer.kernel.carry(PHONE, up=1_000, down=9_000)
    portal.enforcer.kernel.pass_time(60)
    assert state(phone.get(API)) == ALWAYS | {
        "captive": False,
        "can-extend-session": True,
        "seconds-remaining": 7_200 - 60,
        "bytes-remaining": 2_000_000_000 - 10_000,
    }
    assert state(portal.client(OTHER).get(API))["captive"] is True


def test_it_is_captive_again_after_the_end(portal: Portal) -> None:
    phone = portal.client()
    phone.sign_in()
    portal.enforcer.kernel.pass_time(7_201)
    assert state(phone.get(API)) == ALWAYS | {"captive": True, "can-extend-session": True}


@pytest.mark.parametrize("changes", [{"visits": {"bytes": 0, "extensions": 0}}])
def test_unlimited_bytes_are_left_out(portal: Portal, changes: object) -> None:
    phone = portal.client()
    phone.sign_in()
    told = state(phone.get(API))
    assert "bytes-remaining" not in told
    assert told["can-extend-session"] is False


def test_a_browser_is_shown_the_page(portal: Portal) -> None:
    answer = portal.client().get(API, headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert (answer.status_code, answer.location) == (302, "/")
    assert answer.headers["Vary"] == "Accept"


def test_without_the_enforcer_it_does_not_guess(portal: Portal) -> None:
    portal.part()
    answer = portal.client().get(API)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "30"


@pytest.mark.parametrize("name", ["X-Forwarded-For", "X-Real-IP", "Forwarded"])
def test_a_phone_cannot_say_that_it_is_another(portal: Portal, name: str) -> None:
    portal.client().sign_in()
    value = f"for={PHONE.address}" if name == "Forwarded" else str(PHONE.address)
    assert state(portal.client(OTHER).get(API, headers={name: value}))["captive"] is True


def test_an_ipv4_phone_on_a_dual_stack_socket_is_itself(portal: Portal) -> None:
    phone = portal.client()
    phone.sign_in()
    phone.address = f"::ffff:{PHONE.address}"
    assert state(phone.get(API))["captive"] is False
