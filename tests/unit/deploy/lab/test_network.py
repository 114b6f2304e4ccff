from pathlib import Path

import pytest

from deploy.lab.network import Namespace, cables


def test_phones_hang_on_the_air_isolated_and_begin_unplugged() -> None:
    lines = cables(2, [])
    assert "link set phone2 type bridge_slave isolated on" in lines["air"]
    assert not any("gateway type bridge_slave isolated" in line for line in lines["air"])
    assert lines["phone1"] == ["link set lo up"]


def test_the_internet_holds_the_sites() -> None:
    assert "address add 203.0.113.10 dev lo" in cables(1, ["203.0.113.10"])["internet"]


def test_macs_are_unicast_and_differ() -> None:
    macs = [line.split(" address ")[1].split()[0] for line in cables(30, [])["air"] if " address " in line]
    assert len(set(macs)) == 31
    assert all(int(mac[:2], 16) & 1 == 0 for mac in macs)


def test_programs_see_no_proxy_of_the_machine_outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    machine = Namespace("phone1", tmp_path, trusted=tmp_path / "ca.pem")
    assert "https_proxy" not in machine.environment
    assert machine.environment["REQUESTS_CA_BUNDLE"] == str(tmp_path / "ca.pem")
    assert machine.environment["HOME"] == str(tmp_path / "home")
