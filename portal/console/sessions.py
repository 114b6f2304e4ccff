"""The pages about sessions: who is on now, one of them, and its end; and the audit log."""

from __future__ import annotations

import logging
from datetime import timedelta

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext
from flask_login import current_user, login_required
from werkzeug.wrappers import Response

from monitoring import audit
from policy.database import reading
from portal.console import ending, picture, queries
from portal.console.forms import EndSessionForm
from portal.console.queries import Order, SessionView
from portal.console.services import services

sessions = Blueprint("sessions", __name__)
_log = logging.getLogger(__name__)

_MINUTES = timedelta(hours=24)
_AUDIT_PAGE = 100
_LAST_PAGE = 10_000
"""A page number from a browser becomes an offset: bounded."""


@sessions.get("/")
@login_required  # type: ignore[untyped-decorator]
def index() -> str:
    """Everybody who may pass now, the fastest first."""
    outside = services()
    now = outside.now()
    search = request.args.get("cari", "").strip()[:64]
    order = _order(request.args.get("urut", ""))
    page = _page()
    hour = queries.hour_before(now)
    with reading(outside.database).begin() as connection:
        found, total = queries.live(connection, now, search, order, page)
        last = queries.reading(connection)
        minutes = queries.minutes_of_all(connection, hour[0])
    late = last is None or (now - last.at).total_seconds() > 3 * outside.reading_seconds
    return render_template(
        "sessions.html",
        sessions=found,
        total=total,
        page=page,
        pages=max(1, -(-total // queries.PAGE)),
        search=search,
        order=order,
        orders=Order,
        reading=last,
        late=late,
        picture=picture.draw(minutes, hour),
        now=now,
    )


@sessions.get("/sesi/<session_id>")
@login_required  # type: ignore[untyped-decorator]
def session(session_id: str) -> str:
    """One session with its minutes."""
    outside = services()
    now = outside.now()
    found = _find(session_id)
    hour = queries.hour_before(found.ended_at or min(now, found.expires_at))
    with reading(outside.database).begin() as connection:
        minutes = queries.minutes_of(connection, session_id, found.started_at - _MINUTES)
    return render_template(
        "session.html", session=found, minutes=minutes[::-1], picture=picture.draw(minutes, hour), now=now
    )


@sessions.route("/sesi/<session_id>/akhiri", methods=["GET", "POST"])
@login_required  # type: ignore[untyped-decorator]
def end(session_id: str) -> Response | str | tuple[str, int]:
    """Ask why, then end it."""
    if not current_user.role.may_end_sessions:
        abort(403)
    found = _find(session_id)
    outside = services()
    if found.over(outside.now()):
        flash(gettext("Sesi ini sudah berakhir."))
        return redirect(url_for("sessions.session", session_id=session_id))
    form = EndSessionForm()
    if not form.validate_on_submit():
        return render_template("end.html", session=found, form=form, now=outside.now())
    try:
        ending.end(outside, current_user.account.name, found, form.reason.data)
    except ending.NotEnded as error:
        _log.error("session %s was not ended: %s", session_id, error)
        return render_template("end.html", session=found, form=form, now=outside.now(), failed=True), 503
    flash(gettext("Sesi %(id)s diakhiri.", id=found.person[:8]))
    return redirect(url_for("sessions.session", session_id=session_id))


@sessions.get("/audit")
@login_required  # type: ignore[untyped-decorator]
def log() -> str:
    """What staff did, the newest first."""
    if not current_user.role.may_read_audit:
        abort(403)
    page = _page()
    with reading(services().database).begin() as connection:
        total = audit.count(connection)
        entries = audit.entries(connection, _AUDIT_PAGE, (page - 1) * _AUDIT_PAGE)
    pages = max(1, -(-total // _AUDIT_PAGE))
    return render_template("audit.html", entries=entries, total=total, page=page, pages=pages)


def _find(session_id: str) -> SessionView:
    with reading(services().database).begin() as connection:
        found = queries.session(connection, session_id[:36])
    return found or abort(404)


def _order(text: str) -> Order:
    try:
        return Order(text)
    except ValueError:
        return Order.RATE


def _page() -> int:
    return min(max(1, request.args.get("halaman", 1, type=int)), _LAST_PAGE)
