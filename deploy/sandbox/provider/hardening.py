"""What every request and every answer goes through: the browser's defences, and syntax before meaning."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from flask import Response, jsonify, make_response, request

#: RFC 6749 appendix A: the characters of an error description, in which authlib echoes parameters.
_PARAMETER = re.compile(r"[\x20-\x21\x23-\x5b\x5d-\x7e]{0,2048}")
_PARAMETERS = ("response_type", "client_id", "redirect_uri", "scope", "state", "nonce", "grant_type", "code")


def refuse_malformed() -> Response | None:
    """Stop parameters with characters that RFC 6749 does not know before anything echoes them."""
    values = request.values
    if all(_PARAMETER.fullmatch(value) for name in _PARAMETERS for value in values.getlist(name)):
        return None
    return make_response(jsonify(error="invalid_request"), 400)


def allow_form_to(answer: Response, redirect_uri: str) -> None:
    """Let the form end at the client: browsers hold ``form-action`` against the redirect that follows, too."""
    target = urlsplit(redirect_uri)
    answer.headers["Content-Security-Policy"] = _policy(f"'self' {target.scheme}://{target.netloc}")


def harden(answer: Response) -> Response:
    """No script, no frame, no cache, no guessing of types, nothing about the request to other sites."""
    answer.headers.setdefault("Content-Security-Policy", _policy("'self'"))
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["X-Frame-Options"] = "DENY"
    answer.headers["Referrer-Policy"] = "same-origin"
    if request.endpoint != "static":
        answer.headers["Cache-Control"] = "no-store"
    return answer


def _policy(form_action: str) -> str:
    return (
        f"default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action {form_action}"
    )
