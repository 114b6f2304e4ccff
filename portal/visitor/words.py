"""Amounts, durations and moments in the visitor's words."""

from __future__ import annotations

from datetime import datetime, tzinfo

from flask_babel import format_datetime, format_decimal, get_locale
from flask_babel import gettext as _

_UNITS = ((10**9, "GB"), (10**6, "MB"), (10**3, "kB"))
#: Indonesia's three zones have names that people know; any other is named by its offset.
_ZONES = {"WIB": 7, "WITA": 8, "WIT": 9}


def amount(size: int) -> str:
    """Octets as phones show them, in powers of ten: ``1,2 GB``."""
    for factor, unit in _UNITS:
        if size >= factor:
            return f"{format_decimal(round(size / factor, 1), '#,##0.#')} {unit}"
    return f"{size} B"


def duration(seconds: int) -> str:
    """``1 jam 59 menit``; rounded down, so that nobody is promised a minute that is not there."""
    hours, minutes = divmod(max(seconds, 0) // 60, 60)
    if hours and minutes:
        return str(_("%(hours)s jam %(minutes)s menit", hours=hours, minutes=minutes))
    if hours:
        return str(_("%(hours)s jam", hours=hours))
    if minutes:
        return str(_("%(minutes)s menit", minutes=minutes))
    return str(_("kurang dari 1 menit"))


def moment(at: datetime, zone: tzinfo, now: datetime) -> str:
    """``14.30 WITA``, with the date when it is not today's."""
    local = at.astimezone(zone)
    indonesian = str(get_locale()) == "id"
    pattern = "HH.mm" if indonesian else "HH:mm"
    if local.date() != now.astimezone(zone).date():
        pattern = f"d MMMM, {pattern}"
    return f"{format_datetime(local, pattern, rebase=False)} {zone_name(local)}"


def zone_name(local: datetime) -> str:
    """``WITA`` for a moment in Balikpapan."""
    offset = local.utcoffset()
    hours = offset.total_seconds() / 3600 if offset is not None else 0.0
    return next((name for name, ahead in _ZONES.items() if ahead == hours), f"UTC{hours:+g}")
