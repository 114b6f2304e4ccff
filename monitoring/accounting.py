"""The process ``gerbang monitor``: reads all counters every few seconds, records them, tells Prometheus.

The enforcer's figures are cumulative, so a reading that is lost (the monitor was killed, the database was away)
loses nothing: the next one contains it. A session that ended is repeated by the enforcer until a reading in which
its end was recorded is acknowledged by the one after.
"""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from threading import Event
from typing import Protocol

from prometheus_client import CollectorRegistry, start_http_server
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from monitoring.metrics import Metrics
from monitoring.recording import record
from policy.client import EnforcerClient, EnforcerUnavailable
from policy.database import engine
from policy.protocol import Refused
from policy.settings import Settings

_LONGEST_PAUSE = 15.0
"""Seconds between two tries while readings fail: soon enough for an operator who watches the console."""

_log = logging.getLogger(__name__)


class Readings(Protocol):
    """What ``run`` asks for again and again."""

    def read(self) -> bool:
        """Take one reading; whether it was recorded."""


class Monitor:
    """Takes readings; ``read`` says whether one was recorded, and never raises for what is only away."""

    def __init__(
        self,
        enforcer: EnforcerClient,
        database: Engine,
        metrics: Metrics,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._enforcer = enforcer
        self._database = database
        self._metrics = metrics
        self._now = now
        self._recorded_ends: Sequence[str] = ()
        self._failing = False

    def read(self) -> bool:
        """One reading, recorded in one transaction."""
        self._metrics.readings.inc()
        with self._metrics.reading_seconds.time():
            try:
                observation = self._enforcer.observe(self._recorded_ends)
            except (EnforcerUnavailable, Refused) as error:
                self._metrics.enforcer_up.set(0)
                return self._fail("enforcer", error)
            self._metrics.enforcer_up.set(1)
            at = self._now()
            try:
                recorded = record(self._database, observation, at)
            except SQLAlchemyError as error:
                return self._fail("database", error)
        self._recorded_ends = recorded.ended
        self._metrics.moved(recorded.moved)
        self._metrics.live_sessions.set(recorded.live)
        self._metrics.ended_sessions.inc(recorded.newly_ended)
        self._metrics.last_reading.set(at.timestamp())
        if self._failing:
            _log.info("readings are recorded again; nothing is missing from the totals")
            self._failing = False
        return True

    def _fail(self, cause: str, error: Exception) -> bool:
        self._metrics.failed(cause)
        if not self._failing:
            _log.warning("no reading was recorded (%s): %s", cause, error)
            self._failing = True
        return False


def run(monitor: Readings, interval: float, stop: Event) -> None:
    """Read every ``interval`` seconds until ``stop``, then once more.

    The schedule does not drift with the length of a reading; a reading longer than the interval skips its turns.
    While readings fail the pause doubles up to ``_LONGEST_PAUSE``.
    """
    due = time.monotonic()
    pause = interval
    while not stop.wait(max(0.0, due - time.monotonic())):
        pause = interval if monitor.read() else min(pause * 2, max(interval, _LONGEST_PAUSE))
        due += pause
        if (late := time.monotonic() - due) > 0:
            due += interval * (late // interval + 1)
    monitor.read()


def serve(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT; raises ``OSError`` when the metrics' port is taken."""
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    own = settings.monitor
    metrics = Metrics(CollectorRegistry())
    server, thread = start_http_server(own.metrics_port, own.metrics_address, metrics.registry)
    database = engine(settings.database.url)
    enforcer = EnforcerClient(settings.enforcer.socket)
    _log.info("reading every %d s; metrics on %s:%d", own.interval_seconds, own.metrics_address, own.metrics_port)
    try:
        run(Monitor(enforcer, database, metrics), own.interval_seconds, stop)
    finally:
        enforcer.close()
        database.dispose()
        server.shutdown()
        server.server_close()
        thread.join()
