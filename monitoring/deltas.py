"""Counters into usage, exactly: what a session moved since the last recorded reading, and nothing twice.

Pure: ``monitoring.recording`` reads what is known and writes what this decides.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from policy.model import Observation, Usage

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Known:
    """What is recorded of a session: ``counted`` in total, up to the figure ``seen`` in the kernel's ``boot``.

    ``moving`` says that a rate above zero is recorded; ``ended`` that its end is.
    """

    counted: Usage
    seen: Usage
    boot: str
    first_seen: datetime
    last_seen: datetime
    moving: bool
    ended: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """One session in a reading, live or ended."""

    session: str
    usage: Usage
    ended_at: datetime | None = None
    end_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Delta:
    """What a reading changes for one session: ``moved`` is added to its total and to the minute of ``at``."""

    seen: Seen
    moved: Usage
    counted: Usage
    first_seen: datetime
    last_seen: datetime
    at: datetime


def sessions_of(observation: Observation) -> Iterator[Seen]:
    """Live and ended sessions alike; one that is in both is over, with the figures of its end."""
    ended = {e.session: Seen(e.session, e.usage, e.ended_at, e.reason) for e in observation.ended}
    yield from ended.values()
    for live in observation.live:
        if live.session not in ended:
            yield Seen(live.session, live.usage)


def deltas(known: Mapping[str, Known], observation: Observation, now: datetime) -> Iterable[Delta]:
    """What must be written so that ``known`` becomes what was observed; nothing for a session without news.

    Hence the same observation again yields nothing but the rates that fall to zero.
    """
    for seen in sessions_of(observation):
        before = known.get(seen.session)
        if before is None:
            yield Delta(seen, seen.usage, seen.usage, now, now, _moment(seen, now))
            continue
        if before.ended:
            continue
        moved = _moved(before, seen, observation.boot)
        if moved == Usage() and not before.moving and seen.ended_at is None and seen.usage == before.seen:
            continue
        last_seen = now if moved != Usage() else before.last_seen
        yield Delta(seen, moved, before.counted.plus(moved), before.first_seen, last_seen, _moment(seen, now))


def _moment(seen: Seen, now: datetime) -> datetime:
    """Which minute gets the traffic: the end of a session may be hours ago, if the monitor was away."""
    return now if seen.ended_at is None else min(seen.ended_at, now)


def _moved(before: Known, seen: Seen, boot: str) -> Usage:
    """The difference; never negative.

    A figure that went backwards in a new boot began again at zero, so all of it is new. In the same boot part of
    the counters was lost: what is left cannot be told from what was counted before, so nothing is added and
    counting goes on from the lower figure.
    """
    old, new = before.seen, seen.usage
    moved = [after - earlier for after, earlier in zip(new, old, strict=True)]
    if min(moved) >= 0:
        return Usage(*moved)
    if boot != before.boot:
        return new
    _log.warning("session %s: its counters went backwards from %s to %s", seen.session, old, new)
    return Usage(*(max(figure, 0) for figure in moved))
