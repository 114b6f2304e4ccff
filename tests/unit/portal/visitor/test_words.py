from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from flask_babel import force_locale

from portal.visitor import words
from tests.unit.portal.portals import Portal

WITA = ZoneInfo("Asia/Makassar")
NOW = datetime(2026, 11, 24, 6, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("size", "indonesian", "english"),
    [
        (0, "0 B", "0 B"),
        (999, "999 B", "999 B"),
        (1_500, "1,5 kB", "1.5 kB"),
        (800_000_000, "800 MB", "800 MB"),
        (1_234_567_890, "1,2 GB", "1.2 GB"),
        (2_000_000_000, "2 GB", "2 GB"),
        (1_500_000_000_000, "1.500 GB", "1,500 GB"),
    ],
)
def test_amounts(portal: Portal, size: int, indonesian: str, english: str) -> None:
    with portal.app.test_request_context():
        with force_locale("id"):
            assert words.amount(size) == indonesian
        with force_locale("en"):
            assert words.amount(size) == english


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "kurang dari 1 menit"),
        (59, "kurang dari 1 menit"),
        (119, "1 menit"),
        (3_600, "1 jam"),
        (7_199, "1 jam 59 menit"),
        (86_400, "24 jam"),
    ],
)
def test_durations_never_promise_too_much(portal: Portal, seconds: int, text: str) -> None:
    with portal.app.test_request_context(), force_locale("id"):
        assert words.duration(seconds) == text


def test_moments_are_local(portal: Portal) -> None:
    tomorrow = datetime(2026, 11, 24, 17, 5, tzinfo=UTC)
    with portal.app.test_request_context():
        with force_locale("id"):
            assert words.moment(NOW, WITA, NOW) == "14.30 WITA"
            assert words.moment(tomorrow, WITA, NOW) == "25 November, 01.05 WITA"
        with force_locale("en"):
            assert words.moment(NOW, WITA, NOW) == "14:30 WITA"
            assert words.moment(NOW, ZoneInfo("Asia/Jakarta"), NOW) == "13:30 WIB"
            assert words.moment(NOW, ZoneInfo("Asia/Kathmandu"), NOW) == "12:15 UTC+5.75"
