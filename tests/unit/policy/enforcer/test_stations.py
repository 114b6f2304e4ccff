from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path

import pytest

from policy.enforcer.kernel import Neighbour
from policy.enforcer.stations import Stations
from policy.model import Mac
from tests.examples import settings

PHONE, OTHER = Mac.parse("02:00:00:00:00:01"), Mac.parse("02:00:00:00:00:02")
V4, V6 = ip_address("10.77.0.11"), ip_address("2001:db8:77::11")


@pytest.fixture
def stations(tmp_path: Path) -> Stations:
    return Stations(settings(tmp_path).network)


def test_it_follows_who_is_where(stations: Stations) -> None:
    stations.update(Neighbour(V4, PHONE))
    stations.update(Neighbour(V6, PHONE))
    assert stations.addresses(PHONE) == {V4, V6}
    stations.update(Neighbour(V4, OTHER))
    assert (stations.at(V4), stations.addresses(PHONE), stations.addresses(OTHER)) == (OTHER, {V6}, {V4})
    stations.update(Neighbour(V4, None))
    stations.update(Neighbour(V4, None))
    assert stations.at(V4) is None
    assert stations.addresses(OTHER) == frozenset()


@pytest.mark.parametrize(
    "address", ["10.77.0.1", "10.77.0.0", "10.77.3.255", "10.77.4.1", "2001:db8:77::1", "fe80::1", "192.0.2.1"]
)
def test_a_phone_cannot_be_where_the_gateway_is_or_off_the_lan(stations: Stations, address: str) -> None:
    stations.update(Neighbour(ip_address(address), PHONE))
    assert stations.at(ip_address(address)) is None
    assert not stations.may_hold(ip_address(address))


def test_the_whole_table_replaces_what_was_known(stations: Stations) -> None:
    stations.update(Neighbour(V4, PHONE))
    stations.replace([Neighbour(V6, OTHER)])
    assert stations.at(V4) is None
    assert stations.addresses(OTHER) == {V6}
