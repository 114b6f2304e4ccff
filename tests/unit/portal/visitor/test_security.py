from __future__ import annotations

import pytest

from tests.unit.portal.portals import HOST, Portal


@pytest.mark.parametrize(
    "path", ["/", "/privasi", "/tiada", "/masuk", "/captive-portal/api", "/static/portal.css"]
)
def test_every_answer_is_fenced(portal: Portal, path: str) -> None:
    headers = portal.client().get(path).headers
    policy = dict(part.strip().partition(" ")[::2] for part in headers["Content-Security-Policy"].split(";"))
    assert policy == {
        "default-src": "'none'",
        "style-src": "'self'",
        "img-src": "'self'",
        "form-action": f"'self' {' '.join(sorted([portal.settings.identity.issuer, 'https://bsw.balikpapan.test']))}",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert "Strict-Transport-Security" not in headers
    if path != "/static/portal.css":
        assert "no-store" in headers["Cache-Control"]


def test_cookies_belong_to_this_host_only(portal: Portal) -> None:
    cookies = portal.client().get("/?lang=en").headers.getlist("Set-Cookie")
    assert len(cookies) == 2
    for cookie in cookies:
        attributes = {part.strip() for part in cookie.split(";")[1:]}
        assert cookie.startswith("__Host-")
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= attributes
        assert "Domain" not in cookie


@pytest.mark.parametrize(
    "host",
    [
        "wifi.balikpapan.test",
        "WIFI.balikpapan.test:443",
        "wifi.balikpapan.test.",
        "10.77.0.1",
        "127.0.0.1:8443",
        "[2001:db8:77::1]",
        "[::1]:8443",
        "localhost",
    ],
)
def test_it_answers_to_its_own_names(portal: Portal, host: str) -> None:
    assert portal.client().get("/", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["", "evil.test", "wifi.balikpapan.test.evil.test", "10.77.0.2", "[", "[::1", ":", "a" * 4_000, "wifi\x7f"],
)
def test_any_other_name_leads_to_its_own(portal: Portal, host: str) -> None:
    answer = portal.client().get("/tiada", environ_overrides={"HTTP_HOST": host})
    assert (answer.status_code, answer.location) == (302, f"{HOST}/")
    assert portal.client().post("/keluar", environ_overrides={"HTTP_HOST": host}).status_code == 302
