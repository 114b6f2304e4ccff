"""A visitor's pages as a phone's own browser shows them, from the probe to the end of the visit."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from deploy.lab.configuration import PORTAL_HOST
from deploy.lab.phone import PROBE
from deploy.sandbox.names import NEWS_NAME, PROVIDER_NAME
from deploy.sandbox.provider.residents import RESIDENTS
from tests.browser.chromium import Browser, Kind, chromium
from tests.browser.scriptless import Scriptless
from tests.network.guest import Guest
from tests.network.inspection import poll

pytestmark = pytest.mark.browser

HOME = f"https://{PORTAL_HOST}"
#: A page of the portal with all that belongs to it, octets (issue "First light").
HEAVIEST = 50_000


@pytest.fixture
def phone(guest: Guest) -> Iterator[Guest]:
    yield guest
    if not guest.api()["captive"]:
        guest.steps("signout")


def sign_in(browser: Browser, button: str, submit: str) -> None:
    """From the welcome page through Balikpapan Single Window and back."""
    browser.press(button)
    assert browser.url.startswith(f"https://{PROVIDER_NAME}/")
    resident = RESIDENTS[2]
    browser.fill("login", resident.username)
    browser.fill("pin", resident.pin)
    browser.press(submit)
    assert browser.url == f"{HOME}/status"


def test_from_the_probe_to_online_and_out_again(phone: Guest) -> None:
    with chromium(phone.phone, Kind()) as browser:
        browser.open(PROBE)
        assert browser.url == f"{HOME}/"
        assert 1_000 < browser.received() < HEAVIEST
        browser.keep("selamat-datang")
        browser.press("Masuk dengan Balikpapan Single Window")
        browser.keep("bsw-masuk")
        browser.fill("login", "sari")
        browser.fill("pin", "000000")
        browser.press("Masuk")
        assert "tidak cocok" in browser.text
        browser.keep("bsw-salah")
        browser.fill("pin", RESIDENTS[0].pin)
        browser.press("Masuk")
        assert (browser.url, browser.heading) == (f"{HOME}/status", "Anda sudah online")
        assert browser.received() < HEAVIEST * 4  # three pages of BSW's and one of ours
        browser.keep("online")
        assert phone.api()["captive"] is False

        browser.open(f"https://{NEWS_NAME}/")
        assert browser.heading == "Berita Kota"
        browser.open(f"{HOME}/")
        before = phone.api()["seconds-remaining"]
        browser.press("Perpanjang")
        assert phone.api()["seconds-remaining"] > before + 3_000
        browser.keep("diperpanjang")
        browser.press("Keluar dari WiFi")
        assert browser.url == f"{HOME}/"
        assert "Anda sudah keluar" in browser.text
        browser.keep("sudah-keluar")
        assert phone.api()["captive"] is True


def test_without_scripts(phone: Guest) -> None:
    with chromium(phone.phone, Kind(waits=False)) as driven:
        browser = Scriptless(driven)
        browser.open(PROBE)
        browser.arrives(f"{HOME}/")
        browser.press("#masuk")
        browser.arrives(f"https://{PROVIDER_NAME}/")
        browser.fill("#login", RESIDENTS[2].username)
        browser.fill("#pin", RESIDENTS[2].pin)
        browser.press("form button")
        browser.arrives(f"{HOME}/status")
        assert browser.title.startswith("Anda sudah online")
        assert phone.api()["captive"] is False
        browser.press("#keluar")
        poll(lambda: browser.url == f"{HOME}/", 15, "signed out")
        assert phone.api()["captive"] is True


def test_in_english(phone: Guest) -> None:
    with chromium(phone.phone, Kind(language="en")) as browser:
        browser.open(PROBE)
        assert browser.driver.find_element("tag name", "html").get_attribute("lang") == "en"
        browser.keep("welcome-en")
        sign_in(browser, "Balikpapan Single Window", "Sign in")
        assert "online" in browser.heading
        browser.keep("online-en")
        browser.open(f"{HOME}/?lang=id")
        assert browser.heading == "Anda sudah online"


@pytest.mark.parametrize("language", ["id", "en"])
def test_a_code_for_the_app_on_another_phone(phone: Guest, language: str) -> None:
    button, cancel = {"id": ("ponsel lain", "Batalkan"), "en": ("another phone", "Cancel")}[language]
    with chromium(phone.phone, Kind(language=language)) as browser:
        browser.open(f"{HOME}/")
        browser.press(button)
        assert browser.url == f"{HOME}/masuk/kode"
        assert browser.received() < HEAVIEST * 2  # two pages
        browser.keep(f"kode-{language}")
        browser.press(cancel)
        assert browser.url == f"{HOME}/"


@pytest.mark.parametrize(("path", "name"), [("/privasi", "privasi"), ("/info", "info")])
@pytest.mark.parametrize("language", ["id", "en"])
def test_what_is_to_be_read_before_signing_in(phone: Guest, path: str, name: str, language: str) -> None:
    with chromium(phone.phone, Kind(language=language)) as browser:
        browser.open(f"{HOME}{path}")
        assert browser.driver.find_element("tag name", "html").get_attribute("lang") == language
        assert "privasi@balikpapan.test" in browser.text
        assert browser.received() < HEAVIEST
        browser.keep(f"{name}-{language}")


@pytest.mark.parametrize(
    ("path", "name"), [("/oidc/callback?code=a&state=b", "masuk-gagal"), ("/tidak-ada", "tidak-ada")]
)
def test_what_goes_wrong_is_said_with_a_way_on(phone: Guest, path: str, name: str) -> None:
    with chromium(phone.phone, Kind()) as browser:
        browser.open(f"{HOME}{path}")
        browser.keep(name)
        browser.press_main()
        assert browser.url == f"{HOME}/"
