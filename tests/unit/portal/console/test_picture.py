from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from portal.console.picture import HEIGHT, WIDTH, draw
from portal.console.queries import Minute

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = [START + timedelta(minutes=n) for n in range(60)]


def test_an_hour_without_traffic_is_flat_and_says_so() -> None:
    made = draw([], HOUR)
    assert made.empty
    assert {point.split(",")[1] for point in made.down.split()} == {"160"}
    assert [bits for _, bits in made.grid] == [50_000, 100_000]


def test_rates_are_bits_per_second() -> None:
    made = draw([Minute(HOUR[58], 0, 7_500_000)], HOUR)  # 60 Mbit in a minute
    assert made.grid[-1][1] == 1_000_000
    assert made.down.split()[58].split(",")[1] == f"{made.grid[-1][0]:g}"
    assert made.table[0].at == HOUR[55]
    assert made.table[0].down == 200_000
    assert len(made.table) == 12


@given(st.lists(st.integers(0, 2**50), min_size=60, max_size=60))
def test_every_point_lies_in_the_picture(moved: list[int]) -> None:
    made = draw([Minute(at, count, count // 7) for at, count in zip(HOUR, moved, strict=True)], HOUR)
    for point in f"{made.up} {made.down} {made.area}".split():
        x, y = map(float, point.split(","))
        assert 0 <= x <= WIDTH
        assert 0 <= y <= HEIGHT
