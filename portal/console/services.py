"""What a page of the console needs from outside: settings, database, enforcer, clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, tzinfo

from flask import current_app
from sqlalchemy import Engine

from policy.client import EnforcerClient

_KEY = "gerbang-console"


@dataclass(frozen=True, slots=True)
class Services:
    """Made once by whoever starts the console, or by a test."""

    database: Engine
    enforcer: EnforcerClient
    now: Callable[[], datetime]
    timezone: tzinfo
    reading_seconds: int

    def install(self, extensions: dict[str, object]) -> None:
        """Put it where ``services`` finds it."""
        extensions[_KEY] = self


def services() -> Services:
    """Those of the application that answers this request."""
    found = current_app.extensions[_KEY]
    assert isinstance(found, Services)  # noqa: S101 - ``create_app`` put it there
    return found
