from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, insert
from werkzeug.test import TestResponse

import monitoring.tables
import portal.console.tables
import portal.tables
from monitoring.recording import record
from policy.client import EnforcerClient
from policy.database import engine
from policy.model import Observation, SessionUsage, Usage
from portal.console import accounts, passwords
from portal.console.app import create_app
from tests.enforcers import RunningEnforcer, running_enforcer
from tests.examples import settings

HOST = "console.balikpapan.test"
PASSWORD = "tiga kapal biru lewat"
#: Hashing takes a tenth of a second, so not for every test.
_HASH = passwords.hashed(PASSWORD)
_TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')


@dataclass
class Clock:
    """Moved by tests."""

    at: datetime = datetime(2026, 3, 1, 2, 0, 30, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def wait(self, **span: float) -> None:
        self.at += timedelta(**span)


@dataclass
class Console:
    """The console over a real database, with browsers that hold cookies."""

    app: Flask
    database: Engine
    clock: Clock
    enforcer: RunningEnforcer
    one_time: dict[str, str] = field(default_factory=dict)

    def browser(self, address: str = "192.0.2.1") -> Browser:
        return Browser(self.app.test_client(), address)

    def staff(self, role: str = "operator", name: str = "") -> Browser:
        """Somebody with a password of their own, signed in."""
        name = name or f"{role}1"
        values = {
            "name": name,
            "role": role,
            "password_hash": _HASH,
            "one_time": False,
            "password_set_at": self.clock.at,
            "created_at": self.clock.at,
        }
        with self.database.begin() as connection:
            connection.execute(insert(portal.console.tables.StaffAccount).values(values))
        browser = self.browser()
        assert browser.sign_in(name, PASSWORD).location == "/"
        return browser

    def add(self, name: str, role: str = "operator") -> None:
        self.one_time[name] = accounts.add(self.database, name, role, self.clock)

    def visit(self, person: str = "ab" * 16, hotspot: str = "Taman Bekapai", minutes: int = 60) -> str:
        visit = str(uuid4())
        values = {
            "id": visit,
            "person": person,
            "device": uuid4().hex,
            "hotspot": hotspot,
            "started_at": self.clock.at - timedelta(minutes=30),
            "expires_at": self.clock.at + timedelta(minutes=minutes),
            "extensions": 0,
        }
        with self.database.begin() as connection:
            connection.execute(insert(portal.tables.Visit).values(values))
        return visit

    def read(self, **usages: tuple[int, int]) -> None:
        """A reading in which sessions (by id) have moved so many bytes up and down."""
        live = [SessionUsage(s.replace("_", "-"), Usage(*u, 1, 1), 60) for s, u in usages.items()]
        record(self.database, Observation("boot", live, []), self.clock.at)


@dataclass
class Browser:
    client: FlaskClient
    address: str

    def get(self, path: str, **headers: str) -> TestResponse:
        return self.client.get(
            path,
            base_url=f"https://{HOST}",
            environ_base={"REMOTE_ADDR": self.address},
            headers={name.replace("_", "-"): value for name, value in headers.items()},
        )

    def send(self, path: str, referrer: str = f"https://{HOST}/", **form: str) -> TestResponse:
        """A form as it is, without a token of its own."""
        return self.client.post(
            path,
            base_url=f"https://{HOST}",
            environ_base={"REMOTE_ADDR": self.address},
            headers={"Referer": referrer},
            data=form,
        )

    def post(self, path: str, page: str = "", **form: str) -> TestResponse:
        """Open ``page`` (or ``path``) and send the form on it."""
        found = _TOKEN.search(self.get(page or path).text)
        return self.send(path, csrf_token=found[1] if found else "", **form)

    def sign_in(self, name: str, password: str) -> TestResponse:
        return self.post("/masuk", name=name, password=password)


@pytest.fixture
def console(tmp_path: Path) -> Iterator[Console]:
    own = settings(tmp_path)
    database = engine(own.database.url)
    monitoring.tables.Base.metadata.create_all(database)
    portal.tables.Base.metadata.create_all(database)
    clock = Clock()
    with running_enforcer(tmp_path) as running:
        client = EnforcerClient(running.socket, timeout=0.2)
        yield Console(create_app(own, database, client, b"s" * 32, clock), database, clock, running)
        client.close()
    database.dispose()
