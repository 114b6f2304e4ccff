"""Each name leads to its site, and no other name to any."""

from __future__ import annotations

import pytest
from werkzeug.test import Client as Browser

from deploy.sandbox.names import served
from deploy.sandbox.provider import Client, ProviderConfig, create_app
from deploy.sandbox.sites import Sites

PROVIDER = ProviderConfig(
    "https://bsw.balikpapan.test", (Client("gerbang", ("https://wifi.balikpapan.test/oidc/callback",)),)
)


@pytest.fixture(scope="module")
def browser() -> Browser:
    return Browser(Sites(served(), create_app(PROVIDER)))


@pytest.mark.parametrize(
    ("base", "path", "words"),
    [
        ("https://bsw.balikpapan.test", "/.well-known/openid-configuration", "pairwise"),
        ("https://gempita.balikpapan.test", "/api/v1/health", "ok"),
        ("http://berita.test", "/", "Posyandu"),
        ("https://BERITA.test:443", "/", "Posyandu"),
        ("http://berita.test.", "/", "Posyandu"),
        ("http://video.test", "/", "Video contoh"),
        ("http://203.0.113.40", "/", "Video contoh"),
        ("http://[2001:db8:113::40]:80", "/", "Video contoh"),
        ("http://judi.test", "/", "kebijakan menutupnya"),
        ("http://nmcheck.gnome.org", "/check_network_status.txt", "online"),
    ],
)
def test_a_name_leads_to_its_site(browser: Browser, base: str, path: str, words: str) -> None:
    answer = browser.get(path, base_url=base)
    assert answer.status_code == 200
    assert words in answer.text


@pytest.mark.parametrize("host", ["example.org", "ns.internet.test", "203.0.113.99", "[", "", "a b"])
def test_another_name_leads_nowhere(browser: Browser, host: str) -> None:
    assert browser.get("/", headers={"Host": host}).status_code == 421


def test_nobody_signs_in_over_plain_http(browser: Browser) -> None:
    answer = browser.post("/token", base_url="http://bsw.balikpapan.test")
    assert (answer.status_code, answer.headers["Location"]) == (303, "https://bsw.balikpapan.test/")
