"""Every Prometheus name, help text and label of the monitor, in this one place.

Prefix ``gerbang_``, base units, and never a label that grows with visitors: no MAC, person, address or domain.
"""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info

from policy.model import Usage

_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds: a hotspot's 50 sessions take some milliseconds, 50,000 take seconds (monitoring/accounting.py)."""


class Metrics:
    """The metrics of one monitor, on a registry of the caller's."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.live_sessions = Gauge(
            "gerbang_sessions_live", "Sessions that may pass, at the last reading.", registry=registry
        )
        self.ended_sessions = Counter(
            "gerbang_sessions_ended_total", "Sessions recorded as ended.", registry=registry
        )
        self._bytes = Counter(
            "gerbang_traffic_bytes_total",
            "Layer 3 bytes of all sessions; up is from the phones.",
            ["direction"],
            registry=registry,
        )
        self._packets = Counter(
            "gerbang_traffic_packets_total",
            "Packets of all sessions; up is from the phones.",
            ["direction"],
            registry=registry,
        )
        self.readings = Counter(
            "gerbang_readings_total", "Readings of the counters that were tried.", registry=registry
        )
        self._failures = Counter(
            "gerbang_readings_failed_total",
            "Readings that were not recorded, by who failed; what they missed is in the next one.",
            ["cause"],
            registry=registry,
        )
        self.reading_seconds = Histogram(
            "gerbang_reading_duration_seconds",
            "From asking the enforcer to the end of the transaction.",
            buckets=_BUCKETS,
            registry=registry,
        )
        self.last_reading = Gauge(
            "gerbang_last_reading_timestamp_seconds",
            "When the last recorded reading was taken, Unix time.",
            registry=registry,
        )
        self.enforcer_up = Gauge(
            "gerbang_enforcer_up", "1 when the enforcer answered the last reading, else 0.", registry=registry
        )
        Info("gerbang_build", "What is running.", registry=registry).info(
            {"version": _version(), "python": platform.python_version()}
        )
        for direction in ("up", "down"):
            self._bytes.labels(direction)
            self._packets.labels(direction)
        for cause in ("enforcer", "database"):
            self._failures.labels(cause)

    def moved(self, usage: Usage) -> None:
        """Count what a reading added."""
        self._bytes.labels("up").inc(usage.up_bytes)
        self._bytes.labels("down").inc(usage.down_bytes)
        self._packets.labels("up").inc(usage.up_packets)
        self._packets.labels("down").inc(usage.down_packets)

    def failed(self, cause: str) -> None:
        """Count a reading that failed; ``cause`` is ``enforcer`` or ``database``."""
        self._failures.labels(cause).inc()


def _version() -> str:
    try:
        return version("gerbang")
    except PackageNotFoundError:
        return "unknown"
