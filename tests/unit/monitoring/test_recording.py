from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event, func, select
from sqlalchemy.exc import OperationalError

from monitoring.recording import record
from monitoring.tables import LastReading, SessionUsage, TrafficMinute, UsageMinute
from policy import model
from policy.model import EndedSession, Observation, Usage

T0 = datetime(2026, 3, 1, 4, 5, 10, tzinfo=UTC)
BOOT = "boot-1"


def name(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012}"


def live(**usages: Usage) -> Observation:
    return Observation(BOOT, [model.SessionUsage(name(int(n[1:])), u, 60) for n, u in usages.items()], [])


def rows(database: Engine, table: Any) -> list[Any]:
    with database.begin() as connection:
        return list(connection.execute(select(table.__table__).order_by(*table.__table__.primary_key)))


def test_minutes_add_up_to_the_session(database: Engine) -> None:
    for number in range(1, 5):
        record(database, live(s1=Usage(number, 10 * number, number, number)), T0 + timedelta(seconds=30 * number))
    minutes = rows(database, UsageMinute)
    assert [(r.minute.minute, r.up_bytes, r.down_bytes) for r in minutes] == [(5, 1, 10), (6, 2, 20), (7, 1, 10)]
    (session,) = rows(database, SessionUsage)
    assert (session.up_bytes, session.down_bytes, session.up_packets) == (4, 40, 4)
    assert [(r.up_bytes, r.down_bytes) for r in rows(database, TrafficMinute)] == [(1, 10), (2, 20), (1, 10)]


def test_the_same_reading_again_adds_nothing(database: Engine) -> None:
    once = live(s1=Usage(5, 50, 1, 1), s2=Usage(7, 70, 1, 1))
    assert record(database, once, T0).moved == Usage(12, 120, 2, 2)
    before = rows(database, UsageMinute)
    assert record(database, once, T0 + timedelta(seconds=5)).moved == Usage()
    assert rows(database, UsageMinute) == before


def test_rates_are_those_of_the_last_reading(database: Engine) -> None:
    record(database, live(s1=Usage(0, 0, 0, 0)), T0)
    record(database, live(s1=Usage(500, 5_000, 1, 1)), T0 + timedelta(seconds=5))
    (row,) = rows(database, SessionUsage)
    assert (row.up_rate, row.down_rate, row.last_seen) == (100.0, 1000.0, T0 + timedelta(seconds=5))
    record(database, live(s1=Usage(500, 5_000, 1, 1)), T0 + timedelta(seconds=10))
    (row,) = rows(database, SessionUsage)
    assert (row.up_rate, row.down_rate, row.last_seen) == (0.0, 0.0, T0 + timedelta(seconds=5))
    assert rows(database, LastReading)[0].at == T0 + timedelta(seconds=10)


def test_a_clock_set_back_gives_no_rate(database: Engine) -> None:
    record(database, live(s1=Usage(1, 1, 1, 1)), T0)
    record(database, live(s1=Usage(9, 9, 9, 9)), T0 - timedelta(minutes=1))
    (row,) = rows(database, SessionUsage)
    assert (row.up_bytes, row.up_rate) == (9, 0.0)


def test_an_end_is_recorded_once_with_its_last_bytes(database: Engine) -> None:
    record(database, live(s1=Usage(1, 1, 1, 1)), T0)
    at = T0 + timedelta(seconds=2)
    over = Observation(BOOT, [], [EndedSession(name(1), Usage(4, 4, 4, 4), at, "quota")])
    first, second = (record(database, over, T0 + timedelta(seconds=s)) for s in (5, 10))
    assert (first.moved, first.newly_ended, list(first.ended)) == (Usage(3, 3, 3, 3), 1, [name(1)])
    assert (second.moved, second.newly_ended, list(second.ended)) == (Usage(), 0, [name(1)])
    (row,) = rows(database, SessionUsage)
    assert (row.ended_at, row.end_reason, row.up_rate, row.first_seen) == (at, "quota", 0.0, T0)


def test_many_ends_at_once(database: Engine) -> None:
    ended = [EndedSession(name(n), Usage(1, 1, 1, 1), T0, "expired") for n in range(1_200)]
    assert record(database, Observation(BOOT, [], ended), T0).newly_ended == 1_200
    assert record(database, Observation(BOOT, [], ended), T0).newly_ended == 0


def test_a_failure_in_the_middle_leaves_nothing_behind(database: Engine) -> None:
    record(database, live(s1=Usage(1, 1, 1, 1)), T0)

    def fail(_c: object, _u: object, statement: str, *_: object) -> None:
        if "traffic_minutes" in statement and statement.startswith("INSERT"):
            raise OperationalError(statement, None, OSError("disk full"))

    event.listen(database, "before_cursor_execute", fail)
    with pytest.raises(OperationalError):
        record(database, live(s1=Usage(9, 9, 9, 9)), T0 + timedelta(seconds=5))
    event.remove(database, "before_cursor_execute", fail)
    assert rows(database, SessionUsage)[0].up_bytes == 1
    assert record(database, live(s1=Usage(9, 9, 9, 9)), T0 + timedelta(seconds=10)).moved == Usage(8, 8, 8, 8)
    with database.begin() as connection:
        assert connection.execute(select(func.sum(UsageMinute.up_bytes))).scalar_one() == 9
