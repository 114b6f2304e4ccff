"""A provider that cannot work does not start."""

from __future__ import annotations

import pytest

from deploy.sandbox.provider import Client, ProviderConfig, create_app

CLIENT = Client("gerbang", ("https://wifi.balikpapan.test/oidc/callback",))


@pytest.mark.parametrize(
    "issuer",
    [
        "https://bsw.balikpapan.test/",
        "https://bsw.balikpapan.test?a",
        "https://user@bsw.balikpapan.test",
        "http://bsw.balikpapan.test",
        "http://203.0.113.10",
        "bsw.balikpapan.test",
        "",
    ],
)
def test_an_issuer_is_an_https_origin(issuer: str) -> None:
    with pytest.raises(ValueError, match="issuer"):
        ProviderConfig(issuer, (CLIENT,))


def test_a_token_lives() -> None:
    with pytest.raises(ValueError, match="at least 1 second"):
        ProviderConfig("https://bsw.balikpapan.test", (CLIENT,), id_token_seconds=0)


@pytest.mark.parametrize(
    "uris", [(), ("/callback",), ("https://a.test/#x",), ("https://a.test/", "https://b.test/")]
)
def test_a_client_has_redirect_uris_of_one_sector(uris: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="redirect URI"):
        Client("gerbang", uris)


def test_over_https_the_cookie_is_bound_to_the_host() -> None:
    app = create_app(ProviderConfig("https://bsw.balikpapan.test", (CLIENT,)))
    url = "/authorize?response_type=code&client_id=gerbang&scope=openid&code_challenge_method=S256"
    url += f"&redirect_uri={CLIENT.redirect_uris[0]}&code_challenge={'c' * 43}"
    page = app.test_client().get(url, base_url="https://bsw.balikpapan.test")
    cookie = page.headers["Set-Cookie"]
    assert cookie.startswith("__Host-bsw=")
    assert all(mark in cookie for mark in ("Secure", "HttpOnly", "Path=/", "SameSite=Lax"))
