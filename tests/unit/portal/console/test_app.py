import re
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

import portal.console
from tests.unit.portal.console.conftest import Console

_PLACES = re.compile(r"%\(\w+\)s")
HERE = Path(portal.console.__file__).parent


def test_every_answer_is_guarded(console: Console) -> None:
    staff = console.staff()
    for path in ("/masuk", "/", "/nothing", "/static/console.css", "/static/nothing"):
        with staff.get(path) as answer:
            headers = answer.headers
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "max-age=31536000" in headers["Strict-Transport-Security"]
        assert headers["Cache-Control"] == (
            "max-age=31536000, immutable" if path == "/static/console.css" else "no-store"
        )


def test_no_page_carries_inline_style_or_script(console: Console) -> None:
    staff = console.staff(role="admin")
    visit = console.visit()
    for path in ("/", f"/sesi/{visit}", f"/sesi/{visit}/akhiri", "/audit", "/akun", "/nothing"):
        page = staff.get(path).text
        assert not re.search(r"\sstyle=|\son\w+=|<style|<script(?! src=)|javascript:", page), path
        assert len(page) < 50_000


@pytest.mark.parametrize("host", ["evil.test", "", "[", "console.balikpapan.test.evil.test", "a b"])
def test_another_name_is_refused(console: Console, host: str) -> None:
    answer = console.app.test_client().get("/masuk", base_url="https://x", headers={"Host": host})
    assert answer.status_code == 400


@pytest.mark.parametrize("host", ["console.balikpapan.test:8444", "127.0.0.1:8444", "localhost"])
def test_our_names_are_served(console: Console, host: str) -> None:
    answer = console.app.test_client().get("/masuk", base_url="https://x", headers={"Host": host})
    assert answer.status_code == 200


def test_languages(console: Console) -> None:
    browser = console.browser()
    assert '<html lang="id">' in browser.get("/masuk").text
    assert '<html lang="id">' in browser.get("/masuk", Accept_Language="fr").text
    assert "Sign in to the console" in browser.get("/masuk", Accept_Language="en-GB,en;q=0.9").text
    assert browser.get("/bahasa/en?lanjut=/akun").location == "/akun"
    assert '<html lang="en">' in browser.get("/masuk").text
    assert browser.get("/bahasa/id?lanjut=//evil.test").location == "/"
    assert '<html lang="id">' in browser.get("/masuk", Accept_Language="en").text
    browser.get("/bahasa/xx")
    assert '<html lang="id">' in browser.get("/masuk").text


def test_a_huge_form_is_refused(console: Console) -> None:
    answer = console.browser().post("/masuk", name="a", password="b" * 20_000)
    assert answer.status_code == 413


def test_the_english_catalogue_is_complete_and_holds_nothing_else() -> None:
    methods = [("**.py", "python"), ("**/templates/**.html", "jinja2")]
    keywords = {"_": None, "_l": None, "gettext": None}
    found = {message for _, _, message, _, _ in extract_from_dir(HERE, methods, keywords=keywords)}
    with (HERE / "translations/en/LC_MESSAGES/console.po").open("rb") as file:
        catalogue = {str(m.id): str(m.string or "") for m in read_po(file) if m.id}
    assert set(catalogue) == found
    for indonesian, english in catalogue.items():
        assert english
        assert set(_PLACES.findall(indonesian)) == set(_PLACES.findall(english))
