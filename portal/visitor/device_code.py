"""Signing in with the app on another device: a code to scan or to type, and a page that may be closed."""

from __future__ import annotations

from datetime import UTC, datetime

import segno
from flask import Blueprint, redirect, render_template, request
from markupsafe import Markup
from werkzeug.wrappers import Response as BaseResponse

from portal import pairings
from portal.visitor.context import context, device

#: How often the page renews itself for who asked for that, seconds.
_RENEWAL = 5
#: What a browser says of itself, first match first, and what the approver reads.
_KINDS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Ponsel atau tablet Android"),
    ("Windows", "Komputer Windows"),
    ("Macintosh", "Komputer Mac"),
    ("CrOS", "Chromebook"),
    ("Linux", "Komputer Linux"),
)

blueprint = Blueprint("device_code", __name__)


@blueprint.post("/masuk/kode")
def begin() -> BaseResponse:
    """Get a code, or keep the one that waits."""
    here = device()
    if here.session is not None:
        return redirect("/status", 303)
    context().device_sign_ins.begin(here, kind(request.user_agent.string))
    return redirect("/masuk/kode", 303)


@blueprint.get("/masuk/kode")
def show() -> str | BaseResponse:
    """The code while it waits, or how that ended."""
    here = device()
    if here.session is not None:
        return redirect("/status", 302)
    pairing = context().device_sign_ins.of(here)
    if pairing is None:
        return redirect("/", 302)
    return render_template(
        "device_code.html",
        pairing=pairing,
        ended={pairings.DENIED: "denied", pairings.EXPIRED: "expired"}.get(pairing.state),
        picture=picture(pairing.address),
        now=datetime.now(UTC),
        renewal=_RENEWAL if request.args.get("otomatis") == "1" else None,
    )


@blueprint.post("/masuk/kode/batal")
def cancel() -> BaseResponse:
    """Stop waiting."""
    context().device_sign_ins.cancel(device())
    return redirect("/", 303)


def kind(user_agent: str) -> str:
    """What kind of device waits, in the approver's words; never the browser's own, which may be an attack."""
    return next((name for word, name in _KINDS if word in user_agent), "Perangkat lain")


def picture(address: str) -> Markup:
    """The QR code of an address (ISO/IEC 18004, a quarter of it may be unreadable) as SVG for the page itself."""
    code = segno.make(address, error="q", micro=False)
    return Markup(code.svg_inline(scale=5, border=4, dark="#000", light="#fff", omitsize=True))  # noqa: S704
