"""A rotation changes who signs, and is survived by what was signed before."""

from __future__ import annotations

from deploy.sandbox.provider.keys import Keys


def kids(keys: Keys) -> list[str]:
    return [key["kid"] for key in keys.public_set()["keys"]]


def test_the_old_key_stays_published_after_a_rotation() -> None:
    keys = Keys()
    old = keys.kid
    new = keys.rotate()
    assert new == keys.kid != old
    assert kids(keys) == [new, old]
    assert all("d" not in key for key in keys.public_set()["keys"])


def test_the_old_key_goes_when_its_time_is_over() -> None:
    keys = Keys()
    new = keys.rotate(keep_seconds=0)
    assert kids(keys) == [new]


def test_subjects_outlive_a_rotation() -> None:
    keys = Keys()
    before = keys.subject(1, "wifi.test")
    keys.rotate()
    assert keys.subject(1, "wifi.test") == before != keys.subject(1, "other.test")
