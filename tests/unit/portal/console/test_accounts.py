import statistics
import time

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select, update

from monitoring import audit
from portal.console import accounts, passwords
from portal.console.accounts import Account, AccountError, Refusal, Role, authenticate
from portal.console.tables import StaffAccount
from tests.unit.portal.console.conftest import PASSWORD, Console


def attempt(console: Console, name: str, password: str, address: str = "192.0.2.1") -> Account | Refusal:
    return authenticate(console.database, name, password, address, console.clock)


def test_a_new_account_has_a_one_time_password_that_is_stored_nowhere(console: Console) -> None:
    password = accounts.add(console.database, "budi", "operator")
    with console.database.begin() as connection:
        row = connection.execute(select(StaffAccount.__table__)).one()
        (entry,) = audit.entries(connection, 10)
    assert password not in str(row) + str(entry)
    assert (entry.action, entry.subject, entry.detail) == ("staff.add", "budi", {"role": "operator"})
    assert accounts.authenticate(
        console.database, "budi", password, "192.0.2.1", lambda: row.created_at
    ) == Account("budi", Role.OPERATOR, must_choose=True)


@pytest.mark.parametrize("name", ["", "b", "Budi", "budi op", "../etc", "1budi", "a" * 33, "budi\n"])
def test_a_name_that_cannot_be_one_is_refused_with_the_rule(console: Console, name: str) -> None:
    with pytest.raises(AccountError, match="a letter first"):
        accounts.add(console.database, name, "operator")


def test_a_second_account_of_one_name_changes_nothing(console: Console) -> None:
    console.add("budi")
    with pytest.raises(AccountError, match="already"):
        accounts.add(console.database, "budi", "admin")
    found = attempt(console, "budi", console.one_time["budi"])
    assert isinstance(found, Account)
    assert found.role is Role.OPERATOR


def test_an_unknown_role_is_refused(console: Console) -> None:
    with pytest.raises(ValueError, match="king"):
        accounts.add(console.database, "budi", "king")


def test_wrong_words_and_unknown_names_are_told_the_same(console: Console) -> None:
    console.add("budi")
    assert attempt(console, "budi", "wrong") == attempt(console, "nobody", "wrong") == Refusal()
    assert attempt(console, "'; --", "wrong") == attempt(console, "", "wrong") == Refusal()


def test_and_take_as_long(console: Console) -> None:
    console.add("budi")

    def seconds(name: str, address: str) -> float:
        begun = time.perf_counter()
        attempt(console, name, "wrong", address)
        return time.perf_counter() - begun

    known = statistics.median(seconds("budi", f"192.0.2.{n}") for n in range(4))
    unknown = statistics.median(seconds("nobody", f"198.51.100.{n}") for n in range(4))
    assert unknown == pytest.approx(known, rel=0.7)


def test_guessing_is_slowed_even_for_the_right_password(console: Console) -> None:
    console.add("budi")
    for number in range(5):
        assert attempt(console, "budi", "wrong", f"192.0.2.{number}") == Refusal()
    blocked = attempt(console, "budi", console.one_time["budi"], "192.0.2.9")
    assert isinstance(blocked, Refusal)
    assert blocked.wait.total_seconds() == 1
    console.clock.wait(seconds=2)
    assert isinstance(attempt(console, "budi", console.one_time["budi"], "192.0.2.9"), Account)


def test_a_one_time_password_expires(console: Console) -> None:
    console.add("budi")
    console.clock.wait(hours=73)
    assert attempt(console, "budi", console.one_time["budi"]) == Refusal()


def test_choosing_ends_the_one_time_password(console: Console) -> None:
    console.add("budi")
    with console.database.begin() as connection:
        accounts.choose_password(connection, "budi", PASSWORD, console.clock.at)
    assert attempt(console, "budi", console.one_time["budi"]) == Refusal()
    assert attempt(console, "budi", PASSWORD) == Account("budi", Role.OPERATOR, must_choose=False)


def test_an_old_hash_is_renewed_at_the_next_sign_in(console: Console) -> None:
    console.add("budi")
    old = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(PASSWORD)
    with console.database.begin() as connection:
        connection.execute(update(StaffAccount).values(password_hash=old, one_time=False))
    assert isinstance(attempt(console, "budi", PASSWORD), Account)
    with console.database.begin() as connection:
        stored = connection.execute(select(StaffAccount.password_hash)).scalar_one()
    assert not passwords.outdated(stored)
    assert isinstance(attempt(console, "budi", PASSWORD), Account)


def test_who_may_do_what() -> None:
    assert {role for role in Role if role.may_end_sessions} == {Role.OPERATOR, Role.ADMIN}
    assert {role for role in Role if role.may_read_audit} == {Role.AUDITOR, Role.ADMIN}
