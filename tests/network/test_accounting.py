"""What a phone moves is what is counted: in the kernel, in the API and in the database."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.lab.lab import Lab
from deploy.sandbox.names import STREAMING_NAME
from tests.network.caller import ask
from tests.network.guest import Bytes, Guest
from tests.network.inspection import ending, minutes

pytestmark = pytest.mark.network

DOWN, UP = 100_000_000, 20_000_000
#: Beyond it a quota is unfair or a report wrong (issue "First light").
TOLERANCE = 0.001


def near(counted: int, moved: int) -> bool:
    return abs(counted - moved) <= moved * TOLERANCE


@pytest.fixture
def film(online: Guest) -> Path:
    path = online.home / "film"
    path.write_bytes(bytes(UP // 2))
    return path


def test_a_film_each_way_is_counted(lab: Lab, online: Guest, film: Path) -> None:
    before, api_before, moved_before = usage(lab, online), online.api(), online.moved()
    for family in ("-4", "-6"):
        online.curl(family, "--output", "/dev/null", f"http://{STREAMING_NAME}/bytes/{DOWN // 2}")
        online.curl(family, "--data-binary", f"@{film}", f"http://{STREAMING_NAME}/upload")
    counted, moved = usage(lab, online) - before, online.moved() - moved_before
    assert moved.down > DOWN
    assert moved.up > UP

    assert near(counted.up, moved.up), (counted, moved)
    assert near(counted.down, moved.down), (counted, moved)
    left = api_before["bytes-remaining"] - online.api()["bytes-remaining"]
    assert near(left, moved.up + moved.down), (left, moved)

    session = ask(lab, "portal", "look", online.ipv4)["session"]
    online.steps("signout")
    _, total = ending(lab, session)
    assert minutes(lab, session) == total
    assert near(total.up - before.up, moved.up), (total, before, moved)
    assert near(total.down - before.down, moved.down), (total, before, moved)


def usage(lab: Lab, guest: Guest) -> Bytes:
    used = ask(lab, "portal", "look", guest.ipv4)["usage"]
    return Bytes(used["up_bytes"], used["down_bytes"])
