"""Everything that goes wrong for the app, as problem details (RFC 9457) with types that never change."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response
from flask_babel import get_locale
from flask_babel import lazy_gettext as _
from werkzeug.exceptions import HTTPException

from policy.client import EnforcerUnavailable
from policy.protocol import Refused
from portal.app_sign_in import TooManyFailures
from portal.identity.dpop import ProofRejected
from portal.identity.errors import ProviderUnavailable, SignInRejected
from portal.identity.keys import ALGORITHM
from portal.visitor.context import context
from portal.visits import UnknownDevice

MEDIA_TYPE = "application/problem+json"
PREFIX = "/app/v1/"
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Problem:
    """``word`` ends the type's URI, ``error`` is OAuth's word (RFC 6750, RFC 9449), ``retry_after`` seconds."""

    word: str
    status: int
    title: Any
    error: str | None = None
    retry_after: int | None = None


_NO_TOKEN = Problem("token-missing", 401, _("Token akses tidak dikirim"))
_TOKEN = Problem("token-rejected", 401, _("Token akses BSW ditolak"), "invalid_token")
_PROOF = Problem("proof-rejected", 401, _("Bukti kunci aplikasi ditolak"), "invalid_dpop_proof")
_NONCE = Problem("nonce-rejected", 401, _("Tantangan sudah terpakai atau kedaluwarsa"), "use_dpop_nonce")
_SUSPENDED = Problem("person-suspended", 403, _("Akun BSW ini sedang ditangguhkan"))
_ABSENT = Problem("not-on-wifi", 409, _("Perangkat ini tidak terlihat di WiFi"))
_OFTEN = Problem("too-many-requests", 429, _("Terlalu sering mencoba"), retry_after=60)
_BLOCKED = Problem("blocked", 429, _("Terlalu banyak percobaan gagal"))
_PROVIDER = Problem("bsw-unavailable", 503, _("BSW sedang gangguan"), retry_after=60)
_ENFORCER = Problem("gateway-unavailable", 503, _("Gerbang WiFi sedang disiapkan"), retry_after=30)
_FULL = Problem("hotspot-full", 503, _("Hotspot sedang penuh"), retry_after=120)
_INTERNAL = Problem("internal", 500, _("Gerbang WiFi mengalami gangguan"))
_BAD = Problem("bad-request", 400, _("Permintaan tidak dapat dibaca"))
_BY_STATUS = {
    404: Problem("not-found", 404, _("Alamat tidak ditemukan")),
    405: Problem("method-not-allowed", 405, _("Metode tidak diizinkan")),
    413: Problem("too-large", 413, _("Kiriman terlalu besar")),
    429: _OFTEN,
    500: _INTERNAL,
}


class TokenMissing(Exception):
    """The request shows no access token at all: that is a question, not a failed try."""


def register(blueprint: Blueprint) -> None:
    """Answer every error of the app's endpoints."""
    for kind, handler in (
        (HTTPException, http),
        (TokenMissing, lambda _error: answer(_NO_TOKEN)),
        (SignInRejected, _rejected),
        (ProviderUnavailable, _provider),
        (TooManyFailures, lambda error: answer(_BLOCKED, error.seconds)),
        (UnknownDevice, lambda _error: answer(_ABSENT)),
        (EnforcerUnavailable, _enforcer),
        (Refused, _refused),
    ):
        blueprint.register_error_handler(kind, handler)


def answer(problem: Problem, retry_after: int | None = None) -> Response:
    """The problem as an answer; a 401 says how to do it (RFC 9449 section 7.1)."""
    host = context().settings.portal.host
    body = {
        "type": f"https://{host}{PREFIX}problems/{problem.word}",
        "title": str(problem.title),
        "status": problem.status,
        "code": problem.word,
    }
    response = Response(json.dumps(body, ensure_ascii=False), problem.status, content_type=MEDIA_TYPE)
    response.headers["Content-Language"] = str(get_locale())
    response.headers["Vary"] = "Accept-Language"
    wait = retry_after or problem.retry_after
    if wait is not None:
        response.headers["Retry-After"] = str(wait)
    if problem.status == 401:
        error = f'error="{problem.error}", ' if problem.error else ""
        response.headers["WWW-Authenticate"] = f'DPoP {error}algs="{ALGORITHM}"'
    return response


def http(error: HTTPException) -> Response:
    """What Flask itself refuses, also for addresses under ``PREFIX`` that do not exist."""
    status = error.code or 500
    response = answer(_BY_STATUS.get(status, _INTERNAL if status >= 500 else _BAD))
    valid_methods = getattr(error, "valid_methods", None)
    if valid_methods:
        response.headers["Allow"] = ", ".join(sorted(valid_methods))
    return response


def rejected(error: SignInRejected) -> Problem:
    """Which problem a refusal is; the app is told no more than that, the log has the reason."""
    if error.reason == "suspended":
        return _SUSPENDED
    if not isinstance(error, ProofRejected):
        return _TOKEN
    return _NONCE if error.reason == "nonce" else _PROOF


def _rejected(error: SignInRejected) -> Response:
    log.warning("the app was refused: %s %s", type(error).__name__, error.reason)
    return answer(rejected(error))


def _provider(error: ProviderUnavailable) -> Response:
    log.error("sign-in is not possible: %s", error.reason)
    return answer(_PROVIDER)


def _enforcer(error: EnforcerUnavailable) -> Response:
    log.error("%s", error)
    return answer(_ENFORCER)


def _refused(error: Refused) -> Response:
    log.warning("the enforcer refused: %s", error.code)
    if error.code == "not-a-neighbour":
        return answer(_ABSENT)
    return answer(_FULL if error.code == "too-many" else _ENFORCER)
