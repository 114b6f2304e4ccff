from __future__ import annotations

import pytest

from portal.identity.errors import ProviderUnavailable
from portal.identity.provider import Provider
from portal.identity.transport import MAX_ANSWER, Transport
from tests.unit.portal.identity.issuers import Clock, Issuer

DISCOVERY = "/.well-known/openid-configuration"


@pytest.fixture
def provider(issuer: Issuer, clock: Clock) -> Provider:
    return Provider(issuer.url, Transport(), clock)


def test_it_finds_the_endpoints_once_an_hour(issuer: Issuer, provider: Provider, clock: Clock) -> None:
    assert provider.metadata().token_endpoint == f"{issuer.url}/token"
    clock.now += 3_500
    provider.metadata()
    assert issuer.asked[DISCOVERY] == 1
    clock.now += 200
    provider.metadata()
    assert issuer.asked[DISCOVERY] == 2


def test_without_an_issuer_nothing_starts() -> None:
    with pytest.raises(ValueError, match="issuer"):
        Provider("", Transport())


@pytest.mark.parametrize("name", ["https://other.test", None, "", "{url}/", ["{url}"]])
def test_a_document_of_another_issuer_is_refused(issuer: Issuer, provider: Provider, name: object) -> None:
    claimed = name.format(url=issuer.url) if isinstance(name, str) else name
    issuer.documents[DISCOVERY]["issuer"] = claimed
    with pytest.raises(ProviderUnavailable, match="another issuer"):
        provider.metadata()


@pytest.mark.parametrize("endpoint", ["authorization_endpoint", "token_endpoint", "jwks_uri"])
@pytest.mark.parametrize(
    "value", ["http://bsw.balikpapan.test/x", "file:///etc/passwd", "//x", "", None, 7, "https://"]
)
def test_endpoints_must_be_https(issuer: Issuer, provider: Provider, endpoint: str, value: object) -> None:
    issuer.documents[DISCOVERY][endpoint] = value
    with pytest.raises(ProviderUnavailable, match="https"):
        provider.metadata()


def test_redirects_are_not_followed(issuer: Issuer, provider: Provider) -> None:
    issuer.statuses[DISCOVERY] = 302
    with pytest.raises(ProviderUnavailable, match="302"):
        provider.metadata()
    assert "/elsewhere" not in issuer.asked


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff\xfe", b"[" * 60_000, b"<html>", b"null"])
def test_what_is_no_json_object_is_an_outage(issuer: Issuer, provider: Provider, body: bytes) -> None:
    issuer.documents[DISCOVERY] = body
    with pytest.raises(ProviderUnavailable):
        provider.metadata()


def test_a_long_answer_is_not_read_to_its_end(issuer: Issuer, provider: Provider) -> None:
    issuer.documents[DISCOVERY] = b" " * (MAX_ANSWER + 1)
    with pytest.raises(ProviderUnavailable, match="longer"):
        provider.metadata()


def test_nobody_there_is_an_outage() -> None:
    with pytest.raises(ProviderUnavailable):
        Provider("http://127.0.0.1:9", Transport()).metadata()
