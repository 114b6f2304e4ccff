from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.portal.identity.issuers import Clock, Issuer, running_issuer


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with running_issuer() as running:
        yield running


@pytest.fixture
def clock() -> Clock:
    return Clock()
