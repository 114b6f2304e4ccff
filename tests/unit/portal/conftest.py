"""The portal under test: real application, enforcer (over the fake kernel), database and sandbox provider."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from deploy.sandbox.provider import Client
from monitoring.pseudonyms import Pseudonyms
from monitoring.tables import Base as MonitoringBase
from policy.client import EnforcerClient
from policy.database import engine
from policy.settings import Settings
from portal.app_sign_in import AppSignIn
from portal.device_sign_ins import DeviceSignIns
from portal.identity.code_flow import CodeFlow
from portal.identity.device_flow import DeviceFlow
from portal.identity.relying_party import RelyingParty
from portal.sealing import Seal
from portal.tables import Base
from portal.visitor.app import TRANSLATIONS, create_app
from portal.visitor.context import Context
from portal.visits import Visits
from tests.enforcers import running_enforcer
from tests.examples import document
from tests.providers import running_provider
from tests.unit.portal.identity.issuers import Issuer, running_issuer
from tests.unit.portal.portals import CALLBACK, OTHER, PHONE, Clock, Portal


@pytest.fixture(scope="session", autouse=True)
def catalogues() -> None:
    """What deploy/setup does, for a catalogue that was edited since."""
    for source in TRANSLATIONS.glob("*/LC_MESSAGES/messages.po"):
        target = source.with_suffix(".mo")
        if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
            with source.open("rb") as text, target.open("wb") as compiled:
                write_mo(compiled, read_po(text))


@pytest.fixture(scope="session")
def provider() -> Iterator[str]:
    with running_provider([Client("wifi-gateway", (CALLBACK,))]) as issuer:
        yield issuer


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    """A provider that says whatever a test wants; a test module makes it the portal's ``provider``."""
    with running_issuer() as running:
        yield running


@pytest.fixture
def changes() -> dict[str, dict[str, Any]]:
    """Tables of gateway.toml that a test wants otherwise; override it in the test's module or parametrize it."""
    return {}


@pytest.fixture
def portal(tmp_path: Path, provider: str, changes: dict[str, dict[str, Any]]) -> Iterator[Portal]:
    raw = document(tmp_path)
    raw["identity"]["issuer"] = provider
    for table, values in changes.items():
        raw.setdefault(table, {}).update(values)
    settings = Settings.from_document(raw)
    database = engine(settings.database.url)
    Base.metadata.create_all(database)
    MonitoringBase.metadata.create_all(database)
    clock = Clock()
    with running_enforcer(tmp_path, settings=settings) as running:
        for phone in (PHONE, OTHER):
            running.kernel.move(phone.address, phone.mac)
        door = tmp_path / "door"
        door.symlink_to(running.socket)
        caller = EnforcerClient(door, timeout=0.2)
        pseudonyms = Pseudonyms.load(settings.monitor.pseudonym_key_file)
        party = RelyingParty.build(settings.identity)
        visits = Visits(settings, database, caller, pseudonyms, CodeFlow(party, CALLBACK), clock)
        key = b"k" * 32
        app_sign_in = AppSignIn(settings, database, pseudonyms, party.keys, visits, clock)
        waiting = DeviceSignIns(
            settings.gateway, database, visits, DeviceFlow(party), pseudonyms, Seal(key, "pairings"), clock
        )
        app = create_app(Context(settings, visits, app_sign_in, waiting), key)
        yield Portal(settings, app, visits, app_sign_in, running, door, caller, database, clock)
        caller.close()
    database.dispose()
