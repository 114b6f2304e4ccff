"""The app of Balikpapan Single Window signs its own phone in, and lets in devices that have no app."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from deploy.lab.configuration import PORTAL_HOST
from deploy.lab.lab import Lab
from deploy.sandbox.names import PROVIDER_NAME
from deploy.sandbox.provider.residents import RESIDENTS
from tests.network.guest import Guest
from tests.network.inspection import granted, poll

pytestmark = pytest.mark.network

BUDI = next(resident for resident in RESIDENTS if resident.username == "budi")
GERBANG = "import sys; from deploy.cli import main; sys.exit(main())"


def app(lab: Lab, owner: Guest, *action: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    """Use the sandbox app on ``owner``'s phone; while that is captive it reaches BSW through the garden."""
    machine = owner.phone.machine
    options = ["--issuer", f"https://{PROVIDER_NAME}", "--wallet", str(owner.home / "wallet")]
    command = [sys.executable, "-c", GERBANG, "phone", *options, "--ca-file", str(machine.trusted), *action]
    return subprocess.run(
        machine.command(command),
        env=machine.environment,
        cwd=lab.source,
        input=typed,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def says(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@pytest.fixture
def approver(lab: Lab, stranger: Guest) -> Guest:
    """Has the app, with Budi signed in, and stays captive."""
    says(app(lab, stranger, "sign-in", typed=f"{BUDI.username}\n{BUDI.pin}\n"))
    return stranger


def test_the_app_signs_its_own_phone_in(lab: Lab, visitor: Guest) -> None:
    says(app(lab, visitor, "sign-in", typed=f"{BUDI.username}\n{BUDI.pin}\n"))
    assert visitor.api()["captive"] is True
    session = says(app(lab, visitor, "connect", f"https://{PORTAL_HOST}"))
    assert session["captive"] is False
    assert granted(lab, visitor)
    (probe,) = visitor.steps("probe")
    assert {probe[family]["status"] for family in ("ipv4", "ipv6")} == {204}
    visitor.steps("signout")


def test_an_approval_reaches_a_phone_that_has_gone_to_sleep(lab: Lab, visitor: Guest, approver: Guest) -> None:
    (seen,) = visitor.steps("code")
    visitor.phone.run(["ip", "link", "set", "wlan0", "down"])
    try:
        waiting = says(app(lab, approver, "show", seen["code"]))
        assert waiting["place"] == "Taman Bekapai"
        assert seen["number"] in waiting["numbers"]
        says(app(lab, approver, "approve", seen["code"], seen["number"]))
    finally:
        Guest.join(visitor.phone)
    poll(lambda: granted(lab, visitor), 15, "the phone is let in without touching it")
    (probe,) = visitor.steps("probe")
    assert {probe[family]["status"] for family in ("ipv4", "ipv6")} == {204}
    assert approver.api()["captive"] is True
    visitor.steps("signout")


def test_a_wrong_number_lets_nobody_in(lab: Lab, visitor: Guest, approver: Guest) -> None:
    (seen,) = visitor.steps("code")
    numbers = says(app(lab, approver, "show", seen["code"]))["numbers"]
    wrong = next(number for number in numbers if number != seen["number"])
    assert "access_denied" in app(lab, approver, "approve", seen["code"], wrong).stderr
    page = f"https://{PORTAL_HOST}/masuk/kode"
    poll(lambda: "Permintaan ditolak" in visitor.curl(page), 15, "the page says that it was refused")
    assert not granted(lab, visitor)
