from __future__ import annotations

import pytest

from tests.unit.portal.identity.issuers import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()
