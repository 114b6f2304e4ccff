from typing import Any

import pytest
import requests
from requests.adapters import BaseAdapter

from deploy.lab.browser import Browser

WELCOME = """<title> Selamat
datang</title><a href="/bantuan">Bantuan</a>
<form method="post" action="/login"><input type="hidden" name="csrf_token" value="abc">
<input type="checkbox" name="agree" value="yes"><input name="login" value=""><input type="password" name="pin">
<button>Masuk dengan <b>BSW</b></button><button name="cancel" value="1">Batal</button></form>
<form><input name="q"><input type="submit" value="Cari"></form>"""


class Site(BaseAdapter):
    """Answers every request with one page and keeps what was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[requests.PreparedRequest] = []

    def send(self, request: requests.PreparedRequest, **_: Any) -> requests.Response:  # type: ignore[override]
        self.asked.append(request)
        response = requests.Response()
        response.status_code, response.url, response.request = 200, str(request.url), request
        response._content, response.encoding = WELCOME.encode(), "utf-8"
        return response

    def close(self) -> None:
        pass


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.fixture
def browser(site: Site) -> Browser:
    session = requests.Session()
    session.mount("http://", site)
    opened = Browser(session)
    opened.open("http://wifi.test/welcome")
    return opened


def body(site: Site) -> str:
    return str(site.asked[-1].body)


def test_finds_what_a_person_reads(browser: Browser) -> None:
    assert browser.title == "Selamat datang"
    assert [control.text for control in browser.controls] == ["Bantuan", "Masuk dengan BSW", "Batal", "Cari"]
    assert browser.find("tidak ada") is None


def test_sends_the_form_with_its_hidden_fields_and_the_answers(browser: Browser, site: Site) -> None:
    control = browser.find("masuk")
    assert control is not None
    browser.press(control, {"login": "sari", "password": "1234", "checkbox": "on"})
    assert site.asked[-1].url == "http://wifi.test/login"
    assert body(site) == "csrf_token=abc&login=sari&pin=1234&agree=on"
    assert site.asked[-1].headers["Origin"] == "http://wifi.test"


def test_only_the_pressed_button_is_sent(browser: Browser, site: Site) -> None:
    control = browser.find("batal")
    assert control is not None
    browser.press(control, {})
    assert "cancel=1" in body(site)
    assert "agree" not in body(site)


def test_a_form_without_method_or_action_asks_its_own_page(browser: Browser, site: Site) -> None:
    control = browser.find("cari")
    assert control is not None
    browser.press(control, {"q": "taman bekapai"})
    assert site.asked[-1].url == "http://wifi.test/welcome?q=taman+bekapai"


def test_a_link_is_followed_without_a_body(browser: Browser, site: Site) -> None:
    control = browser.find("bantuan")
    assert control is not None
    browser.press(control, {})
    assert (site.asked[-1].method, site.asked[-1].url) == ("GET", "http://wifi.test/bantuan")
