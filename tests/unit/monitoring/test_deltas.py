import logging
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.deltas import Known, deltas
from policy.model import EndedSession, Observation, SessionUsage, Usage

NOW = datetime(2026, 3, 1, 4, 5, 6, tzinfo=UTC)
ONE = "00000000-0000-4000-8000-000000000001"
BOOT = "boot-1"


def known(seen: Usage, counted: Usage | None = None, moving: bool = False, ended: bool = False) -> Known:
    return Known(counted or seen, seen, BOOT, NOW, NOW, moving, ended)


def live(usage: Usage, boot: str = BOOT) -> Observation:
    return Observation(boot, [SessionUsage(ONE, usage, 60)], [])


def ended(usage: Usage, at: datetime) -> Observation:
    return Observation(BOOT, [], [EndedSession(ONE, usage, at, "expired")])


def test_a_new_session_is_counted_from_its_beginning() -> None:
    (delta,) = deltas({}, live(Usage(1, 2, 3, 4)), NOW)
    assert (delta.moved, delta.counted, delta.at) == (Usage(1, 2, 3, 4), Usage(1, 2, 3, 4), NOW)


def test_a_session_without_news_is_not_touched() -> None:
    assert not list(deltas({ONE: known(Usage(1, 2, 3, 4))}, live(Usage(1, 2, 3, 4)), NOW))


def test_a_session_that_falls_silent_is_touched_once_for_its_rate() -> None:
    (delta,) = deltas({ONE: known(Usage(1, 2, 3, 4), moving=True)}, live(Usage(1, 2, 3, 4)), NOW)
    assert delta.moved == Usage()


def test_an_end_goes_to_its_own_minute_and_is_recorded_once() -> None:
    at = NOW - timedelta(hours=2)
    (delta,) = deltas({ONE: known(Usage(1, 1, 1, 1))}, ended(Usage(5, 5, 5, 5), at), NOW)
    assert (delta.moved, delta.at, delta.seen.end_reason) == (Usage(4, 4, 4, 4), at, "expired")
    assert not list(deltas({ONE: known(Usage(5, 5, 5, 5), ended=True)}, ended(Usage(5, 5, 5, 5), at), NOW))


def test_an_end_in_the_future_is_now() -> None:
    (delta,) = deltas({}, ended(Usage(5, 5, 5, 5), NOW + timedelta(minutes=3)), NOW)
    assert delta.at == NOW


def test_a_session_that_is_live_and_ended_is_ended() -> None:
    both = Observation(
        BOOT, [SessionUsage(ONE, Usage(9, 9, 9, 9), 1)], [EndedSession(ONE, Usage(5, 5, 5, 5), NOW, "quota")]
    )
    (delta,) = deltas({}, both, NOW)
    assert (delta.moved, delta.seen.end_reason) == (Usage(5, 5, 5, 5), "quota")


def test_backwards_in_the_same_boot_is_said_and_adds_nothing_twice(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        (delta,) = deltas({ONE: known(Usage(100, 100, 10, 10))}, live(Usage(40, 120, 4, 12)), NOW)
    assert delta.moved == Usage(0, 20, 0, 2)
    assert delta.counted == Usage(100, 120, 10, 12)
    assert delta.seen.usage == Usage(40, 120, 4, 12)
    assert "backwards" in caplog.text


def test_backwards_in_a_new_boot_began_at_zero() -> None:
    (delta,) = deltas({ONE: known(Usage(100, 100, 10, 10))}, live(Usage(40, 4, 4, 1), "boot-2"), NOW)
    assert delta.moved == Usage(40, 4, 4, 1)
    assert delta.counted == Usage(140, 104, 14, 11)


@given(st.lists(st.tuples(*[st.integers(0, 2**40)] * 4), min_size=1, max_size=12), st.data())
def test_whatever_readings_are_lost_the_sum_is_what_was_moved(
    steps: list[tuple[int, int, int, int]], data: st.DataObject
) -> None:
    total, state = Usage(), dict[str, Known]()
    for index, step in enumerate(steps):
        total = total.plus(Usage(*step))
        last = index == len(steps) - 1
        for _ in range(1 if last else data.draw(st.integers(0, 3))):  # lost, read, repeated
            for delta in deltas(state, live(total), NOW):
                assert min(delta.moved) >= 0
                state[ONE] = known(delta.seen.usage, delta.counted)
    assert state[ONE].counted == total
