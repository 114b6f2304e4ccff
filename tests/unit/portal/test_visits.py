"""The use cases, seen from the enforcer's kernel and from the database."""

from __future__ import annotations

import time
from datetime import timedelta
from ipaddress import ip_address
from typing import Any

import pytest

from policy.client import EnforcerUnavailable
from policy.model import Binding
from policy.protocol import Refused
from portal.identity.errors import SignInRejected
from portal.visits import NoMoreExtensions, NoVisit, UnknownDevice
from tests.providers import BUDI, SARI, sign_in
from tests.unit.portal.portals import HOST, OTHER, PHONE, Portal, Visitor, callback_of

SIX = Binding(PHONE.mac, ip_address("2001:db8:77::50"))


def seconds_open(portal: Portal, phone: Binding = PHONE) -> int | None:
    return portal.enforcer.kernel.opened().get(phone)


def test_an_admitted_phone_is_open_on_both_families_and_written_down(portal: Portal) -> None:
    portal.enforcer.kernel.move(SIX.address, SIX.mac)
    assert portal.client().sign_in().status_code == 303
    assert seconds_open(portal) == seconds_open(portal, SIX) == 7_200
    (visit,) = portal.rows("visits")
    assert (visit["hotspot"], visit["extensions"], visit["bytes_limit"]) == ("Taman Bekapai", 0, 2_000_000_000)
    assert visit["ended_at"] is None
    assert portal.visits.look(PHONE.address).session == visit["id"]


def test_nothing_in_the_database_is_in_clear(portal: Portal) -> None:
    phone = portal.client()
    phone.press("/masuk")
    phone.sign_in()
    written = repr(portal.rows("visits") + portal.rows("sign_ins"))
    for secret in (str(PHONE.mac), PHONE.mac.packed.hex(), str(PHONE.address), SARI.username, SARI.phone):
        assert secret not in written


def test_a_used_sign_in_keeps_no_secret_and_an_old_one_goes(portal: Portal) -> None:
    phone = portal.client()
    phone.sign_in()
    (used,) = portal.rows("sign_ins")
    assert (used["nonce"], used["verifier"]) == ("", "")
    phone.press("/keluar", "/status")
    portal.clock.offset = timedelta(minutes=11)
    phone.press("/masuk")
    (fresh,) = portal.rows("sign_ins")
    assert fresh["state"] != used["state"]


def test_each_phone_has_its_own_visit(portal: Portal) -> None:
    portal.client(PHONE).sign_in()
    portal.client(OTHER).sign_in(BUDI)
    first, second = portal.rows("visits")
    assert first["person"] != second["person"]
    assert first["device"] != second["device"]
    assert len(portal.enforcer.kernel.opened()) == 2


def test_the_same_person_again_on_the_same_phone_goes_on_with_the_same_visit(portal: Portal) -> None:
    phone, again = portal.client(), portal.client()
    begun = again.press("/masuk").location
    phone.sign_in()
    portal.enforcer.kernel.pass_time(600)
    finish(again, begun, SARI)
    (visit,) = portal.rows("visits")
    assert visit["ended_at"] is None
    assert seconds_open(portal) == 7_200


def test_another_person_on_the_same_phone_begins_another_visit(portal: Portal) -> None:
    phone, again = portal.client(), portal.client()
    begun = again.press("/masuk").location
    phone.sign_in()
    finish(again, begun, BUDI)
    first, second = sorted(portal.rows("visits"), key=lambda row: row["started_at"])
    assert (first["end_reason"], second["end_reason"]) == ("replaced", None)
    assert portal.visits.look(PHONE.address).session == second["id"]


def test_a_midnight_between_does_not_make_another_person(portal: Portal) -> None:
    phone, again = portal.client(), portal.client()
    phone.sign_in()
    device = portal.visits.look(PHONE.address)
    portal.clock.offset = timedelta(days=1)
    url = portal.visits.begin(device, "browser", "id")
    portal.visits.admit(device, "browser", callback_of(url, SARI))
    assert again.get("/status").status_code == 200
    assert len(portal.rows("visits")) == 1


def test_an_enforcer_that_is_away_leaves_nothing(portal: Portal) -> None:
    device = portal.visits.look(PHONE.address)
    answer = callback_of(portal.visits.begin(device, "browser", "id"), SARI)
    portal.part()
    with pytest.raises(EnforcerUnavailable):
        portal.visits.admit(device, "browser", answer)
    assert portal.rows("visits") == []
    assert seconds_open(portal) is None


def test_an_enforcer_that_refuses_leaves_nothing(portal: Portal) -> None:
    device = portal.visits.look(PHONE.address)
    answer = callback_of(portal.visits.begin(device, "browser", "id"), SARI)
    portal.enforcer.kernel.refuse_next = "no memory"
    with pytest.raises(Refused):
        portal.visits.admit(device, "browser", answer)
    assert portal.rows("visits") == []
    assert seconds_open(portal) is None


def test_a_sign_in_comes_back_once_in_its_browser_on_its_phone_in_time(portal: Portal) -> None:
    device, other = portal.visits.look(PHONE.address), portal.visits.look(OTHER.address)
    answer = callback_of(portal.visits.begin(device, "browser", "id"), SARI)
    for wrong in ({"browser": "another"}, {"answer": answer | {"state": "another"}}, {"answer": {}}):
        with pytest.raises(SignInRejected, match="state"):
            portal.visits.admit(**{"device": device, "browser": "browser", "answer": answer} | wrong)  # type: ignore[arg-type]
    portal.clock.offset = timedelta(minutes=11)
    with pytest.raises(SignInRejected, match="state"):
        portal.visits.admit(device, "browser", answer)
    portal.clock.offset = timedelta()
    with pytest.raises(SignInRejected, match="device"):
        portal.visits.admit(other, "browser", answer)
    with pytest.raises(SignInRejected, match="state"):  # the try from the other phone used it up
        portal.visits.admit(device, "browser", answer)
    assert portal.enforcer.kernel.opened() == {}


def test_an_extension_adds_time_and_bytes_and_ends_at_the_limit(portal: Portal) -> None:
    portal.client().sign_in()
    portal.enforcer.kernel.pass_time(7_000)
    look = portal.visits.look
    portal.visits.extend(look(PHONE.address), 0)
    assert seconds_open(portal) == 7_400
    assert look(PHONE.address).bytes_left == 4_000_000_000
    portal.visits.extend(look(PHONE.address), 0)  # pressed twice
    assert seconds_open(portal) == 7_400
    portal.visits.extend(look(PHONE.address), 1)
    with pytest.raises(NoMoreExtensions):
        portal.visits.extend(look(PHONE.address), 2)
    (visit,) = portal.rows("visits")
    assert (visit["extensions"], visit["bytes_limit"]) == (2, 6_000_000_000)


@pytest.mark.parametrize("changes", [{"enforcer": {"longest_seconds": 7_200}}])
def test_an_extension_never_asks_for_more_than_the_enforcer_gives(portal: Portal, changes: Any) -> None:
    portal.client().sign_in()
    portal.enforcer.kernel.pass_time(100)
    portal.visits.extend(portal.visits.look(PHONE.address), 0)
    assert seconds_open(portal) == 7_200


def test_a_failed_extension_costs_nothing(portal: Portal) -> None:
    portal.client().sign_in()
    device = portal.visits.look(PHONE.address)
    before = portal.rows("visits")
    portal.enforcer.kernel.refuse_next = "no memory"
    with pytest.raises(Refused):
        portal.visits.extend(device, 0)
    assert portal.rows("visits") == before


def test_there_is_nothing_to_extend_without_a_visit(portal: Portal) -> None:
    with pytest.raises(NoVisit):
        portal.visits.extend(portal.visits.look(PHONE.address), 0)


def test_the_end_closes_at_once_and_is_written_down(portal: Portal) -> None:
    portal.client().sign_in()
    portal.visits.end(portal.visits.look(PHONE.address))
    assert seconds_open(portal) is None
    (visit,) = portal.rows("visits")
    assert visit["end_reason"] == "visitor"
    portal.visits.end(portal.visits.look(PHONE.address))


def test_an_end_that_cannot_be_made_is_not_written_down(portal: Portal) -> None:
    portal.client().sign_in()
    device = portal.visits.look(PHONE.address)
    portal.part()
    with pytest.raises(EnforcerUnavailable):
        portal.visits.end(device)
    (visit,) = portal.rows("visits")
    assert visit["ended_at"] is None


def test_the_last_end_is_told_and_written_down(portal: Portal) -> None:
    assert portal.visits.last_end(portal.visits.look(PHONE.address)) is None
    portal.client().sign_in()
    assert portal.visits.last_end(portal.visits.look(PHONE.address)) is None
    portal.enforcer.kernel.pass_time(7_201)
    portal.clock.offset += timedelta(seconds=7_201)
    assert portal.visits.last_end(portal.visits.look(PHONE.address)) == "expired"
    assert portal.rows("visits")[0]["end_reason"] == "expired"


def test_a_visit_that_was_cut_short_says_so(portal: Portal) -> None:
    portal.client().sign_in()
    session = portal.visits.look(PHONE.address).session
    assert session is not None
    portal.caller.revoke(session, "operator")
    assert portal.visits.last_end(portal.visits.look(PHONE.address)) == "cut"


def test_visits_older_than_the_notice_promises_are_deleted(portal: Portal) -> None:
    portal.client().sign_in()
    device = portal.visits.look(OTHER.address)
    portal.clock.offset = timedelta(days=91)
    portal.visits.admit(device, "b", callback_of(portal.visits.begin(device, "b", "id"), BUDI))
    assert len(portal.rows("visits")) == 1


def test_nobody_begins_from_outside_the_wifi(portal: Portal) -> None:
    stranger = portal.visits.look(ip_address("10.77.1.99"))
    with pytest.raises(UnknownDevice):
        portal.visits.begin(stranger, "browser", "id")
    assert portal.rows("sign_ins") == []


def finish(visitor: Visitor, url: str, resident: Any) -> None:
    assert visitor.get(sign_in(url, resident).removeprefix(HOST)).status_code == 303


def test_a_visitor_who_only_looks_does_not_wait_for_a_writer(portal: Portal) -> None:
    phone = portal.client()
    phone.sign_in()
    with portal.database.begin() as writer:
        writer.exec_driver_sql("UPDATE visits SET hotspot = 'x'")
        begun = time.monotonic()
        assert phone.get("/status").status_code == 200
        assert portal.client(OTHER).get("/").status_code == 200
        assert time.monotonic() - begun < 1
