"""What every request and every answer goes through: the browser's defences, and syntax before meaning."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from flask import Response, jsonify, make_response, request

#: RFC 6749 appendix A: the characters of an error description, in which authlib echoes parameters.
_PARAMETER = re.compile(r"[\x20-\x21\x23-\x5b\x5d-\x7e]{0,2048}")
_PARAMETERS = ("response_type", "client_id", "redirect_uri", "scope", "state", "nonce", "grant_type", "code")


#: RFC 9110 section 11.4: a scheme and one token68, as Basic and Bearer have it.
_AUTHORIZATION = re.compile(r"[A-Za-z]+ [A-Za-z0-9._~+/-]+=*")


def refuse_malformed() -> Response | None:
    """Stop what is not well formed before authlib takes it apart or echoes it."""
    values = request.values
    parameters = (value for name in _PARAMETERS for value in values.getlist(name))
    if all(map(_PARAMETER.fullmatch, parameters)) and _authorization_is_well_formed():
        return None
    return make_response(jsonify(error="invalid_request"), 400)


def _authorization_is_well_formed() -> bool:
    """Accept no credentials, or ones in the right syntax (for Basic: base64 of UTF-8)."""
    header = request.headers.get("Authorization", "")
    return not header or (bool(_AUTHORIZATION.fullmatch(header)) and request.authorization is not None)


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
