from __future__ import annotations

from portal.sealing import Seal

SECRET = b"s" * 32


def test_what_is_sealed_opens_under_its_name() -> None:
    seal = Seal(SECRET, "pairings")
    sealed = seal.close({"mac": "02:00:00:00:00:01"}, "a")
    assert b"02:00" not in sealed
    assert seal.open(sealed, "a") == {"mac": "02:00:00:00:00:01"}
    assert seal.close({"mac": "02:00:00:00:00:01"}, "a") != sealed


def test_nothing_else_opens_it() -> None:
    sealed = Seal(SECRET, "pairings").close({"mac": "x"}, "a")
    assert Seal(SECRET, "pairings").open(sealed, "b") is None
    assert Seal(SECRET, "codes").open(sealed, "a") is None
    assert Seal(b"t" * 32, "pairings").open(sealed, "a") is None
    assert Seal(SECRET, "pairings").open(sealed[:-1] + bytes([sealed[-1] ^ 1]), "a") is None
    assert Seal(SECRET, "pairings").open(b"", "a") is None
