from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from monitoring.pseudonyms import Pseudonyms
from policy.model import Device
from policy.settings import IdentitySettings
from portal import device_sign_ins, pairings
from portal.device_sign_ins import PATIENCE, DeviceSignIns, TooManyWaiting
from portal.identity.device_flow import DeviceFlow
from portal.identity.errors import ProviderUnavailable
from portal.identity.relying_party import RelyingParty
from portal.sealing import Seal
from portal.visits import UnknownDevice
from tests.unit.portal.identity.issuers import CLIENT, Issuer
from tests.unit.portal.portals import OTHER, PHONE, Portal


@pytest.fixture
def bsw(issuer: Issuer) -> Issuer:
    """A provider with the device grant; nobody has decided."""
    issuer.offer_device_codes()
    return issuer


@pytest.fixture
def waiting(portal: Portal, bsw: Issuer) -> DeviceSignIns:
    return DeviceSignIns(
        portal.settings.gateway,
        portal.database,
        portal.visits,
        DeviceFlow(RelyingParty.build(IdentitySettings(issuer=bsw.url, client_id=CLIENT))),
        Pseudonyms.load(portal.settings.monitor.pseudonym_key_file),
        Seal(b"k" * 32, "pairings"),
        portal.clock,
    )


def here(portal: Portal) -> Device:
    return portal.visits.look(PHONE.address)


def pass_time(portal: Portal, seconds: float) -> None:
    portal.clock.offset += timedelta(seconds=seconds)


def test_an_approval_lets_the_device_in_whatever_its_window_does(
    portal: Portal, waiting: DeviceSignIns, bsw: Issuer
) -> None:
    waiting.begin(here(portal), "Ponsel Android")
    shown = waiting.of(here(portal))
    assert shown is not None
    assert (shown.user_code, shown.state) == ("WDJB-MJHT", pairings.WAITING)
    assert 10 <= shown.match <= 99
    pass_time(portal, 6)
    waiting.step()
    assert here(portal).session is None
    bsw.approve()
    pass_time(portal, 6)
    waiting.step()
    waiting.step()
    assert here(portal).session is not None
    assert waiting.of(here(portal)) is None
    assert len(portal.rows("visits")) == 1


def test_a_device_that_is_away_is_let_in_when_it_is_seen_again(
    portal: Portal, waiting: DeviceSignIns, bsw: Issuer
) -> None:
    device = here(portal)
    waiting.begin(device, "Ponsel")
    bsw.approve()
    portal.enforcer.kernel.move(PHONE.address, None)
    pass_time(portal, 240)
    for _ in range(3):
        waiting.step()
        pass_time(portal, 3)
    assert portal.rows("visits") == []
    portal.enforcer.kernel.move(PHONE.address, PHONE.mac)
    waiting.step()
    assert here(portal).session is not None


def test_it_may_come_back_under_another_address(portal: Portal, waiting: DeviceSignIns, bsw: Issuer) -> None:
    waiting.begin(here(portal), "Ponsel")
    bsw.approve()
    portal.enforcer.kernel.move(PHONE.address, None)
    pass_time(portal, 6)
    waiting.step()
    portal.enforcer.kernel.move(OTHER.address, PHONE.mac)
    assert waiting.arrive(portal.visits.look(OTHER.address))
    assert portal.visits.look(OTHER.address).session is not None


def test_another_device_at_its_address_gets_nothing(portal: Portal, waiting: DeviceSignIns, bsw: Issuer) -> None:
    """Guards the comparison of hardware addresses in ``_look`` and ``_let_in``."""
    waiting.begin(here(portal), "Ponsel")
    bsw.approve()
    portal.enforcer.kernel.move(PHONE.address, OTHER.mac)
    pass_time(portal, 6)
    waiting.step()
    waiting.step()
    assert not waiting.arrive(portal.visits.look(PHONE.address))
    assert portal.visits.look(PHONE.address).session is None


def test_patience_ends(portal: Portal, waiting: DeviceSignIns, bsw: Issuer) -> None:
    waiting.begin(here(portal), "Ponsel")
    bsw.approve()
    portal.enforcer.kernel.move(PHONE.address, None)
    pass_time(portal, 6)
    waiting.step()
    portal.enforcer.kernel.move(PHONE.address, PHONE.mac)
    pass_time(portal, PATIENCE.total_seconds() + 1)
    waiting.step()
    assert not waiting.arrive(here(portal))
    assert here(portal).session is None


@pytest.mark.parametrize(
    ("error", "state"), [("access_denied", pairings.DENIED), ("expired_token", pairings.EXPIRED)]
)
def test_the_page_can_say_how_it_ended(
    portal: Portal, waiting: DeviceSignIns, bsw: Issuer, error: str, state: str
) -> None:
    waiting.begin(here(portal), "Ponsel")
    bsw.decide(error)
    pass_time(portal, 6)
    waiting.step()
    ended = waiting.of(here(portal))
    assert ended is not None
    assert ended.state == state
    asked = bsw.asked["/token"]
    pass_time(portal, 60)
    waiting.step()
    assert bsw.asked["/token"] == asked
    waiting.begin(here(portal), "Ponsel")
    again = waiting.of(here(portal))
    assert again is not None
    assert again.state == pairings.WAITING


def test_nobody_is_asked_sooner_than_the_provider_allows(
    portal: Portal, waiting: DeviceSignIns, bsw: Issuer
) -> None:
    """Guards ``due_at``: RFC 8628 section 3.5."""
    waiting.begin(here(portal), "Ponsel")
    asked = []
    bsw.decide("slow_down")
    for second in range(36):
        before = bsw.asked["/token"]
        waiting.step()
        if bsw.asked["/token"] > before:
            asked.append(second)
        pass_time(portal, 1)
    assert asked == [5, 15, 30]


def test_two_workers_ask_once(portal: Portal, waiting: DeviceSignIns, bsw: Issuer) -> None:
    """Guards ``pairings.claim``."""
    waiting.begin(here(portal), "Ponsel")
    pass_time(portal, 6)
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(waiting.step) for _ in range(8)]:
            done.result()
    assert bsw.asked["/token"] == 1


def test_a_provider_in_trouble_is_asked_again(portal: Portal, waiting: DeviceSignIns, bsw: Issuer) -> None:
    waiting.begin(here(portal), "Ponsel")
    bsw.statuses["/token"] = 503
    pass_time(portal, 6)
    waiting.step()
    bsw.approve()
    pass_time(portal, 6)
    waiting.step()
    waiting.step()
    assert here(portal).session is not None


def test_an_enforcer_that_is_away_loses_no_approval(portal: Portal, waiting: DeviceSignIns, bsw: Issuer) -> None:
    waiting.begin(here(portal), "Ponsel")
    bsw.approve()
    pass_time(portal, 6)
    target = portal.door.readlink()
    portal.part()
    waiting.step()
    waiting.step()
    portal.door.symlink_to(target)
    pass_time(portal, 3)
    waiting.step()
    assert here(portal).session is not None


def test_a_device_that_waits_goes_on_waiting(portal: Portal, waiting: DeviceSignIns, bsw: Issuer) -> None:
    for _ in range(3):
        waiting.begin(here(portal), "Ponsel")
    assert bsw.asked["/device"] == 1


def test_who_cancels_is_not_let_in(portal: Portal, waiting: DeviceSignIns, bsw: Issuer) -> None:
    waiting.begin(here(portal), "Ponsel")
    waiting.cancel(here(portal))
    bsw.approve()
    pass_time(portal, 6)
    waiting.step()
    assert (waiting.of(here(portal)), bsw.asked["/token"]) == (None, 0)


def test_only_so_many_wait(
    portal: Portal, waiting: DeviceSignIns, bsw: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device_sign_ins, "MAX_WAITING", 1)
    waiting.begin(here(portal), "Ponsel")
    with pytest.raises(TooManyWaiting):
        waiting.begin(portal.visits.look(OTHER.address), "Ponsel")


def test_nobody_begins_from_elsewhere(portal: Portal, waiting: DeviceSignIns, bsw: Issuer) -> None:
    portal.enforcer.kernel.move(PHONE.address, None)
    with pytest.raises(UnknownDevice):
        waiting.begin(here(portal), "Ponsel")
    bsw.statuses["/device"] = 503
    with pytest.raises(ProviderUnavailable):
        waiting.begin(portal.visits.look(OTHER.address), "Ponsel")


def test_the_database_says_nothing_in_clear(portal: Portal, waiting: DeviceSignIns, bsw: Issuer) -> None:
    waiting.begin(here(portal), "Ponsel")
    row = str(portal.rows("pairings"))
    assert str(PHONE.mac) not in row
    assert str(PHONE.address) not in row
    assert "the-secret" not in row


def test_a_pairing_survives_midnight(portal: Portal, waiting: DeviceSignIns, bsw: Issuer) -> None:
    portal.clock.offset += timedelta(hours=13, minutes=58)
    waiting.begin(here(portal), "Ponsel")
    pass_time(portal, 180)
    assert waiting.of(here(portal)) is not None
