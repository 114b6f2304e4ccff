"""Bahasa Indonesia first, English for who asks for it."""

from __future__ import annotations

from flask import Response, has_request_context, request
from werkzeug.datastructures import LanguageAccept

LANGUAGES = ("id", "en")
COOKIE = "__Host-bahasa"
_YEAR = 31_536_000


def select_language() -> str:
    """The language of this answer: the visitor's choice, else what the browser makes sure of."""
    if not has_request_context():
        return LANGUAGES[0]
    asked = (request.args.get("lang"), request.cookies.get(COOKIE))
    chosen = next((language for language in asked if language in LANGUAGES), None)
    return chosen or _preferred(request.accept_languages)


def remember_language(response: Response) -> Response:
    """Keep a choice made on this page by ``?lang=``."""
    chosen = request.args.get("lang")
    if chosen in LANGUAGES:
        response.set_cookie(COOKIE, chosen, max_age=_YEAR, secure=True, httponly=True, samesite="Lax")
    return response


def _preferred(accepted: LanguageAccept) -> str:
    """English only for a browser that reads English and no Indonesian: many phones here list both."""
    primary = {tag.lower().replace("_", "-").split("-")[0] for tag, quality in accepted if quality > 0}
    # "in" is what Java, and so old Android, calls Indonesian.
    return "en" if "en" in primary and not primary & {"id", "in"} else "id"
