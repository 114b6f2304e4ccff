"""Sign in, extend, sign out, as browsers without scripts do it, and as attackers try it."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from tests.providers import BUDI, sign_in
from tests.unit.portal.portals import CALLBACK, HOST, OTHER, PHONE, Portal

FORMS = ["/masuk", "/perpanjang", "/keluar"]


def test_the_whole_trip(portal: Portal) -> None:
    phone = portal.client()
    assert 'id="masuk"' in phone.get("/").text
    done = phone.sign_in()
    assert (done.status_code, done.location) == (303, "/status")
    assert 'id="online"' in phone.get("/status").text
    assert 'id="online"' in phone.get("/").text
    assert phone.press("/perpanjang", "/status").location == "/status"
    assert "Dapat diperpanjang 1 kali lagi" in phone.get("/status").text
    assert phone.press("/keluar", "/status").location == "/"
    assert "Anda sudah keluar" in phone.get("/").text
    assert portal.enforcer.kernel.opened() == {}


@pytest.mark.parametrize("form", FORMS)
def test_a_form_of_another_site_does_nothing(portal: Portal, form: str) -> None:
    phone = portal.client()
    phone.sign_in()
    before = portal.enforcer.kernel.opened()
    for token in (None, "", "forged", "é\x00"):
        answer = phone.post(form, data={} if token is None else {"csrf_token": token, "extensions": "0"})
        assert answer.status_code == 400
        assert "terlalu lama terbuka" in answer.text
    assert portal.enforcer.kernel.opened().keys() == before.keys()
    assert portal.rows("visits")[0]["extensions"] == 0


@pytest.mark.parametrize("form", FORMS)
def test_a_form_opened_as_a_page_says_what_to_do(portal: Portal, form: str) -> None:
    answer = portal.client().get(form)
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]
    assert "Kembali ke halaman awal" in answer.text


def test_a_callback_in_another_browser_is_refused(portal: Portal) -> None:
    phone, attacker = portal.client(), portal.client()
    attacker.press("/masuk")
    answer = sign_in(phone.press("/masuk").location).removeprefix(HOST)
    assert attacker.get(answer).status_code == 400
    assert portal.client().get(answer).status_code == 400
    assert portal.enforcer.kernel.opened() == {}
    assert phone.get(answer).status_code == 303  # the strangers' tries did not use it up


def test_a_callback_on_another_phone_is_refused(portal: Portal) -> None:
    phone = portal.client()
    answer = sign_in(phone.press("/masuk").location).removeprefix(HOST)
    phone.address = str(OTHER.address)
    assert phone.get(answer).status_code == 400
    assert portal.enforcer.kernel.opened() == {}


def test_a_callback_works_once(portal: Portal) -> None:
    phone = portal.client()
    answer = sign_in(phone.press("/masuk").location).removeprefix(HOST)
    assert phone.get(answer).status_code == 303
    again = phone.get(answer)
    assert again.status_code == 400
    assert "Masuk tidak berhasil" in again.text


def test_the_session_is_another_one_after_sign_in(portal: Portal) -> None:
    phone = portal.client()
    phone.press("/masuk")
    old = phone.browser.get_cookie("__Host-gerbang", domain="wifi.balikpapan.test")
    phone.sign_in()
    new = phone.browser.get_cookie("__Host-gerbang", domain="wifi.balikpapan.test")
    assert old is not None
    assert new is not None
    assert new.value != old.value
    phone.press("/keluar", "/status")
    url = phone.press("/masuk").location
    phone.browser.set_cookie("__Host-gerbang", old.value, domain="wifi.balikpapan.test")
    assert phone.get(sign_in(url, BUDI).removeprefix(HOST)).status_code == 400


def test_the_visitor_may_change_their_mind(portal: Portal) -> None:
    phone = portal.client()
    state = dict(pair.split("=") for pair in phone.press("/masuk").location.split("?")[1].split("&"))["state"]
    issuer = portal.settings.identity.issuer
    query = urlencode({"error": "access_denied", "state": state, "iss": issuer})
    answer = phone.get(f"/oidc/callback?{query}")
    assert answer.status_code == 400
    assert "Anda membatalkan masuk" in answer.text


@pytest.mark.parametrize(
    "query",
    [
        "",
        "state=",
        "code=x",
        "state=a&state=b",
        "code=%00&state=%ff%fe",
        "state=" + "x" * 3_000,
        "%00=%00",
        "a&b&=c",
    ],
)
def test_a_callback_nobody_asked_for_is_refused(portal: Portal, query: str) -> None:
    phone = portal.client()
    assert phone.get(f"/oidc/callback?{query}").status_code == 400
    phone.press("/masuk")
    assert phone.get(f"/oidc/callback?{query}").status_code == 400
    assert portal.enforcer.kernel.opened() == {}


def test_a_phone_online_does_not_sign_in_again(portal: Portal) -> None:
    phone = portal.client()
    page = phone.get("/").text
    token = page.split('name="csrf_token" value="')[1].split('"')[0]
    portal.client().sign_in()
    assert phone.post("/masuk", data={"csrf_token": token}).location == "/status"


def test_extending_when_it_is_over_leads_to_the_start(portal: Portal) -> None:
    phone = portal.client()
    phone.sign_in()
    page = phone.get("/status").text
    token = page.split('name="csrf_token" value="')[1].split('"')[0]
    portal.enforcer.kernel.pass_time(7_201)
    assert phone.post("/perpanjang", data={"csrf_token": token}).location == "/"


def test_no_extension_beyond_the_last(portal: Portal) -> None:
    phone = portal.client()
    phone.sign_in()
    for _ in range(2):
        phone.press("/perpanjang", "/status")
    assert 'action="/perpanjang"' not in phone.get("/status").text
    answer = phone.press("/keluar", "/status")
    assert answer.status_code == 303


@pytest.mark.parametrize("extensions", ["", "-1", "1.5", "x", "²", "9" * 5_000])
def test_a_strange_number_extends_nothing_twice(portal: Portal, extensions: str) -> None:
    phone = portal.client()
    phone.sign_in()
    assert phone.press("/perpanjang", "/status", extensions=extensions).status_code == 303
    assert phone.press("/perpanjang", "/status", extensions=extensions).status_code == 303
    assert portal.rows("visits")[0]["extensions"] <= 1


def test_sign_in_is_limited_by_phone_not_by_address(portal: Portal) -> None:
    phone = portal.client()
    token = phone.get("/").text.split('name="csrf_token" value="')[1].split('"')[0]
    answers = [phone.post("/masuk", data={"csrf_token": token}) for _ in range(12)]
    assert [a.status_code for a in answers] == [303] * 10 + [429] * 2
    assert answers[-1].headers["Retry-After"] == "60"
    assert "Terlalu sering mencoba" in answers[-1].text
    portal.enforcer.kernel.move(OTHER.address, PHONE.mac)
    phone.address = str(OTHER.address)
    assert phone.post("/masuk", data={"csrf_token": token}).status_code == 429
    assert portal.client().get("/").status_code == 200


def test_guessing_callbacks_is_limited(portal: Portal) -> None:
    phone = portal.client()
    statuses = [phone.get(f"/oidc/callback?state={number}&code=x").status_code for number in range(12)]
    assert statuses == [400] * 10 + [429] * 2


@pytest.mark.parametrize("changes", [{"identity": {"issuer": "http://127.0.0.1:9"}}])
def test_without_the_provider_the_page_says_so(portal: Portal, changes: object) -> None:
    answer = portal.client().press("/masuk")
    assert answer.status_code == 503
    assert "BSW sedang gangguan" in answer.text
    assert answer.headers["Retry-After"]


def test_without_the_enforcer_the_page_says_so(portal: Portal) -> None:
    phone = portal.client()
    phone.press("/masuk")
    portal.part()
    for answer in (phone.get("/"), phone.get("/status"), phone.get("/oidc/callback?state=x")):
        assert answer.status_code == 503
        assert "Gerbang WiFi sedang disiapkan" in answer.text
    assert phone.get("/privasi").status_code == 200


def test_a_refusal_of_the_kernel_is_a_page_and_no_visit(portal: Portal) -> None:
    phone = portal.client()
    back = sign_in(phone.press("/masuk").location).removeprefix(HOST)
    portal.enforcer.kernel.refuse_next = "no memory"
    assert phone.get(back).status_code == 503
    assert portal.rows("visits") == []
    assert 'id="masuk"' in phone.get("/").text


@pytest.mark.parametrize("address", ["10.77.1.99", "127.0.0.1", "fe80::1%lan0", "", "nonsense"])
def test_a_device_that_is_not_on_the_wifi_cannot_begin(portal: Portal, address: str) -> None:
    phone = portal.client()
    token = phone.get("/").text.split('name="csrf_token" value="')[1].split('"')[0]
    phone.address = address
    assert "tidak terlihat di WiFi" in phone.get("/").text
    answer = phone.post("/masuk", data={"csrf_token": token})
    assert answer.status_code == 403
    assert "VPN" in answer.text


def test_a_large_form_is_not_read(portal: Portal) -> None:
    answer = portal.client().post("/masuk", data={"csrf_token": "x" * 20_000})
    assert answer.status_code == 413
    assert "Kiriman terlalu besar" in answer.text


def test_the_callback_is_where_the_provider_was_told(portal: Portal) -> None:
    assert urlencode({"redirect_uri": CALLBACK}) in portal.client().press("/masuk").location
