"""The interface of the city's app (flow A): a challenge, then token and proof, then online; no cookie opens it.

``openapi.json`` beside this file describes it for the app's developers, and is served.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, abort, request

from portal.app_sign_in import Shown
from portal.identity.errors import SignInRejected
from portal.visitor import app_problems
from portal.visitor.app_problems import PREFIX
from portal.visitor.context import context, device
from portal.visits import UnknownDevice

SESSION = f"{PREFIX}session"
#: Octets of a body: nothing is read from it, an empty JSON object is what clients send.
_MAX_BODY = 1_024
_DESCRIPTION = (Path(__file__).parent / "openapi.json").read_bytes()

blueprint = Blueprint("app_api", __name__)
app_problems.register(blueprint)


@blueprint.before_request
def check_size() -> None:
    """Before anything is read or asked."""
    if (request.content_length or 0) > _MAX_BODY:
        abort(413)


@blueprint.post(f"{PREFIX}challenge")
def challenge() -> Response:
    """What the app needs before it asks BSW for a token."""
    offer = context().app_sign_in.challenge(device())
    return _json(
        {
            "nonce": offer.nonce,
            "expires_in": offer.seconds,
            "gateway": offer.gateway,
            "audience": offer.audience,
            "issuer": offer.issuer,
            "scope": "wifi",
            "session_url": _session_url(),
        }
    )


@blueprint.post(SESSION)
def session() -> Response:
    """Token and proof: the phone is online. A nonce that is no good is answered with one that is."""
    here = device()
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "dpop" or not token:
        raise app_problems.TokenMissing
    shown = Shown(token.strip(), request.headers.get("DPoP", ""), request.method, _session_url())
    try:
        context().app_sign_in.admit(here, shown)
    except SignInRejected as error:
        if error.reason != "nonce":
            raise
        response = app_problems.answer(app_problems.rejected(error))
        response.headers["DPoP-Nonce"] = context().app_sign_in.challenge(here).nonce
        return response
    return _json(_state())


@blueprint.get(f"{PREFIX}openapi.json")
def description() -> Response:
    """This interface, described."""
    return Response(_DESCRIPTION, content_type="application/json")


def _state() -> dict[str, Any]:
    """As the captive portal API tells it (RFC 8908 section 5), asked anew: the grant has just been made."""
    settings, visits = context().settings, context().visits
    presence = visits.presence(visits.look(device().address))
    if not presence.online:
        raise UnknownDevice("the phone left while it was let in")
    home = f"https://{settings.portal.host}"
    state: dict[str, Any] = {
        "captive": False,
        "seconds_remaining": presence.device.seconds_left,
        "can_extend_session": visits.may_extend(presence),
        "user_portal_url": f"{home}/",
        "venue_info_url": f"{home}/info",
    }
    if presence.device.bytes_left is not None:
        state["bytes_remaining"] = max(presence.device.bytes_left, 0)
    return state


def _session_url() -> str:
    """The address that proofs are made for: ours, whatever host the request names."""
    return f"https://{context().settings.portal.host}{SESSION}"


def _json(body: dict[str, Any]) -> Response:
    return Response(json.dumps(body), content_type="application/json")
