"""Where a resident decides about a device: a page that works without scripts, and the app's own interface."""

from __future__ import annotations

import math
import re
import time
from typing import Any

from authlib.integrations.flask_oauth2 import ResourceProtector
from flask import Flask, Response, jsonify, make_response, render_template, request
from flask_wtf.csrf import CSRFProtect

from deploy.sandbox.provider.devices import DeviceRequest, Devices
from deploy.sandbox.provider.residents import Directory
from deploy.sandbox.provider.sign_in import notice
from deploy.sandbox.provider.texts import language, texts


class DevicePage:
    """``/device`` for browsers."""

    def __init__(self, devices: Devices, directory: Directory) -> None:
        self._devices = devices
        self._directory = directory

    def add_to(self, app: Flask) -> None:
        """Put it where ``verification_uri`` points."""
        app.add_url_rule("/device", "device", self.answer, methods=["GET", "POST"])

    def answer(self) -> Response:
        """Ask for the code; with it show what waits; on POST decide."""
        typed = request.values.get("user_code", "")
        waiting = self._devices.find(typed, request.remote_addr or "") if typed else None
        if waiting is None:
            return self._page("device_code.html", "no_device" if typed else "", 404 if typed else 200)
        return self._decide(waiting) if request.method == "POST" else self._ask(waiting)

    def _decide(self, waiting: DeviceRequest) -> Response:
        if request.form.get("decision") != "allow":
            self._devices.decide(waiting, None)
            return notice("device_denied", 200)
        resident = self._directory.authenticate(request.form.get("login", ""), request.form.get("pin", ""))
        if resident is None:
            return self._ask(waiting, "wrong", 401)
        if waiting.choices and request.form.get("number") not in waiting.choices:
            return self._ask(waiting, "no_number", 400)
        allowed = self._devices.decide(waiting, resident, request.form.get("number", ""))
        return notice("device_allowed" if allowed else "device_mismatch", 200 if allowed else 403)

    def _ask(self, waiting: DeviceRequest, problem: str = "", status: int = 200) -> Response:
        return self._page("device.html", problem, status, waiting=waiting, residents=self._directory.residents)

    def _page(self, template: str, problem: str, status: int, **values: Any) -> Response:
        words = texts(request)
        html = render_template(
            template,
            words=words,
            language=language(request),
            problem=words[problem] if problem else "",
            login=request.form.get("login", "")[:64],
            **values,
        )
        return make_response(html, status)


def add_app_interface(app: Flask, csrf: CSRFProtect, guard: ResourceProtector, devices: Devices) -> None:
    """Add ``/app/devices/CODE`` for the residents' app: GET shows what waits, POST decides."""

    @app.route("/app/devices/<user_code>", methods=["GET", "POST"])
    @csrf.exempt  # type: ignore[untyped-decorator]  # flask-wtf carries no types
    def app_device(user_code: str) -> Response:
        with guard.acquire("devices") as held:
            waiting = devices.find(user_code, held.sid)
            if waiting is None:
                return make_response(jsonify(error="not_found"), 404)
            if request.method == "GET":
                return jsonify(_described(waiting))
            decision, number = _decision()
            if decision not in {"allow", "deny"}:
                return make_response(jsonify(error="invalid_request"), 400)
            allowed = devices.decide(waiting, held.resident if decision == "allow" else None, number)
            if decision == "allow" and not allowed:
                return make_response(jsonify(error="access_denied"), 403)
            return jsonify(decision=decision)


def _decision() -> tuple[str, str]:
    """Return what the body's JSON object decides; empty texts for what makes no sense."""
    try:
        body = request.get_json(silent=True)
    except RecursionError:  # nested deeper than the interpreter's stack
        body = None
    values = body if isinstance(body, dict) else {}
    decision, number = values.get("decision"), values.get("number", "")
    if isinstance(decision, str) and isinstance(number, str) and re.fullmatch("([0-9]{2})?", number):
        return decision, number
    return "", ""


def _described(waiting: DeviceRequest) -> dict[str, Any]:
    return {
        "user_code": waiting.user_code,
        "place": waiting.place,
        "device": waiting.device,
        "numbers": list(waiting.choices),
        "expires_in": max(0, math.floor(waiting.expires - time.monotonic())),
    }
