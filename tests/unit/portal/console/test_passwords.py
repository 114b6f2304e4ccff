import time

import pytest
from argon2 import PasswordHasher

from portal.console import passwords
from portal.console.passwords import WeakPassword, check


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("elevenchars", "short"),
        ("a" * 257, "long"),
        ("budi.op-budi.op1", "name"),
        ("balikpapan2026", "common"),
        ("P@ssw0rd12345", "common"),
        ("p@ssw0rd-4dm1n", "common"),
        ("qwertyuiop123", "common"),
        ("aaaabbbbcccc", "common"),
        ("098765432109", "common"),
        ("passwordBudi.op", "common"),
    ],
)
def test_what_is_guessed_first_is_refused(password: str, code: str) -> None:
    with pytest.raises(WeakPassword) as refused:
        check(password, "budi.op")
    assert refused.value.code == code


@pytest.mark.parametrize(
    "password", ["tiga kapal biru lewat", "Xq7 mangga-ungu", "пять синих кораблей", "x9" * 20 + "kunyit"]
)
def test_others_may_be_used(password: str) -> None:
    check(password, "budi.op")


def test_checking_takes_no_time_whatever_it_holds() -> None:
    begun = time.perf_counter()
    with pytest.raises(WeakPassword):
        check("password" * 32, "budi")
    check(("passwordpass" * 21)[:255] + "ž", "budi")
    assert time.perf_counter() - begun < 0.2


def test_one_time_passwords_differ_and_would_be_accepted() -> None:
    made = {passwords.one_time() for _ in range(100)}
    assert len(made) == 100
    for password in made:
        check(password, "budi")


def test_a_hash_matches_its_password_only() -> None:
    stored = passwords.hashed("tiga kapal biru lewat")
    assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert passwords.matches(stored, "tiga kapal biru lewat")
    assert not passwords.matches(stored, "tiga kapal biru lewat ")
    assert not passwords.matches("damaged", "tiga kapal biru lewat")
    assert not passwords.outdated(stored)
    assert passwords.outdated(PasswordHasher(time_cost=1, memory_cost=1024).hash("x"))
