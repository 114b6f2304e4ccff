"""A picture of one hour's rates as SVG, drawn on the server: no script, no style attribute, readable when printed.

The table beside it says the same in figures; colours are the style sheet's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import floor, log10

from portal.console.queries import Minute

WIDTH, HEIGHT = 600, 180
_LEFT, _RIGHT, _TOP, _BOTTOM = 6, 6, 14, 20
_LEAST = 100_000
"""The scale never ends below 100 kbit/s, or a few packets would fill the picture."""

_BIN = 5
"""Minutes in one line of the table."""


@dataclass(frozen=True, slots=True)
class Bin:
    """One line of the table: mean rates over some minutes, bits per second."""

    at: datetime
    up: float
    down: float


@dataclass(frozen=True, slots=True)
class Picture:
    """What the template draws: point lists of SVG polylines, grid lines as (y, bits per second), time marks."""

    up: str
    down: str
    area: str
    grid: Sequence[tuple[float, float]]
    marks: Sequence[tuple[float, datetime]]
    table: Sequence[Bin]
    empty: bool


def draw(minutes: Sequence[Minute], hour: Sequence[datetime]) -> Picture:
    """The rates of ``minutes`` over ``hour``, a sequence of whole minutes; minutes without a row are zero."""
    found = {minute.at: minute for minute in minutes}
    up = [_rate(found[at].up_bytes, 1) if at in found else 0.0 for at in hour]
    down = [_rate(found[at].down_bytes, 1) if at in found else 0.0 for at in hour]
    top = _nice(max(*up, *down, _LEAST))
    up_points, down_points = _points(up, top), _points(down, top)
    base = HEIGHT - _BOTTOM
    return Picture(
        up=_text(up_points),
        down=_text(down_points),
        area=_text([(down_points[0][0], base), *down_points, (down_points[-1][0], base)]),
        grid=[(_y(top * part, top), top * part) for part in (0.5, 1.0)],
        marks=[(_x(i, len(hour)), hour[i]) for i in range(0, len(hour), 15)],
        table=[
            Bin(hour[i], sum(up[i : i + _BIN]) / _BIN, sum(down[i : i + _BIN]) / _BIN)
            for i in range(len(hour) - _BIN, -1, -_BIN)
        ],
        empty=not any(up) and not any(down),
    )


def span(hour: Sequence[datetime]) -> tuple[datetime, datetime]:
    """When the picture begins and ends."""
    return hour[0], hour[-1] + timedelta(minutes=1)


def _rate(moved: int, minutes: int) -> float:
    return moved * 8 / (60 * minutes)


def _points(rates: Sequence[float], top: float) -> list[tuple[float, float]]:
    return [(_x(i, len(rates)), _y(rate, top)) for i, rate in enumerate(rates)]


def _x(index: int, count: int) -> float:
    return round(_LEFT + (WIDTH - _LEFT - _RIGHT) * index / (count - 1), 1)


def _y(rate: float, top: float) -> float:
    return round(HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * rate / top, 1)


def _text(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in points)


def _nice(rate: float) -> float:
    """The next of 1, 2, 5 times a power of ten: a scale that people read without counting."""
    power: float = 10 ** floor(log10(rate))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= rate)
