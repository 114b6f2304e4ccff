"""What a person sees and can do at the sign-in page."""

from __future__ import annotations

import re

import pytest
import requests

from tests.providers import SARI, form_token
from tests.unit.deploy.sandbox.provider.conftest import PUBLIC, Attempt, query


def post(browser: requests.Session, url: str, **form: str) -> requests.Response:
    return browser.post(url, data=form, allow_redirects=False, timeout=5)


def test_it_is_indonesian_first_and_english_for_who_asks(public: Attempt) -> None:
    plain = requests.get(public.url(), timeout=5)
    assert '<html lang="id">' in plain.text
    assert "Akun contoh" in plain.text
    assert "SANDBOX" in plain.text
    both = requests.get(public.url(), headers={"Accept-Language": "en;q=0.5, id"}, timeout=5)
    assert '<html lang="id">' in both.text
    english = requests.get(public.url(), headers={"Accept-Language": "en-GB"}, timeout=5)
    assert '<html lang="en">' in english.text
    assert "Example accounts" in english.text


def test_it_needs_no_script_and_lets_none_run(public: Attempt) -> None:
    page = requests.get(public.url(), timeout=5)
    policy = page.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "script" not in policy + page.text
    assert "style=" not in page.text
    assert policy.endswith("form-action 'self' https://wifi.balikpapan.test")
    assert page.headers["Cache-Control"] == "no-store"
    sheet = requests.get(f"{public.issuer}/static/bsw.css", timeout=5)
    assert sheet.status_code == 200
    assert len(page.content) + len(sheet.content) < 10_000


def test_every_field_has_a_label(public: Attempt) -> None:
    page = requests.get(public.url(), timeout=5).text
    fields = re.findall(r'<input id="(\w+)"', page)
    assert fields == ["login", "pin"]
    assert all(f'<label for="{field}">' in page for field in fields)


def test_a_wrong_pin_is_told_and_may_be_tried_again(public: Attempt) -> None:
    with requests.Session() as browser:
        token = form_token(browser.get(public.url(), timeout=5).text)
        wrong = post(browser, public.url(), csrf_token=token, login='sari"><b>', pin="000000")
        assert wrong.status_code == 401
        assert 'role="alert"' in wrong.text
        assert "<b>" not in wrong.text
        assert "000000" not in wrong.text
        right = post(
            browser, public.url(), csrf_token=form_token(wrong.text), login="+62 812-0000-0001", pin=SARI.pin
        )
        assert right.status_code == 303
        assert "code" in query(right.headers["Location"])


@pytest.mark.parametrize(("login", "pin"), [("sari", ""), ("", ""), ("nobody", ""), ("sari", "135791")])
def test_nothing_less_than_the_right_pair_opens(public: Attempt, login: str, pin: str) -> None:
    with requests.Session() as browser:
        token = form_token(browser.get(public.url(), timeout=5).text)
        assert post(browser, public.url(), csrf_token=token, login=login, pin=pin).status_code == 401


def test_who_cancels_is_sent_back_without_a_code(public: Attempt) -> None:
    with requests.Session() as browser:
        token = form_token(browser.get(public.url(), timeout=5).text)
        back = post(browser, public.url(), csrf_token=token, cancel="1")
    answer = query(back.headers["Location"])
    assert back.headers["Location"].startswith(PUBLIC.redirect_uris[0])
    assert answer["error"] == "access_denied"
    assert (answer["state"], answer["iss"]) == ("state-1", public.issuer)
    assert "code" not in answer


def test_a_form_from_elsewhere_is_refused(public: Attempt) -> None:
    with requests.Session() as stranger, requests.Session() as browser:
        foreign = form_token(stranger.get(public.url(), timeout=5).text)
        browser.get(public.url(), timeout=5)
        for form in ({}, {"csrf_token": foreign}):
            answer = post(browser, public.url(), login="sari", pin=SARI.pin, **form)
            assert answer.status_code == 400
            assert "Location" not in answer.headers


def test_a_person_without_a_request_is_told_where_to_begin(public: Attempt) -> None:
    assert "warga" in requests.get(public.issuer, timeout=5).text
