"""The phones of the laboratory in their parts, and what a test asks of the gateway from behind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from deploy.lab.lab import Lab
from tests.network.guest import Guest
from tests.network.sniffer import Sniffer


@pytest.fixture(scope="session")
def visitor(lab: Lab) -> Guest:
    """Signs in and out again and again; each test finds it captive."""
    return Guest.join(lab.phone(1))


@pytest.fixture(scope="session")
def stranger(lab: Lab) -> Guest:
    """Has joined and never signs in."""
    return Guest.join(lab.phone(2))


@pytest.fixture(scope="session")
def witness(lab: Lab) -> Guest:
    """Is online all the time: what must pass, passes for it."""
    guest = Guest.join(lab.phone(3))
    guest.steps("signin", account="budi")
    return guest


@pytest.fixture(scope="session")
def attacker(lab: Lab) -> Guest:
    """Has joined, does not sign in, and means harm."""
    return Guest.join(lab.phone(4))


@pytest.fixture
def online(visitor: Guest) -> Iterator[Guest]:
    """The visitor, signed in for one test."""
    visitor.steps("signin")
    yield visitor
    if not visitor.api()["captive"]:
        visitor.steps("signout")


@pytest.fixture
def uplink(lab: Lab) -> Iterator[Sniffer]:
    """Everything that the gateway sends to the internet during one test."""
    with Sniffer(lab.internet.name, "uplink") as sniffer:
        yield sniffer
