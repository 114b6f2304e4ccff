"""The pages that a visitor reads: welcome or status, the privacy notice, about this place."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from flask import Blueprint, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from portal.visitor.context import context, device
from portal.visits import Presence, UnknownDevice

#: Below this a page warns: time enough to read it and press a button.
_WARN_SECONDS = 600
#: Below one part in so many of the bytes left a page warns.
_WARN_BYTES = 10
#: How often the page renews itself for who asked for that, seconds.
_RENEWAL = 60

blueprint = Blueprint("pages", __name__)


@blueprint.get("/")
def home() -> str:
    """How things stand: the way in, or how long it still lasts."""
    try:
        here = device()
    except UnknownDevice:
        return render_template("welcome.html", stranger=True, last_end=None)
    visits = context().visits
    if here.session is not None:
        return _status(visits.presence(here))
    return render_template("welcome.html", stranger=here.mac is None, last_end=visits.last_end(here))


@blueprint.get("/status")
def status() -> str | BaseResponse:
    """How long the visit still lasts, and what it has used."""
    here = device()
    if here.session is None:
        return redirect("/", 302)
    return _status(context().visits.presence(here))


@blueprint.get("/privasi")
def privacy() -> str:
    """The privacy notice (UU 27/2022), whole and before sign-in."""
    return render_template("privacy.html")


@blueprint.get("/info")
def info() -> str:
    """About this place: RFC 8908's venue-info-url, also for who is online already."""
    return render_template("info.html")


def _status(presence: Presence) -> str:
    here, visit = presence.device, presence.visit
    seconds, left = here.seconds_left or 0, here.bytes_left
    used = here.usage.total_bytes if here.usage is not None else 0
    now = datetime.now(UTC)
    few_bytes = left is not None and left * _WARN_BYTES < left + used
    return render_template(
        "status.html",
        seconds=seconds,
        whole_seconds=max(seconds, round((visit.expires_at - visit.started_at).total_seconds()) if visit else 0),
        ends_at=now + timedelta(seconds=seconds),
        now=now,
        used=used,
        left=left,
        ending=seconds < _WARN_SECONDS or few_bytes,
        visit=visit,
        may_extend=context().visits.may_extend(presence),
        renewal=_RENEWAL if request.args.get("otomatis") == "1" else None,
    )
