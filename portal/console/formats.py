"""Figures as staff read them: in their language, in the gateway's time zone, with SI units."""

from __future__ import annotations

from datetime import datetime, timedelta

from flask import Flask
from flask_babel import format_datetime as _format_datetime
from flask_babel import format_decimal, format_time, gettext

from portal.console.accounts import Role
from portal.console.services import services


def install(app: Flask) -> None:
    """Make them filters of the templates."""
    filters = (numberformat, data, rate, clock, moment, duration, short, role, reason, action)
    app.jinja_env.filters.update({function.__name__: function for function in filters})


def numberformat(count: int) -> str:
    """Whole numbers with the language's separators."""
    return str(format_decimal(count))


def data(count: float) -> str:
    """Bytes: ``1,25 MB``. Decimal prefixes, as in what a provider sells."""
    return _scaled(count, ("B", "kB", "MB", "GB", "TB"))


def rate(bits: float) -> str:
    """Bits per second: ``2,5 Mbit/s``."""
    return _scaled(bits, ("bit/s", "kbit/s", "Mbit/s", "Gbit/s"))


def _scaled(value: float, units: tuple[str, ...]) -> str:
    index = 0
    # 999.5 would be shown as 1000 with three digits.
    while value >= 999.5 and index < len(units) - 1:
        value, index = value / 1000, index + 1
    pattern = "0" if index == 0 or value >= 99.95 else "0.0" if value >= 9.995 else "0.00"
    return f"{format_decimal(value, format=pattern)}\N{NO-BREAK SPACE}{units[index]}"


def clock(at: datetime) -> str:
    """``14:05``, local."""
    return str(format_time(at, "HH:mm"))


def moment(at: datetime, seconds: bool = False) -> str:
    """The time of day, with the date when it is not today."""
    own = services()
    today = own.now().astimezone(own.timezone).date()
    same = at.astimezone(own.timezone).date() == today
    time = "HH:mm:ss" if seconds else "HH:mm"
    return str(_format_datetime(at, time if same else f"d MMM yyyy {time}"))


def duration(span: timedelta) -> str:
    """``1 j 05 mnt``; below a minute in seconds."""
    seconds = max(0, int(span.total_seconds()))
    if seconds < 60:
        return str(gettext("%(n)s dtk", n=seconds))
    if seconds < 3600:
        return str(gettext("%(n)s mnt", n=seconds // 60))
    return str(gettext("%(h)s j %(m)s mnt", h=seconds // 3600, m=f"{seconds % 3600 // 60:02}"))


def short(pseudonym: str) -> str:
    """The first 8 digits: enough to tell apart who is on one page."""
    return pseudonym[:8]


def role(value: Role) -> str:
    """A role's name."""
    names: dict[Role, str] = {
        Role.OPERATOR: gettext("operator"),
        Role.APPROVER: gettext("pemberi persetujuan"),
        Role.AUDITOR: gettext("auditor"),
        Role.LEADER: gettext("pimpinan"),
        Role.ADMIN: gettext("administrator"),
    }
    return names[value]


def reason(code: str | None) -> str:
    """Why a session ended."""
    names: dict[str, str] = {
        "expired": gettext("waktu habis"),
        "quota": gettext("kuota habis"),
        "visitor": gettext("diakhiri pengunjung"),
        "operator": gettext("diakhiri operator"),
        "replaced": gettext("diganti sesi baru"),
        "cut": gettext("terputus"),
    }
    return names.get(code or "expired", code or "")


def action(code: str) -> str:
    """What an audit entry tells of."""
    names: dict[str, str] = {
        "session.end": gettext("mengakhiri sesi"),
        "session.end.done": gettext("sesi telah diakhiri"),
        "session.end.failed": gettext("sesi gagal diakhiri"),
        "staff.add": gettext("membuat akun"),
        "staff.password": gettext("mengganti kata sandi"),
        "staff.sign-in": gettext("masuk"),
        "staff.sign-out": gettext("keluar"),
        "staff.revoke": gettext("mencabut login"),
    }
    return names.get(code, code)
