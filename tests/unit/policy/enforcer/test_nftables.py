from __future__ import annotations

from ipaddress import ip_address

import pytest

from policy.enforcer.nftables import granted_binding, granted_key, wishes
from policy.model import Binding, Mac
from policy.plan import Close, Learn, Open

PHONE, OTHER = Mac.parse("02:00:00:00:00:01"), Mac.parse("02:00:00:00:00:02")
V4, V6 = ip_address("10.77.0.11"), ip_address("2001:db8:77::11")


@pytest.mark.parametrize("address", [V4, V6])
def test_a_key_is_whole_registers_and_comes_back(address: object) -> None:
    binding = Binding(PHONE, address)  # type: ignore[arg-type]
    key = granted_key(binding)
    assert len(key) % 4 == 0
    assert key[:8] == bytes.fromhex("020000000001 0000")
    assert granted_binding(key) == binding


def test_opening_is_for_both_directions_of_its_family() -> None:
    binding = Binding(PHONE, V6)
    assert wishes([Open(binding, 60)]) == {"granted6": {granted_key(binding): 60}, "online6": {V6.packed: 60}}


def test_the_last_word_on_a_binding_counts() -> None:
    binding = Binding(PHONE, V4)
    closed = {"granted4": {granted_key(binding): None}, "online4": {V4.packed: None}}
    assert wishes([Open(binding, 60), Close(binding)]) == closed
    assert wishes([Close(binding), Open(binding, 60)])["online4"] == {V4.packed: 60}


@pytest.mark.parametrize("turned", [False, True])
def test_an_address_that_passes_to_another_phone_stays_online(turned: bool) -> None:
    changes = [Close(Binding(PHONE, V4)), Open(Binding(OTHER, V4), 60)]
    found = wishes(reversed(changes) if turned else changes)
    assert found["online4"] == {V4.packed: 60}
    assert found["granted4"] == {granted_key(Binding(PHONE, V4)): None, granted_key(Binding(OTHER, V4)): 60}


def test_the_garden_takes_addresses_of_both_families() -> None:
    found = wishes([Learn(V4, 60), Learn(V6, 120), Learn(V4, 90)])
    assert found == {"garden4": {V4.packed: 90}, "garden6": {V6.packed: 120}}


def test_no_change_is_no_wish() -> None:
    assert wishes([]) == {}
