"""What a visitor does: sign in, extend, sign out. All but the provider's callback are forms with a CSRF token."""

from __future__ import annotations

import secrets

from flask import Blueprint, redirect, request, session
from flask_babel import get_locale
from werkzeug.wrappers import Response as BaseResponse

from portal.identity.errors import SignInRejected
from portal.visitor.context import context, device

CALLBACK = "/oidc/callback"
#: In the signed cookie: the secret that binds a sign-in to the browser that began it.
_BROWSER = "browser"
#: What a provider may send back (RFC 6749 section 4.1.2, RFC 9207); anything else is not looked at.
_PARAMETERS = ("code", "state", "iss", "error")

blueprint = Blueprint("actions", __name__)


@blueprint.post("/masuk")
def sign_in() -> BaseResponse:
    """Off to Balikpapan Single Window."""
    here = device()
    if here.session is not None:
        return redirect("/status", 303)
    browser = session.get(_BROWSER)
    if not isinstance(browser, str):
        browser = session[_BROWSER] = secrets.token_urlsafe(32)
    return redirect(context().visits.begin(here, browser, str(get_locale())), 303)


@blueprint.get(CALLBACK)
def callback() -> BaseResponse:
    """Back from Balikpapan Single Window: check everything, open the way, begin a new browser session."""
    browser = session.get(_BROWSER)
    if not isinstance(browser, str):
        raise SignInRejected("state")
    context().visits.admit(device(), browser, _answer())
    session.clear()
    session[_BROWSER] = secrets.token_urlsafe(32)
    return redirect("/status", 303)


@blueprint.post("/perpanjang")
def extend() -> BaseResponse:
    """One more portion of time and bytes."""
    seen = request.form.get("extensions", "")
    context().visits.extend(device(), int(seen) if seen.isascii() and seen.isdecimal() and len(seen) < 4 else 0)
    return redirect("/status", 303)


@blueprint.post("/keluar")
def sign_out() -> BaseResponse:
    """Captive again, at once."""
    context().visits.end(device())
    session.clear()
    return redirect("/", 303)


def _answer() -> dict[str, str]:
    """RFC 6749 section 3.1: a parameter that comes twice makes the whole answer invalid."""
    answer: dict[str, str] = {}
    for name in _PARAMETERS:
        values = request.args.getlist(name)
        if len(values) > 1:
            raise SignInRejected("malformed")
        if values:
            answer[name] = values[0]
    return answer
