"""The phone that the browser tests walk around with."""

from __future__ import annotations

import pytest

from deploy.lab.lab import Lab
from tests.network.guest import Guest


@pytest.fixture(scope="session")
def guest(lab: Lab) -> Guest:
    """A phone that has joined; each test finds and leaves it captive."""
    return Guest.join(lab.phone(5))
