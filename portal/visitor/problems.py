"""One clear page for everything that goes wrong: what happened, and what to do now."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Flask, make_response, redirect, render_template, request
from flask_babel import lazy_gettext as _
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as BaseResponse

from policy.client import EnforcerUnavailable
from policy.protocol import Refused
from portal.device_sign_ins import TooManyWaiting
from portal.identity.errors import ProviderUnavailable, SignInRejected
from portal.visitor import app_problems
from portal.visits import NoMoreExtensions, NoVisit, UnknownDevice

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Problem:
    """Status, what happened, what to do, and what the way on is called (``None``: "back to the start").

    Texts are translated when they are shown. ``retry_after`` is in seconds.
    """

    status: int
    title: Any
    text: Any
    action: Any = None
    retry_after: int | None = None


_BAD = Problem(
    400,
    _("Permintaan tidak dapat dibaca"),
    _("Ada yang keliru pada alamat atau isian yang dikirim. Buka halaman awal, lalu coba lagi dari sana."),
)
_BY_STATUS = {
    404: Problem(
        404,
        _("Halaman tidak ditemukan"),
        _("Alamat ini tidak ada di gerbang WiFi. Periksa tulisannya, atau kembali ke halaman awal."),
    ),
    405: Problem(
        405,
        _("Halaman ini dibuka lewat tombol"),
        _("Alamat ini tidak dapat dibuka langsung. Buka halaman awal, lalu tekan tombol yang Anda perlukan."),
    ),
    413: Problem(
        413,
        _("Kiriman terlalu besar"),
        _("Gerbang WiFi hanya menerima isian singkat. Buka halaman awal, lalu coba lagi."),
    ),
    429: Problem(
        429,
        _("Terlalu sering mencoba"),
        _("Demi keamanan, percobaan dibatasi. Tunggu satu menit, lalu coba lagi."),
        retry_after=60,
    ),
    500: Problem(
        500,
        _("Gerbang WiFi mengalami gangguan"),
        _("Kesalahan ada pada kami, bukan pada Anda. Tunggu sebentar, lalu coba lagi."),
        _("Coba lagi"),
    ),
}
_STALE_FORM = Problem(
    400,
    _("Halaman sudah terlalu lama terbuka"),
    _("Demi keamanan, tombol pada halaman lama tidak berlaku lagi. Buka halaman awal, lalu tekan sekali lagi."),
)
_PROVIDER_AWAY = Problem(
    503,
    _("BSW sedang gangguan"),
    _("Balikpapan Single Window belum dapat dihubungi, jadi Anda belum bisa masuk. Coba lagi nanti."),
    _("Coba lagi"),
    retry_after=60,
)
_ENFORCER_AWAY = Problem(
    503,
    _("Gerbang WiFi sedang disiapkan"),
    _("Akses belum dapat diatur saat ini. Tunggu setengah menit, lalu coba lagi."),
    _("Coba lagi"),
    retry_after=30,
)
_FULL = Problem(
    503,
    _("Hotspot sedang penuh"),
    _("Terlalu banyak perangkat yang online di sini. Coba lagi beberapa menit lagi."),
    _("Coba lagi"),
    retry_after=120,
)
_STRANGER = Problem(
    403,
    _("Perangkat ini tidak terlihat di WiFi"),
    _("Pastikan Anda tersambung ke WiFi hotspot ini dan VPN dimatikan. Putuskan, lalu sambungkan WiFi lagi."),
)
_DENIED = Problem(
    400,
    _("Anda membatalkan masuk"),
    _("Tidak ada yang tersambung dan tidak ada kunjungan yang dicatat. Anda dapat masuk kapan saja."),
)
_REJECTED = Problem(
    400,
    _("Masuk tidak berhasil"),
    _("Balasan BSW tidak cocok dengan perangkat, peramban, atau waktunya. Ulangi di jendela ini."),
    _("Ulangi masuk"),
)
_ENOUGH = Problem(
    409,
    _("Perpanjangan sudah habis"),
    _("Kunjungan ini tidak dapat diperpanjang lagi. Setelah waktunya habis, Anda dapat masuk kembali."),
)


def register(app: Flask) -> None:
    """Answer every error of the application with a page; the log gets reasons, never what a visitor sent."""
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(CSRFError, _always(_STALE_FORM))
    app.register_error_handler(ProviderUnavailable, _provider)
    app.register_error_handler(SignInRejected, _rejected)
    app.register_error_handler(EnforcerUnavailable, _enforcer)
    app.register_error_handler(Refused, _refused)
    app.register_error_handler(TooManyWaiting, _always(_FULL))
    app.register_error_handler(UnknownDevice, _always(_STRANGER))
    app.register_error_handler(NoVisit, _home)
    app.register_error_handler(NoMoreExtensions, _always(_ENOUGH))


def page(problem: Problem) -> BaseResponse:
    """The problem as an answer."""
    response = make_response(render_template("problem.html", problem=problem), problem.status)
    if problem.retry_after is not None:
        response.headers["Retry-After"] = str(problem.retry_after)
    return response


def _always(problem: Problem) -> Callable[[Exception], BaseResponse]:
    def handler(error: Exception) -> BaseResponse:
        del error
        return page(problem)

    return handler


def _home(error: NoVisit) -> BaseResponse:
    del error
    return redirect("/", 303)


def _http(error: HTTPException) -> BaseResponse:
    if error.code is not None and error.code < 400:
        return BaseResponse(status=error.code, headers=error.get_headers())
    if request.path.startswith(app_problems.PREFIX):
        return app_problems.http(error)
    problem = _BY_STATUS.get(error.code or 500)
    if problem is None:
        problem = _BY_STATUS[500] if (error.code or 500) >= 500 else _BAD
    response = page(problem)
    valid_methods = getattr(error, "valid_methods", None)
    if valid_methods:
        response.headers["Allow"] = ", ".join(sorted(valid_methods))
    return response


def _provider(error: ProviderUnavailable) -> BaseResponse:
    log.error("sign-in is not possible: %s", error.reason)
    return page(_PROVIDER_AWAY)


def _rejected(error: SignInRejected) -> BaseResponse:
    log.warning("a sign-in was rejected: %s", error.reason)
    return page(_DENIED if error.reason == "denied" else _REJECTED)


def _enforcer(error: EnforcerUnavailable) -> BaseResponse:
    log.error("%s", error)
    return page(_ENFORCER_AWAY)


def _refused(error: Refused) -> BaseResponse:
    log.warning("the enforcer refused: %s", error.code)
    if error.code == "not-a-neighbour":
        return page(_STRANGER)
    return page(_FULL if error.code == "too-many" else _ENFORCER_AWAY)
