"""Flow A seen from the use cases: each test says which line of defence it guards."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from ipaddress import ip_address
from threading import Barrier
from typing import Any

import pytest

from monitoring.pseudonyms import Pseudonyms
from policy.client import EnforcerUnavailable
from policy.database import engine
from policy.model import Binding
from portal.app_sign_in import AppSignIn, Shown, TooManyFailures
from portal.identity.errors import ProviderUnavailable, SignInRejected
from portal.identity.keys import KeySet
from portal.identity.provider import Provider
from portal.identity.transport import Transport
from portal.visits import UnknownDevice
from tests.unit.portal.identity.issuers import Issuer, Wallet
from tests.unit.portal.portals import HOST, OTHER, PHONE, Portal

URL = f"{HOST}/app/v1/session"
SIX = Binding(PHONE.mac, ip_address("2001:db8:77::50"))
ROUNDS = 200


@pytest.fixture
def provider(issuer: Issuer) -> str:
    return issuer.url


@pytest.fixture
def wallet() -> Wallet:
    return Wallet()


def shown(
    portal: Portal, issuer: Issuer, wallet: Wallet, at: Binding = PHONE, token: str = "", **changes: Any
) -> Shown:
    """What an honest app shows after a challenge at ``at``; ``changes`` are the proof's."""
    offer = portal.app_sign_in.challenge(portal.visits.look(at.address))
    token = token or issuer.access_token(wallet, aud=offer.audience)
    return Shown(token, wallet.proof(token, URL, offer.nonce, **changes), "POST", URL)


def admit(portal: Portal, what: Shown, at: Binding = PHONE) -> str:
    return portal.app_sign_in.admit(portal.visits.look(at.address), what)


def refused(portal: Portal, what: Shown, at: Binding = PHONE) -> str:
    before = portal.enforcer.kernel.opened()
    with pytest.raises(SignInRejected) as caught:
        admit(portal, what, at)
    assert portal.enforcer.kernel.opened() == before
    return caught.value.reason


def test_the_app_opens_the_way_for_its_own_phone(portal: Portal, issuer: Issuer, wallet: Wallet) -> None:
    portal.enforcer.kernel.move(SIX.address, SIX.mac)
    visit = admit(portal, shown(portal, issuer, wallet))
    assert portal.enforcer.kernel.opened() == {PHONE: 7_200, SIX: 7_200}
    assert [row["id"] for row in portal.rows("visits")] == [visit]
    assert portal.rows("challenges") == []


def test_the_same_person_goes_on_with_the_same_visit(portal: Portal, issuer: Issuer, wallet: Wallet) -> None:
    first = admit(portal, shown(portal, issuer, wallet))
    portal.enforcer.kernel.pass_time(600)
    assert admit(portal, shown(portal, issuer, wallet)) == first
    assert portal.enforcer.kernel.opened()[PHONE] == 7_200


def test_nothing_in_the_database_is_in_clear(portal: Portal, issuer: Issuer, wallet: Wallet) -> None:
    offer = portal.app_sign_in.challenge(portal.visits.look(PHONE.address))
    written = repr(portal.rows("challenges"))
    admit(portal, shown(portal, issuer, wallet))
    written += repr(portal.rows("visits") + portal.rows("spent_tokens"))
    secrets = (str(PHONE.mac), PHONE.mac.packed.hex(), str(PHONE.address), offer.nonce, "somebody")
    for secret in secrets:
        assert secret not in written
    assert offer.nonce not in repr(offer)


def test_a_token_for_another_gateway_opens_nothing(portal: Portal, issuer: Issuer, wallet: Wallet) -> None:
    """Guards the audience that the use case asks for: its own ``gateway.id``."""
    token = issuer.access_token(wallet, aud="urn:bpn:wifi-gateway:gw-0017")
    assert refused(portal, shown(portal, issuer, wallet, token=token)) == "audience"


def test_a_stolen_token_opens_nothing(portal: Portal, issuer: Issuer, wallet: Wallet) -> None:
    """Guards the comparison of the proof's key with ``cnf.jkt``."""
    stolen = issuer.access_token(wallet)
    assert refused(portal, shown(portal, issuer, Wallet(), token=stolen)) == "key"


def test_a_suspended_person_stays_out_and_may_not_try_the_token_again(
    portal: Portal, issuer: Issuer, wallet: Wallet
) -> None:
    """Guards ``bsw_status``; told only to who holds the key, so after everything else."""
    token = issuer.access_token(wallet, bsw_status="suspended")
    assert refused(portal, shown(portal, issuer, Wallet(), token=token)) == "key"
    assert refused(portal, shown(portal, issuer, wallet, token=token)) == "suspended"
    assert refused(portal, shown(portal, issuer, wallet, token=token)) == "replay"


def test_the_same_request_again_opens_nothing(portal: Portal, issuer: Issuer, wallet: Wallet) -> None:
    """Guards the nonce's single use."""
    what = shown(portal, issuer, wallet)
    admit(portal, what)
    assert refused(portal, what) == "nonce"


def test_a_used_token_opens_nothing_with_a_fresh_proof(portal: Portal, issuer: Issuer, wallet: Wallet) -> None:
    """Guards the single use of the token's ``jti``, on this phone and on another."""
    token = issuer.access_token(wallet)
    admit(portal, shown(portal, issuer, wallet, token=token))
    assert refused(portal, shown(portal, issuer, wallet, token=token)) == "replay"
    assert refused(portal, shown(portal, issuer, wallet, OTHER, token=token), OTHER) == "replay"


def test_a_used_proof_id_opens_nothing_with_a_fresh_nonce(portal: Portal, issuer: Issuer, wallet: Wallet) -> None:
    """Guards the single use of the proof's ``jti``, for an app that repeats its numbers."""
    admit(portal, shown(portal, issuer, wallet, jti="same"))
    assert refused(portal, shown(portal, issuer, wallet, jti="same")) == "replay"
    assert admit(portal, shown(portal, issuer, wallet, jti="other"))
    assert admit(portal, shown(portal, issuer, Wallet(), OTHER, jti="same"), OTHER)


def test_an_evil_twin_cannot_pass_a_request_on(portal: Portal, issuer: Issuer, wallet: Wallet) -> None:
    """Guards the challenge's binding to MAC and IP; the nonce that was passed on is spent."""
    what = shown(portal, issuer, wallet)
    assert refused(portal, what, OTHER) == "relay"
    assert refused(portal, what) == "nonce"


def test_another_address_of_the_same_phone_is_another_way(portal: Portal, issuer: Issuer, wallet: Wallet) -> None:
    """Guards the binding to the IP address alone: same MAC, but not the way that the challenge went."""
    portal.enforcer.kernel.move(SIX.address, SIX.mac)
    assert refused(portal, shown(portal, issuer, wallet), SIX) == "relay"


def test_another_phone_at_the_same_address_is_another_way(portal: Portal, issuer: Issuer, wallet: Wallet) -> None:
    """Guards the binding to the MAC alone: same IP, but another phone has it now."""
    what = shown(portal, issuer, wallet)
    portal.enforcer.kernel.move(PHONE.address, OTHER.mac)
    assert refused(portal, what) == "relay"


def test_a_challenge_of_an_old_minute_opens_nothing(portal: Portal, issuer: Issuer, wallet: Wallet) -> None:
    """Guards the nonce's 60 seconds."""
    what = shown(portal, issuer, wallet)
    portal.clock.offset = timedelta(seconds=61)
    assert refused(portal, what) == "nonce"


def test_a_midnight_between_challenge_and_proof_does_no_harm(
    portal: Portal, issuer: Issuer, wallet: Wallet
) -> None:
    portal.clock.start = portal.clock.start.replace(hour=15, minute=59, second=40)  # 23.59.40 in Balikpapan
    what = shown(portal, issuer, wallet)
    portal.clock.offset = timedelta(seconds=40)
    assert admit(portal, what)


def test_two_workers_accept_the_same_request_once(portal: Portal, issuer: Issuer, wallet: Wallet) -> None:
    """Guards the whole against a race: two workers with engines of their own, the same request at once."""
    key = Pseudonyms.load(portal.settings.monitor.pseudonym_key_file)
    keys = KeySet(Provider(issuer.url, Transport()))
    engines = [engine(portal.settings.database.url) for _ in range(2)]
    workers = [AppSignIn(portal.settings, each, key, keys, portal.visits, portal.clock) for each in engines]
    device, start = portal.visits.look(PHONE.address), Barrier(2)

    def act(worker: AppSignIn, what: Shown) -> str:
        start.wait()
        try:
            worker.admit(device, what)
        except SignInRejected as error:
            return error.reason
        return "in"

    with ThreadPoolExecutor(2) as pool:
        for _ in range(ROUNDS):
            portal.clock.offset += timedelta(minutes=6)  # the losers' failures must not block the phone
            what = shown(portal, issuer, wallet)
            assert sorted(pool.map(act, workers, [what, what])) == ["in", "nonce"]
    for each in engines:
        each.dispose()


def test_ten_failures_block_the_phone_and_no_other(portal: Portal, issuer: Issuer, wallet: Wallet) -> None:
    """Guards the limit on guessing: blocked for both use cases, and free again after five minutes."""
    good = shown(portal, issuer, wallet)
    for number in range(10):
        assert refused(portal, Shown(f"{number}", "", "POST", URL)) == "malformed"
    with pytest.raises(TooManyFailures) as caught:
        admit(portal, good)
    assert 290 <= caught.value.seconds <= 300
    with pytest.raises(TooManyFailures):
        portal.app_sign_in.challenge(portal.visits.look(PHONE.address))
    assert len(portal.rows("sign_in_failures")) == 10
    assert admit(portal, shown(portal, issuer, Wallet(), OTHER), OTHER)
    portal.clock.offset = timedelta(seconds=301)
    assert admit(portal, shown(portal, issuer, wallet))


def test_midnight_does_not_free_a_blocked_phone(portal: Portal, issuer: Issuer) -> None:
    """Guards the count under both pseudonyms of the phone."""
    portal.clock.start = portal.clock.start.replace(hour=15, minute=59, second=30)
    for number in range(10):
        refused(portal, Shown(f"{number}", "", "POST", URL))
    portal.clock.offset = timedelta(seconds=60)
    with pytest.raises(TooManyFailures):
        portal.app_sign_in.challenge(portal.visits.look(PHONE.address))


def test_nobody_signs_in_from_outside_the_wifi(portal: Portal, issuer: Issuer, wallet: Wallet) -> None:
    stranger = portal.visits.look(ip_address("10.77.1.99"))
    with pytest.raises(UnknownDevice):
        portal.app_sign_in.challenge(stranger)
    with pytest.raises(UnknownDevice):
        portal.app_sign_in.admit(stranger, shown(portal, issuer, wallet))
    assert portal.enforcer.kernel.opened() == {}


def test_while_bsw_is_away_nothing_opens_and_nothing_is_spent(
    portal: Portal, issuer: Issuer, wallet: Wallet
) -> None:
    """Guards the closed failure; an outage is not the phone's failure, so it does not count as one."""
    issuer.statuses["/keys"] = 503
    with pytest.raises(ProviderUnavailable):
        admit(portal, shown(portal, issuer, wallet))
    assert portal.enforcer.kernel.opened() == {}
    assert len(portal.rows("challenges")) == 1
    assert portal.rows("spent_tokens") == portal.rows("sign_in_failures") == []


def test_without_the_enforcer_nothing_is_written_down(portal: Portal, issuer: Issuer, wallet: Wallet) -> None:
    device, what = portal.visits.look(PHONE.address), shown(portal, issuer, wallet)
    portal.part()
    with pytest.raises(EnforcerUnavailable):
        portal.app_sign_in.admit(device, what)
    assert portal.rows("visits") == []
