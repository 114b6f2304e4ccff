from datetime import timedelta

import pytest

from portal.console import formats
from portal.console.accounts import Role
from tests.unit.portal.console.conftest import HOST, Console


@pytest.mark.parametrize(
    ("bits", "words"),
    [
        (0, "0 bit/s"),
        (999, "999 bit/s"),
        (999.6, "1,00 kbit/s"),
        (9_994, "9,99 kbit/s"),
        (10_400, "10,4 kbit/s"),
        (999_400, "999 kbit/s"),
        (999_600, "1,00 Mbit/s"),
        (5e13, "50000 Gbit/s"),
    ],
)
def test_rates_have_three_digits(console: Console, bits: float, words: str) -> None:
    with console.app.test_request_context(base_url=f"https://{HOST}"):
        assert formats.rate(bits).replace("\N{NO-BREAK SPACE}", " ") == words


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(seconds=-5), "0 dtk"),
        (timedelta(seconds=59), "59 dtk"),
        (timedelta(minutes=59, seconds=59), "59 mnt"),
        (timedelta(hours=1, minutes=5), "1 j 05 mnt"),
    ],
)
def test_durations(console: Console, span: timedelta, words: str) -> None:
    with console.app.test_request_context(base_url=f"https://{HOST}"):
        assert formats.duration(span) == words


def test_moments_are_local_and_dated_unless_today(console: Console) -> None:
    with console.app.test_request_context(base_url=f"https://{HOST}"):
        now = console.clock.at  # 02:00:30 UTC is 10:00:30 in Balikpapan
        assert formats.moment(now, seconds=True) == "10:00:30"
        assert formats.moment(now - timedelta(hours=11)) == "28 Feb 2026 23:00"


def test_every_code_has_words(console: Console) -> None:
    with console.app.test_request_context(base_url=f"https://{HOST}", headers={"Accept-Language": "en"}):
        assert len({formats.role(role) for role in Role}) == len(Role)
        assert formats.reason("quota") == "quota used up"
        assert formats.reason(None) == "time is up"
        assert formats.reason("unheard") == "unheard"
        assert formats.action("session.end") == "ends a session"
