from __future__ import annotations

import os
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policy.enforcer import journal as lines
from policy.enforcer.journal import Clocks, Journal, JournalError
from policy.enforcer.sessions import Session
from policy.model import EndedSession, Mac, Usage

NOW = Clocks("boot-1", 1_000.0, 1_700_000_000.0)
ONE = Session(
    "6f2f2c6e-0d0f-4a5c-8f3b-0a1b2c3d4e5f",
    Mac.parse("02:00:00:00:00:01"),
    1_600.0,
    5_000,
    {ip_address("10.77.0.11"): Usage(1, 2, 3, 4), ip_address("2001:db8:77::11"): Usage()},
    Usage(10, 20, 30, 40),
)
OVER = EndedSession(
    "0d0f6f2f-2c6e-4a5c-8f3b-0a1b2c3d4e5f", Usage(7, 8, 1, 1), datetime(2026, 1, 2, tzinfo=UTC), "quota"
)


def written(path: Path) -> Journal:
    journal = Journal(path)
    journal.load(NOW)
    journal.write([lines.opened(ONE, NOW), lines.closed(OVER)])
    return journal


def test_what_was_written_is_known_again(tmp_path: Path) -> None:
    written(tmp_path / "j").close()
    journal = Journal(tmp_path / "j")
    assert journal.load(NOW) == ([ONE], [OVER])
    assert journal.load(NOW) == ([ONE], [OVER]), "loading rewrites, and loses nothing"
    journal.write([lines.recorded(OVER.session)])
    assert journal.load(NOW) == ([ONE], [])
    journal.close()


def test_an_ended_session_is_not_open(tmp_path: Path) -> None:
    journal = written(tmp_path / "j")
    final = EndedSession(ONE.id, Usage(), OVER.ended_at, "visitor")
    journal.write([lines.closed(final)])
    assert journal.load(NOW) == ([], [OVER, final])
    journal.close()


def test_another_boot_keeps_the_time_by_the_wall_clock_and_starts_counting_anew(tmp_path: Path) -> None:
    written(tmp_path / "j").close()
    journal = Journal(tmp_path / "j")
    [session], _ = journal.load(Clocks("boot-2", 50.0, NOW.wall + 100))
    assert session.until == 550.0
    assert session.carried == Usage()
    assert set(session.since.values()) == {Usage()}
    journal.close()


@given(cut=st.integers(1, 400))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_kill_in_the_middle_of_a_line_loses_that_line_only(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "j"
    written(path).close()
    kept = path.read_bytes()
    torn = lines.closed(EndedSession(ONE.id, Usage(), OVER.ended_at, "visitor"))
    path.write_bytes(kept + repr(torn).encode()[:cut])
    journal = Journal(path)
    assert journal.load(NOW) == ([ONE], [OVER])
    journal.close()


@pytest.mark.parametrize(
    "rubbish", [b"\xff\xfe\n", b"[]\n", b"null\n", b'{"open":"x"}\n', b'{"end":"x","usage":1}\n']
)
def test_lines_that_are_not_ours_are_passed_over(tmp_path: Path, rubbish: bytes) -> None:
    path = tmp_path / "j"
    written(path).close()
    path.write_bytes(rubbish + path.read_bytes() + rubbish)
    journal = Journal(path)
    assert journal.load(NOW) == ([ONE], [OVER])
    journal.close()


def test_history_is_thrown_away_and_the_file_is_for_root_alone(tmp_path: Path) -> None:
    journal = written(tmp_path / "j")
    assert not journal.is_mostly_history(2)
    for _ in range(1_100):
        journal.write([lines.opened(ONE, NOW)])
    assert journal.is_mostly_history(2)
    journal.rewrite([ONE], [OVER], NOW)
    assert len((tmp_path / "j").read_bytes().splitlines()) == 2
    assert (tmp_path / "j").stat().st_mode & 0o077 == 0
    assert journal.load(NOW) == ([ONE], [OVER])
    journal.close()


def test_a_journal_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="No such file"):
        Journal(tmp_path / "missing" / "j").load(NOW)
    full = Journal(tmp_path / "j")
    full._fd = os.open("/dev/full", os.O_WRONLY)
    with pytest.raises(JournalError, match="No space"):
        full.write([lines.recorded("x")])
    full.close()
