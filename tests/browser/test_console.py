"""The console as staff see it: from the one-time password to a session that is ended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from deploy.lab.configuration import CONSOLE_HOST
from deploy.lab.lab import Lab, Phone
from tests.browser.chromium import Browser, Kind, chromium
from tests.network.caller import ask
from tests.network.guest import Guest
from tests.network.inspection import ending, poll, rows

pytestmark = pytest.mark.browser

HOME = f"https://{CONSOLE_HOST}:8444"
PASSWORD = "kapal-jeruk-lima-belas-payung"
WIDE = Kind(width=1280, height=900, mobile=False, names={CONSOLE_HOST: "127.0.0.1"})


@pytest.fixture
def desk(lab: Lab) -> Phone:
    """The gateway itself, where its console is; its browser trusts the laboratory's authority."""
    return Phone(replace(lab.gateway, trusted=lab.places.authority), lab.source)


@pytest.fixture
def session(lab: Lab, guest: Guest) -> Iterator[str]:
    """A live session with some usage."""
    guest.steps("signin", "fetch", account="tia")
    found = str(ask(lab, "portal", "look", guest.ipv4)["session"])
    poll(lambda: rows(lab, "SELECT 1 FROM usage_minutes WHERE session = ?", found), 10, "usage is recorded")
    yield found
    if not guest.api()["captive"]:
        guest.steps("signout")


def sign_in(browser: Browser, name: str, password: str) -> None:
    browser.open(f"{HOME}/")
    browser.fill("name", name)
    browser.fill("password", password)
    browser.press("Masuk")


def test_staff_end_a_session(lab: Lab, desk: Phone, session: str, guest: Guest) -> None:
    once = lab.gerbang("console", "staff", "add", "rahma", "--role", "admin").strip()
    with chromium(desk, WIDE) as browser:
        browser.open(f"{HOME}/")
        browser.keep("konsol-masuk")
        sign_in(browser, "rahma", "bukan-ini")
        assert "tidak cocok" in browser.text
        browser.keep("konsol-masuk-salah")
        sign_in(browser, "rahma", once)
        browser.keep("konsol-sandi-baru")
        browser.fill("password", PASSWORD)
        browser.fill("again", PASSWORD)
        browser.press("Pakai kata sandi ini")
        assert browser.heading == "Sesi sekarang"
        browser.keep("konsol-sesi")

        browser.open(f"{HOME}/sesi/{session}")
        browser.keep("konsol-satu-sesi")
        browser.press("Akhiri sesi")
        browser.keep("konsol-akhiri")
        browser.fill("reason", "Diminta pemilik tempat")
        browser.press("Akhiri sesi")
        assert guest.api()["captive"] is True
        assert ending(lab, session)[0] == "operator"
        browser.keep("konsol-diakhiri")
        browser.open(f"{HOME}/audit")
        assert "rahma" in browser.text
        browser.keep("konsol-audit")
        browser.press("Akun saya")
        browser.keep("konsol-akun")
        browser.open(f"{HOME}/sesi/tidak-ada")
        browser.keep("konsol-tidak-ada")
    audited = rows(lab, "SELECT actor FROM audit_entries WHERE subject = ?", session)
    assert {actor for (actor,) in audited} == {"rahma"}


def test_the_console_on_a_small_screen(lab: Lab, desk: Phone, session: str) -> None:
    once = lab.gerbang("console", "staff", "add", "wayan", "--role", "operator").strip()
    with chromium(desk, replace(WIDE, width=360, height=740, mobile=True)) as browser:
        sign_in(browser, "wayan", once)
        browser.fill("password", PASSWORD)
        browser.fill("again", PASSWORD)
        browser.press("Pakai kata sandi ini")
        browser.keep("konsol-sesi-ponsel")
        browser.open(f"{HOME}/sesi/{session}")
        browser.keep("konsol-satu-sesi-ponsel")
        browser.press("Keluar")
        assert browser.heading == "Masuk ke konsol"
