from datetime import timedelta

import pytest

from portal.console import throttle
from tests.unit.portal.console.conftest import Console

ZERO = timedelta(0)


def attempt(console: Console, account: str = "budi", address: str = "192.0.2.1") -> timedelta:
    with console.database.begin() as connection:
        return throttle.count(connection, throttle.keys_of(account, address), console.clock.at)


def test_pauses_begin_after_five_tries_and_grow_to_a_limit(console: Console) -> None:
    assert [attempt(console, address=f"192.0.2.{n}") for n in range(5)] == [ZERO] * 5
    pauses = []
    for number in range(12):
        pauses.append(attempt(console, address=f"198.51.100.{number}"))
        console.clock.at += pauses[-1]
        assert attempt(console, address=f"203.0.113.{number}") == ZERO
    assert pauses[:4] == [timedelta(seconds=s) for s in (1, 2, 4, 8)]
    assert pauses[-1] == timedelta(minutes=15)


def test_a_blocked_try_is_not_counted(console: Console) -> None:
    for _ in range(5):
        attempt(console)
    assert attempt(console) == attempt(console) == timedelta(seconds=1)


def test_one_address_cannot_try_many_accounts(console: Console) -> None:
    assert [attempt(console, f"budi{n}") for n in range(20)] == [ZERO] * 20
    assert attempt(console, "ani") > ZERO
    assert attempt(console, "ani", "192.0.2.2") == ZERO


def test_an_ipv6_network_counts_as_one(console: Console) -> None:
    for number in range(20):
        attempt(console, f"budi{number}", f"2001:db8::{number:x}")
    assert attempt(console, "ani", "2001:db8::ffff:1") > ZERO
    assert attempt(console, "ani", "2001:db8:0:1::1") == ZERO


def test_a_success_frees_the_account_but_not_the_address(console: Console) -> None:
    for number in range(4):
        attempt(console, f"other{number}")
    for _ in range(5):
        attempt(console)
    with console.database.begin() as connection:
        throttle.forgive(connection, throttle.keys_of("budi", "192.0.2.1"))
    assert [attempt(console, f"new{n}") for n in range(12)] == [ZERO] * 12
    assert attempt(console, "one-more") > ZERO


def test_old_tries_are_forgotten(console: Console) -> None:
    for _ in range(5):
        attempt(console)
    console.clock.wait(hours=25)
    assert [attempt(console) for _ in range(5)] == [ZERO] * 5


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1"])
def test_a_key_fits_its_column(address: str) -> None:
    assert all(len(key.name) <= 80 for key in throttle.keys_of("a" * 32, address))
