from __future__ import annotations

from ipaddress import ip_address

from hypothesis import given
from hypothesis import strategies as st

from policy.enforcer.sessions import Session, Sessions
from policy.model import Address, Mac, Usage

PHONE = Mac.parse("02:00:00:00:00:01")
ADDRESSES: list[Address] = [ip_address("10.77.0.11"), ip_address("2001:db8:77::11"), ip_address("2001:db8:77::12")]
traffic = st.builds(Usage, *[st.integers(0, 10_000)] * 4)
steps = st.lists(st.tuples(st.sampled_from(ADDRESSES), st.sampled_from(["move", "join", "leave"]), traffic))


@given(steps)
def test_usage_is_what_passed_while_each_address_was_the_sessions(
    events: list[tuple[Address, str, Usage]],
) -> None:
    session = Session("s", PHONE, 0.0, None)
    counters: dict[bytes, Usage] = {}
    expected = Usage()
    for address, kind, amount in events:
        now = counters.get(address.packed, Usage())
        if kind == "join" and address not in session.since:
            session.join(address, now)
        elif kind == "leave" and address in session.since:
            session.leave(address, now)
        elif kind == "move":
            counters[address.packed] = now.plus(amount)
            if address in session.since:
                expected = expected.plus(amount)
    assert session.usage(counters) == expected


def test_a_counter_that_idled_out_and_came_back_is_counted_whole_each_direction_by_itself() -> None:
    session = Session("s", PHONE, 0.0, None)
    session.join(ADDRESSES[0], Usage(5_000, 9_000, 5, 9))
    assert session.usage({}) == Usage()
    assert session.usage({ADDRESSES[0].packed: Usage(100, 9_500, 1, 10)}) == Usage(100, 500, 1, 1)


def test_time_left_is_whole_seconds_and_never_negative() -> None:
    session = Session("s", PHONE, 100.9, None)
    assert [session.seconds_left(now) for now in (0.0, 100.0, 101.0, 500.0)] == [100, 0, 0, 0]


def test_a_removed_session_leaves_no_trace() -> None:
    sessions = Sessions()
    session = Session("s", PHONE, 1.0, None)
    sessions.add(session)
    sessions.join(session, ADDRESSES[0], Usage())
    sessions.remove(session)
    assert len(sessions) == 0
    assert sessions.get("s") is sessions.of(PHONE) is sessions.holding(ADDRESSES[0]) is None
