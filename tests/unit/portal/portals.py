"""A whole portal for tests, and browsers without scripts on phones of its WiFi."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html import unescape
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine
from werkzeug.test import TestResponse

from policy.client import EnforcerClient
from policy.model import Binding, Mac
from policy.settings import Settings
from portal.app_sign_in import AppSignIn
from portal.visits import Visits
from tests.enforcers import RunningEnforcer
from tests.providers import SARI, sign_in

HOST = "https://wifi.balikpapan.test"
CALLBACK = f"{HOST}/oidc/callback"
PHONE = Binding(Mac.parse("02:00:00:00:00:01"), ip_address("10.77.0.50"))
OTHER = Binding(Mac.parse("02:00:00:00:00:02"), ip_address("10.77.0.51"))


@dataclass
class Clock:
    """A wall clock that a test moves; it starts at ten in the morning in Balikpapan, far from any midnight."""

    offset: timedelta = field(default_factory=timedelta)
    started: float = field(default_factory=time.monotonic)
    start: datetime = field(default_factory=lambda: datetime.now(UTC).replace(hour=2, minute=0))

    def __call__(self) -> datetime:
        return self.start + timedelta(seconds=time.monotonic() - self.started) + self.offset


@dataclass
class Portal:
    settings: Settings
    app: Flask
    visits: Visits
    app_sign_in: AppSignIn
    enforcer: RunningEnforcer
    door: Path
    caller: EnforcerClient
    database: Engine
    clock: Clock

    def client(self, phone: Binding = PHONE) -> Visitor:
        return Visitor(self.app.test_client(), str(phone.address))

    def rows(self, table: str) -> list[Any]:
        with self.database.begin() as connection:
            return list(connection.exec_driver_sql(f"SELECT * FROM {table}").mappings())  # noqa: S608

    def part(self) -> None:
        """From now on nobody answers behind the enforcer's socket."""
        self.door.unlink()
        self.caller.close()


@dataclass
class Visitor:
    """A browser without scripts on one phone."""

    browser: FlaskClient
    address: str

    def get(self, path: str, **options: Any) -> TestResponse:
        return self._send("GET", path, **options)

    def post(self, path: str, **options: Any) -> TestResponse:
        return self._send("POST", path, **options)

    def press(self, button: str, page: str = "/", **fields: str) -> TestResponse:
        """Press the button of the form that goes to ``button`` on ``page``."""
        html = self.get(page).text
        form = re.search(rf'<form[^>]*action="{button}".*?</form>', html, re.DOTALL)
        assert form, html
        inputs = re.findall(r'name="([^"]+)" value="([^"]*)"', form.group())
        return self.post(button, data={name: unescape(value) for name, value in inputs} | fields)

    def sign_in(self, resident: Any = SARI) -> TestResponse:
        """All the way to the callback's answer."""
        started = self.press("/masuk")
        assert started.status_code == 303, started.text
        return self.get(sign_in(started.location, resident).removeprefix(HOST))

    def _send(self, method: str, path: str, **options: Any) -> TestResponse:
        environ = {"REMOTE_ADDR": self.address} | options.pop("environ_overrides", {})
        return self.browser.open(
            path, method=method, base_url=HOST, environ_overrides=environ, buffered=True, **options
        )


def callback_of(url: str, resident: Any = SARI) -> dict[str, str]:
    """What the provider sends back when ``resident`` signs in at ``url``."""
    return {name: values[0] for name, values in parse_qs(urlsplit(sign_in(url, resident)).query).items()}
