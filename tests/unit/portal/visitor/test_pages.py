"""The pages: what they say, what they weigh, and that everybody can read them."""

from __future__ import annotations

from datetime import timedelta
from html.parser import HTMLParser

import pytest
from werkzeug.test import TestResponse

from tests.unit.portal.portals import PHONE, Portal, Visitor

#: Octets of a page with its style and pictures.
LIGHT = 50_000
PAGES = ["/", "/privasi", "/info", "/tiada", "/masuk"]


class Page(HTMLParser):
    """What a screen reader needs to find, and what a strict CSP forbids."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: dict[str, str] = {}
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.open.append(tag)

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts[self.open[-1]] = self.texts.get(self.open[-1], "") + data.strip()

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def check(phone: Visitor, answer: TestResponse, language: str) -> None:
    html = answer.text
    page = Page(html)
    assert page.all("html")[0]["lang"] == language
    assert page.texts["title"].strip()
    assert len(page.all("h1")) == 1
    assert len(page.all("main")) == 1
    assert not page.all("script")
    assert not [a for _, a in page.tags if "style" in a or any(name.startswith("on") for name in a)]
    assert not page.all("style")
    for field in page.all("input"):
        assert field["type"] == "hidden"  # a visible one would need a label
    identifiers = [a["id"] for _, a in page.tags if "id" in a]
    assert len(identifiers) == len(set(identifiers))
    for bar in page.all("progress"):
        assert bar["aria-labelledby"] in identifiers
    for form in page.all("form"):
        assert form["method"] == "post"
    linked = [link["href"] for link in page.all("link")]
    weight = len(answer.data) + sum(len(phone.get(str(href)).data) for href in linked)
    assert weight < LIGHT
    assert not [href for href in linked if not str(href).startswith("/static/")]


@pytest.mark.parametrize("language", ["id", "en"])
@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_light_and_readable(portal: Portal, path: str, language: str) -> None:
    phone = portal.client()
    check(phone, phone.get(f"{path}?lang={language}"), language)


@pytest.mark.parametrize("language", ["id", "en"])
def test_the_page_online_too(portal: Portal, language: str) -> None:
    phone = portal.client()
    phone.sign_in()
    portal.enforcer.kernel.carry(PHONE, up=200_000_000, down=1_000_000_000)
    answer = phone.get(f"/status?lang={language}")
    check(phone, answer, language)
    expected = {
        "id": ["Anda sudah online", "1,2 GB dari 2 GB terpakai", "800 MB", "Perpanjang 2 jam"],
        "en": ["You are online", "1.2 GB of 2 GB used", "800 MB", "Extend by 2 h"],
    }
    for text in expected[language]:
        assert text in answer.text
    assert " WITA" in answer.text


def test_the_welcome_page_says_what_one_must_know_before(portal: Portal) -> None:
    page = portal.client().get("/").text
    for text in (
        "Taman Bekapai",
        "Masuk dengan Balikpapan Single Window",
        'href="/privasi"',
        "Yang kami catat",
        "selama 2 jam, hingga 2 GB",
    ):
        assert text in page
    assert page.count("<li><p>") == 3


def test_the_privacy_notice_is_whole(portal: Portal) -> None:
    page = portal.client().get("/privasi").text
    for text in (
        "Diskominfo Kota Balikpapan",
        "wifi@balikpapan.test",
        "Untuk apa",
        "Dasar hukum",
        "Yang dicatat",
        "Yang tidak dicatat",
        "90 hari",
        "Siapa yang menerima",
        "Hak Anda",
        "24 jam",
        "Pengaduan",
    ):
        assert text in page


def test_it_warns_before_the_end(portal: Portal) -> None:
    phone = portal.client()
    phone.sign_in()
    assert "hampir berakhir" not in phone.get("/status").text
    portal.enforcer.kernel.pass_time(7_200 - 599)
    assert "Perpanjang sekarang" in phone.get("/status").text
    for _ in range(2):
        phone.press("/perpanjang", "/status")
    assert "hampir berakhir" not in phone.get("/status").text
    portal.enforcer.kernel.pass_time(4 * 3_600)
    assert "Sesudahnya Anda dapat masuk lagi" in phone.get("/status").text


def test_it_warns_before_the_bytes_are_used_up(portal: Portal) -> None:
    phone = portal.client()
    phone.sign_in()
    portal.enforcer.kernel.carry(PHONE, down=1_900_000_000)
    assert "hampir berakhir" in phone.get("/status").text


def test_the_welcome_page_says_why_one_is_here_again(portal: Portal) -> None:
    phone = portal.client()
    phone.sign_in()
    portal.enforcer.kernel.pass_time(7_201)
    portal.clock.offset += timedelta(seconds=7_201)
    assert "Waktu kunjungan Anda sudah habis" in phone.get("/").text


def test_the_status_page_renews_itself_only_for_who_asked(portal: Portal) -> None:
    phone = portal.client()
    phone.sign_in()
    assert "http-equiv" not in phone.get("/status").text
    assert '<meta http-equiv="refresh" content="60">' in phone.get("/status?otomatis=1").text


def test_status_of_a_captive_phone_is_the_way_in(portal: Portal) -> None:
    answer = portal.client().get("/status")
    assert (answer.status_code, answer.location) == (302, "/")


def test_a_session_that_the_database_does_not_know_is_shown_all_the_same(portal: Portal) -> None:
    phone = portal.client()
    phone.sign_in()
    with portal.database.begin() as connection:
        connection.exec_driver_sql("DELETE FROM visits")
    page = phone.get("/status").text
    assert 'id="online"' in page
    assert 'action="/perpanjang"' not in page


@pytest.mark.parametrize("changes", [{"gateway": {"hotspot": '<b>Taman</b> & "Bekapai"'}}])
def test_names_from_the_settings_are_text(portal: Portal, changes: object) -> None:
    assert "<b>Taman" not in portal.client().get("/").text


@pytest.mark.parametrize("path", ["/?lang=<script>", "/?lang=%00", "/tiada/<script>alert(1)</script>", "/%ff%fe"])
def test_nothing_that_was_asked_comes_back(portal: Portal, path: str) -> None:
    answer = portal.client().get(path)
    assert answer.status_code in (200, 404)
    assert "script" not in answer.text
    assert not answer.headers.get("Set-Cookie", "").startswith("__Host-bahasa")


def test_static_files_are_kept_for_good_under_a_name_of_their_content(portal: Portal) -> None:
    phone = portal.client()
    page = Page(phone.get("/").text)
    for link in page.all("link"):
        answer = phone.get(str(link["href"]))
        assert answer.status_code == 200
        assert "v=" in str(link["href"])
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert phone.get("/static/../app.py").status_code in (302, 404)
