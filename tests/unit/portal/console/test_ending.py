from datetime import UTC
from ipaddress import ip_address

import pytest
from sqlalchemy import select

from monitoring import audit
from policy.client import EnforcerClient
from policy.model import Binding, Mac
from portal.console import ending, queries
from portal.console.services import Services
from portal.tables import Visit
from tests.unit.portal.console.conftest import Console

PHONE = Binding(Mac.parse("02:00:00:00:00:01"), ip_address("10.77.0.10"))


def outside(console: Console, socket: str = "") -> Services:
    client = EnforcerClient(socket or console.enforcer.socket, timeout=0.1)
    return Services(console.database, client, console.clock, UTC, 5)


def online(console: Console) -> str:
    visit = console.visit()
    console.enforcer.kernel.move(PHONE.address, PHONE.mac)
    client = EnforcerClient(console.enforcer.socket)
    client.admit(visit, PHONE.mac, PHONE.address, 600)
    client.close()
    return visit


def end(console: Console, services: Services, visit: str) -> None:
    with console.database.begin() as connection:
        session = queries.session(connection, visit)
    assert session is not None
    try:
        ending.end(services, "budi", session, "surel sampah")
    finally:
        services.enforcer.close()


def written(console: Console, visit: str) -> tuple[str | None, list[str]]:
    with console.database.begin() as connection:
        reason = connection.execute(select(Visit.end_reason).where(Visit.id == visit)).scalar_one()
        return reason, [entry.action for entry in audit.entries(connection, 10)][::-1]


def test_the_phone_is_cut_and_everything_is_written(console: Console) -> None:
    visit = online(console)
    assert console.enforcer.kernel.carry(PHONE, up=1)
    end(console, outside(console), visit)
    assert not console.enforcer.kernel.carry(PHONE, up=1)
    assert written(console, visit) == ("operator", ["session.end", "session.end.done"])


def test_without_the_enforcer_the_visit_goes_on_and_the_try_is_known(console: Console) -> None:
    visit = online(console)
    with pytest.raises(ending.NotEnded):
        end(console, outside(console, "/nonexistent/socket"), visit)
    assert console.enforcer.kernel.carry(PHONE, up=1)
    assert written(console, visit) == (None, ["session.end", "session.end.failed"])


def test_a_session_that_the_enforcer_does_not_know_is_marked_all_the_same(console: Console) -> None:
    visit = console.visit()
    end(console, outside(console), visit)
    assert written(console, visit) == ("operator", ["session.end", "session.end.done"])
