"""The captive portal API (RFC 8908): the truth about one phone, before, during and after its visit."""

from __future__ import annotations

import json
from typing import Any

from flask import Blueprint, Response, redirect, request
from werkzeug.wrappers import Response as BaseResponse

from portal.visitor.context import context, device

MEDIA_TYPE = "application/captive+json"
PATH = "/captive-portal/api"

blueprint = Blueprint("captive_api", __name__)


@blueprint.get(PATH)
def answer() -> BaseResponse:
    """State of the asking phone; a browser that came here by mistake is shown the page instead."""
    response: BaseResponse
    if _is_browser(request.headers.get("Accept", "")):
        response = redirect("/", 302)
    else:
        response = Response(json.dumps(_state()), content_type=MEDIA_TYPE)
    response.headers["Vary"] = "Accept"
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _state() -> dict[str, Any]:
    """RFC 8908 section 5; what remains is left out while captive, and bytes where they are unlimited."""
    settings, visits = context().settings, context().visits
    presence = visits.presence(device())
    home = f"https://{settings.portal.host}"
    state: dict[str, Any] = {
        "captive": not presence.online,
        "user-portal-url": f"{home}/",
        "venue-info-url": f"{home}/info",
        "can-extend-session": visits.may_extend(presence),
    }
    if presence.device.seconds_left is not None:
        state["seconds-remaining"] = presence.device.seconds_left
    if presence.device.bytes_left is not None:
        state["bytes-remaining"] = max(presence.device.bytes_left, 0)
    return state


def _is_browser(accept: str) -> bool:
    """Phones ask for the media type, or for anything, or for nothing in particular; browsers ask for html."""
    asked = {part.partition(";")[0].strip().lower() for part in accept.split(",")}
    return "text/html" in asked and MEDIA_TYPE not in asked
