"""Once is once, also for two workers on one database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import Connection, Engine, func, select

from policy.database import engine
from portal import app_records
from portal.tables import Base, Challenge, SignInFailure, SpentToken

NOW = datetime(2026, 3, 1, 2, tzinfo=UTC)
ROUNDS = 200
SECOND = timedelta(seconds=1)


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[list[Engine]]:
    """Two engines on one file, as two workers have them."""
    made = [engine(f"sqlite:///{tmp_path}/gerbang.db") for _ in range(2)]
    Base.metadata.create_all(made[0])
    yield made
    for each in made:
        each.dispose()


def race(workers: list[Engine], act: Callable[[Connection, int], bool]) -> list[int]:
    """How many workers won each round, when both act at the same time."""
    start = Barrier(len(workers))

    def run(worker: Engine) -> list[bool]:
        won = []
        for number in range(ROUNDS):
            start.wait()
            with worker.begin() as connection:
                won.append(act(connection, number))
        return won

    with ThreadPoolExecutor(len(workers)) as pool:
        return [sum(round_) for round_ in zip(*pool.map(run, workers), strict=True)]


def test_two_workers_accept_a_token_or_proof_once(workers: list[Engine]) -> None:
    """Guards the unique insert into ``spent_tokens``."""
    assert race(workers, lambda c, n: app_records.spend(c, "maker", str(n), NOW)) == [1] * ROUNDS


def test_two_workers_take_a_challenge_once(workers: list[Engine]) -> None:
    """Guards the atomic deletion from ``challenges``."""
    with workers[0].begin() as connection:
        for number in range(ROUNDS):
            app_records.add_challenge(connection, str(number), "gw", "device", "address", NOW)
    taken = race(workers, lambda c, n: app_records.take_challenge(c, str(n), "gw", NOW) is not None)
    assert taken == [1] * ROUNDS


def test_names_of_different_makers_do_not_meet(workers: list[Engine]) -> None:
    with workers[0].begin() as connection:
        assert app_records.spend(connection, "a", "1", NOW)
        assert app_records.spend(connection, "b", "1", NOW)
        assert not app_records.spend(connection, "a", "1", NOW + 179 * SECOND)


def test_a_challenge_is_good_for_a_minute_at_its_own_gateway(workers: list[Engine]) -> None:
    """Guards ``expires_at`` and ``gateway``: a fleet may share one database."""
    with workers[0].begin() as connection:
        for nonce in ("a", "b"):
            app_records.add_challenge(connection, nonce, "gw", "device", "address", NOW)
        assert app_records.take_challenge(connection, "a", "another", NOW) is None
        assert app_records.take_challenge(connection, "a", "gw", NOW + 59 * SECOND)
        assert app_records.take_challenge(connection, "b", "gw", NOW + 60 * SECOND) is None


def test_old_rows_go_as_new_ones_come(workers: list[Engine]) -> None:
    with workers[0].begin() as connection:
        for minutes in range(0, 60, 10):
            now = NOW + timedelta(minutes=minutes)
            app_records.add_challenge(connection, str(minutes), "gw", "device", "address", now)
            app_records.spend(connection, "maker", str(minutes), now)
            app_records.add_failure(connection, "device", "nonce", now)
        for table in (Challenge, SpentToken, SignInFailure):
            assert connection.execute(select(func.count()).select_from(table)).scalar_one() == 1


def test_ten_failures_within_five_minutes_block_until_the_first_is_five_minutes_old(
    workers: list[Engine],
) -> None:
    """Guards both figures, and that one device does not block another."""
    with workers[0].begin() as connection:
        for number in range(10):
            now = NOW + number * SECOND
            assert app_records.blocked_for(connection, ["device"], now) == timedelta(0)
            app_records.add_failure(connection, "device", "nonce", now)
        later = NOW + 100 * SECOND
        assert app_records.blocked_for(connection, ["device", "yesterday"], later) == timedelta(seconds=200)
        assert app_records.blocked_for(connection, ["another"], later) == timedelta(0)
        assert app_records.blocked_for(connection, ["device"], NOW + 300 * SECOND) == timedelta(0)
