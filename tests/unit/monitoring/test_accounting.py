import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from ipaddress import ip_address
from pathlib import Path
from uuid import uuid4

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine, select, text

from monitoring.accounting import Monitor, run
from monitoring.metrics import Metrics
from monitoring.tables import SessionUsage, UsageMinute
from policy.client import EnforcerClient
from policy.model import Binding, Mac
from tests.enforcers import RunningEnforcer, running_enforcer
from tests.examples import document

PHONE = Binding(Mac.parse("02:00:00:00:00:01"), ip_address("10.77.0.10"))


def admit(running: RunningEnforcer, client: EnforcerClient, seconds: int = 600) -> str:
    session = str(uuid4())
    running.kernel.move(PHONE.address, PHONE.mac)
    client.admit(session, PHONE.mac, PHONE.address, seconds)
    return session


def recorded(database: Engine, session: str) -> tuple[int, int, str | None]:
    columns = SessionUsage.up_bytes, SessionUsage.down_bytes, SessionUsage.end_reason
    with database.begin() as connection:
        up, down, reason = connection.execute(select(*columns).where(SessionUsage.session == session)).one()
    return up, down, reason


def test_a_session_from_its_first_byte_to_its_acknowledged_end(tmp_path: Path, database: Engine) -> None:
    registry = CollectorRegistry()
    with running_enforcer(tmp_path) as running:
        client = EnforcerClient(running.socket)
        monitor = Monitor(client, database, Metrics(registry))
        session = admit(running, client)
        running.kernel.carry(PHONE, up=100, down=1_000)
        assert monitor.read()
        assert recorded(database, session) == (100, 1_000, None)
        running.kernel.carry(PHONE, up=1)
        client.revoke(session, "operator")
        assert monitor.read()
        assert recorded(database, session) == (101, 1_000, "operator")
        assert [e.session for e in client.observe().ended] == [session]
        assert monitor.read()
        assert client.observe().ended == []
        client.close()
    assert registry.get_sample_value("gerbang_traffic_bytes_total", {"direction": "down"}) == 1_000
    assert registry.get_sample_value("gerbang_sessions_ended_total") == 1
    assert registry.get_sample_value("gerbang_enforcer_up") == 1


def test_what_passes_while_the_database_is_away_is_counted_later(tmp_path: Path, database: Engine) -> None:
    registry = CollectorRegistry()
    with running_enforcer(tmp_path) as running:
        client = EnforcerClient(running.socket)
        monitor = Monitor(client, database, Metrics(registry))
        session = admit(running, client)
        with database.begin() as connection:
            connection.execute(text("ALTER TABLE usage_minutes RENAME TO gone"))
        running.kernel.carry(PHONE, up=7)
        assert not monitor.read()
        with database.begin() as connection:
            connection.execute(text("ALTER TABLE gone RENAME TO usage_minutes"))
        running.kernel.carry(PHONE, up=5)
        assert monitor.read()
        assert recorded(database, session)[0] == 12
        with database.begin() as connection:
            assert connection.execute(select(UsageMinute.up_bytes)).scalars().all() == [12]
        client.close()
    assert registry.get_sample_value("gerbang_readings_failed_total", {"cause": "database"}) == 1


def test_an_enforcer_that_is_away_is_said_and_survived(tmp_path: Path, database: Engine) -> None:
    registry = CollectorRegistry()
    client = EnforcerClient(tmp_path / "enforcer.sock", timeout=0.1)
    monitor = Monitor(client, database, Metrics(registry))
    assert not monitor.read()
    assert registry.get_sample_value("gerbang_enforcer_up") == 0
    with running_enforcer(tmp_path):
        assert monitor.read()
    assert registry.get_sample_value("gerbang_enforcer_up") == 1
    client.close()


class Counting:
    """Readings that take their time, and fail when told."""

    def __init__(self, seconds: float, works: bool) -> None:
        self.seconds, self.works, self.at = seconds, works, list[float]()

    def read(self) -> bool:
        self.at.append(time.monotonic())
        time.sleep(self.seconds)
        return self.works


def run_for(readings: Counting, interval: float, seconds: float) -> None:
    stop = threading.Event()
    threading.Timer(seconds, stop.set).start()
    run(readings, interval, stop)


def test_the_schedule_does_not_drift_with_the_reading() -> None:
    readings = Counting(0.05, works=True)
    run_for(readings, 0.1, 1.05)
    *regular, last = readings.at
    assert last - regular[0] == pytest.approx(1.05, abs=0.08)  # the last reading, at the end
    assert regular[-1] - regular[0] == pytest.approx(0.1 * (len(regular) - 1), abs=0.05)


def test_failures_make_pauses_longer() -> None:
    readings = Counting(0, works=False)
    run_for(readings, 0.05, 1.0)
    assert len(readings.at) <= 7  # 0, .1, .3, .7, and the last


def test_the_process_serves_metrics_and_reads_once_more_when_told_to_stop(
    tmp_path: Path, database: Engine
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    values = document(tmp_path)
    values["monitor"].update(metrics_port=port, interval_seconds=60)
    program = f"""
from monitoring.accounting import serve
from policy.settings import Settings
serve(Settings.from_document({values!r}))
"""
    with running_enforcer(tmp_path) as running:
        client = EnforcerClient(running.socket)
        session = admit(running, client)
        process = subprocess.Popen([sys.executable, "-c", program])
        try:
            assert "gerbang_sessions_live 1.0" in scrape(port, "gerbang_sessions_live 1.0")
            running.kernel.carry(PHONE, up=77)
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0
        finally:
            process.kill()
            process.wait()
        assert recorded(database, session)[0] == 77
        client.close()


def scrape(port: int, until: str) -> str:
    deadline = time.monotonic() + 15
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
                page: str = answer.read().decode()
        except OSError:
            page = ""
        if until in page or time.monotonic() > deadline:
            return page
        time.sleep(0.1)
