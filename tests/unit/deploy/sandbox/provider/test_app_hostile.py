"""Whatever bytes come, the provider answers with a page or an error of its own, never with a fault."""

from __future__ import annotations

from urllib.parse import quote_from_bytes

from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.sandbox.provider import ProviderConfig, create_app
from tests.unit.deploy.sandbox.provider.conftest import CONFIDENTIAL, PUBLIC

ISSUER = "https://bsw.balikpapan.test"
APP = create_app(ProviderConfig(ISSUER, (PUBLIC, CONFIDENTIAL)))
APP.config["WTF_CSRF_ENABLED"] = False  # it would stop nearly every guess before the code under test

NAMES = (
    *("response_type", "client_id", "redirect_uri", "scope", "state", "nonce", "prompt", "response_mode"),
    *("code_challenge", "code_challenge_method", "grant_type", "code", "code_verifier", "client_secret"),
    *("csrf_token", "login", "pin", "cancel", "max_age", "request", "claims"),
)
#: Right values among the wrong ones, so that the search gets past the first check.
RIGHT = (
    *("code", "gerbang", "layanan", PUBLIC.redirect_uris[0], "openid", "openid wifi", "S256", "none", "login"),
    *("authorization_code", "c" * 43, "form_post", "fragment"),
)
VALUES = st.sampled_from([value.encode() for value in RIGHT]) | st.binary(max_size=60)
PAIRS = st.lists(st.tuples(st.sampled_from(NAMES), VALUES), max_size=12)


def encoded(pairs: list[tuple[str, bytes]]) -> str:
    return "&".join(f"{name}={quote_from_bytes(value)}" for name, value in pairs)


@settings(max_examples=150, deadline=None)
@given(PAIRS, PAIRS, st.sampled_from(["GET", "POST"]), st.sampled_from(["", "en", "\x00", "*;q=x, ,id;;"]))
def test_the_sign_in_page_has_no_fault(
    query: list[tuple[str, bytes]], form: list[tuple[str, bytes]], method: str, language: str
) -> None:
    answer = APP.test_client().open(
        f"/authorize?{encoded(query)}",
        method=method,
        base_url=ISSUER,
        data=encoded(form) if method == "POST" else None,
        content_type="application/x-www-form-urlencoded" if method == "POST" else None,
        headers={"Accept-Language": language},
    )
    assert answer.status_code in {200, 303, 400, 401}
    if "Location" in answer.headers:
        assert answer.headers["Location"].startswith((PUBLIC.redirect_uris[0], CONFIDENTIAL.redirect_uris[0]))


@settings(max_examples=150, deadline=None)
@given(
    PAIRS,
    st.binary(max_size=40)
    | st.sampled_from([b"Basic ", b"Basic Og==", b"Basic /w==", b"Bearer x", b"  ", b"Basic \xa0"]),
)
def test_the_token_endpoint_has_no_fault(form: list[tuple[str, bytes]], authorization: bytes) -> None:
    answer = APP.test_client().post(
        "/token",
        base_url=ISSUER,
        data=encoded(form),
        content_type="application/x-www-form-urlencoded",
        environ_overrides={"HTTP_AUTHORIZATION": authorization.decode("latin-1")},
    )
    assert answer.status_code in {400, 401}
    assert answer.is_json
