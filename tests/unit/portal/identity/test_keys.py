from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from portal.identity.errors import ProviderUnavailable, SignInRejected
from portal.identity.keys import KeySet
from portal.identity.provider import Provider
from portal.identity.transport import Transport
from tests.unit.portal.identity.issuers import Clock, Issuer, jwk

HOUR = 3_600


@pytest.fixture
def keys(issuer: Issuer, clock: Clock) -> KeySet:
    return KeySet(Provider(issuer.url, Transport(), clock), clock)


def new_key(**members: object) -> dict[str, object]:
    return jwk(ec.generate_private_key(ec.SECP256R1()), **members)


def test_a_token_without_a_kid_means_the_only_key(issuer: Issuer, keys: KeySet) -> None:
    assert keys.key(None).key_id == "k1"


def test_a_key_without_a_kid_that_is_alone_serves_every_name(issuer: Issuer, keys: KeySet) -> None:
    issuer.documents["/keys"] = {"keys": [new_key()]}
    assert keys.key("anything").key_id is None


def test_a_token_without_a_kid_is_refused_when_there_are_two_keys(issuer: Issuer, keys: KeySet) -> None:
    issuer.documents["/keys"]["keys"].append(new_key(kid="k2"))
    with pytest.raises(SignInRejected, match="unknown-key"):
        keys.key(None)


def test_a_rotation_is_followed_at_once(issuer: Issuer, keys: KeySet) -> None:
    keys.key("k1")
    issuer.documents["/keys"] = {"keys": [new_key(kid="k2")]}
    assert keys.key("k2").key_id == "k2"


def test_a_thousand_unknown_kids_cause_a_handful_of_fetches(issuer: Issuer, keys: KeySet, clock: Clock) -> None:
    for number in range(1_000):
        clock.now += 0.01
        with pytest.raises(SignInRejected, match="unknown-key"):
            keys.key(f"flood-{number}")
    assert issuer.asked["/keys"] <= 6
    assert keys.key("k1")


def test_a_rotation_during_a_flood_is_seen_within_a_minute(issuer: Issuer, keys: KeySet, clock: Clock) -> None:
    for number in range(20):
        with pytest.raises(SignInRejected):
            keys.key(f"flood-{number}")
    issuer.documents["/keys"] = {"keys": [new_key(kid="k2")]}
    clock.now += 61
    assert keys.key("k2")


def test_known_keys_are_not_fetched_again_for_five_minutes(issuer: Issuer, keys: KeySet, clock: Clock) -> None:
    for _ in range(10):
        clock.now += 29
        keys.key("k1")
    assert issuer.asked["/keys"] == 1
    clock.now += 300
    keys.key("k1")
    assert issuer.asked["/keys"] == 2


def test_old_keys_serve_while_the_provider_is_away_but_not_for_ever(
    issuer: Issuer, keys: KeySet, clock: Clock
) -> None:
    keys.key("k1")
    issuer.statuses["/keys"] = 500
    clock.now += 23 * HOUR
    assert keys.key("k1").key_id == "k1"
    clock.now += 2 * HOUR
    with pytest.raises(ProviderUnavailable):
        keys.key("k1")


def test_an_outage_costs_one_question_in_five_seconds(issuer: Issuer, keys: KeySet) -> None:
    issuer.statuses["/keys"] = 500
    for _ in range(10):
        with pytest.raises(ProviderUnavailable):
            keys.key("k1")
    assert issuer.asked["/keys"] == 1


def test_unusable_keys_are_passed_over(issuer: Issuer, keys: KeySet) -> None:
    good = issuer.documents["/keys"]["keys"][0]
    issuer.documents["/keys"]["keys"] = [
        "not an object",
        {},
        {"kty": "oct", "k": "AAAA", "kid": "k1"},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": "k1"},
        {"kty": "EC", "crv": "P-256", "x": 1, "y": None, "kid": "k1"},
        {"kty": "EC", "crv": "P-521", "x": "AA", "y": "AA", "kid": "k1"},
        new_key(kid="k1", use="enc"),
        new_key(kid="k1", alg="ES384"),
        new_key(kid="k1", d="AAAA"),
        good,
    ]
    assert keys.key("k1").key.public_numbers() == issuer.key.public_key().public_numbers()


@pytest.mark.parametrize("document", [{}, {"keys": []}, {"keys": "k1"}, {"keys": [{"kty": "RSA"}]}, [], b"<html>"])
def test_a_set_without_a_usable_key_is_an_outage(issuer: Issuer, keys: KeySet, document: object) -> None:
    issuer.documents["/keys"] = document
    with pytest.raises(ProviderUnavailable):
        keys.key("k1")
