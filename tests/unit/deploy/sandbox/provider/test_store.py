"""What two at the same time must not get out of the store."""

from __future__ import annotations

from deploy.sandbox.provider.clients import resident_app
from deploy.sandbox.provider.store import Refresh, Store
from tests.providers import BUDI, SARI

APP = resident_app("https://bsw.balikpapan.test")
HELD = Refresh(APP, SARI, "openid", "key", "sid", 0)


def test_a_sign_out_in_the_middle_of_a_refresh_wins() -> None:
    store = Store()
    store.add_session(HELD, APP)
    value = store.add_refresh(HELD)
    assert store.spend_refresh(value)
    assert [session.sid for session in store.end_sessions(SARI)] == ["sid"]
    assert store.add_refresh(HELD) == ""


def test_of_two_refreshes_with_one_token_one_wins() -> None:
    store = Store()
    store.add_session(HELD, APP)
    value = store.add_refresh(HELD)
    assert store.refresh(value) == HELD
    assert [store.spend_refresh(value), store.spend_refresh(value)] == [True, False]


def test_signing_one_resident_out_leaves_the_others() -> None:
    store = Store()
    store.add_session(HELD, APP)
    value = store.add_refresh(HELD)
    assert store.end_sessions(BUDI) == []
    assert store.refresh(value) == HELD
