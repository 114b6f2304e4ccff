from __future__ import annotations

from ipaddress import IPv4Address

from hypothesis import given
from hypothesis import strategies as st

from policy.model import Binding, Mac
from policy.plan import TOLERANCE, Close, Open, plan

bindings = st.builds(
    lambda n: Binding(Mac(bytes([2, 0, 0, 0, 0, n])), IPv4Address(0x0A4D0000 + n)), st.integers(1, 9)
)
states = st.dictionaries(bindings, st.integers(1, 1_000))


@given(states, states)
def test_applying_the_plan_makes_what_is_what_should_be(
    desired: dict[Binding, int], observed: dict[Binding, int]
) -> None:
    after = dict(observed)
    for change in plan(desired, observed):
        match change:
            case Open(binding, seconds):
                after[binding] = seconds
            case Close(binding):
                del after[binding]
    assert after.keys() == desired.keys()
    assert all(abs(after[b] - seconds) <= TOLERANCE for b, seconds in desired.items())


@given(states)
def test_what_is_as_it_should_be_is_left_alone(state: dict[Binding, int]) -> None:
    assert plan(state, state) == []
    assert plan(state, {b: seconds + TOLERANCE for b, seconds in state.items()}) == []


@given(states, states)
def test_closings_come_first(desired: dict[Binding, int], observed: dict[Binding, int]) -> None:
    kinds = [isinstance(change, Open) for change in plan(desired, observed)]
    assert kinds == sorted(kinds)
