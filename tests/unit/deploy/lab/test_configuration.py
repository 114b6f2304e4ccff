import json
import subprocess
from pathlib import Path

import pytest

from deploy.lab import configuration
from deploy.lab.configuration import Places
from deploy.sandbox.names import NAMESERVER
from deploy.sandbox.settings import InternetConfig
from deploy.sandbox.zone import hints_text
from policy.settings import Settings
from portal.visitor import actions, captive_api


def accepted(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout + done.stderr


def test_dnsmasq_accepts_its_file_and_announces_the_api_in_both_families(tmp_path: Path) -> None:
    text = configuration.dnsmasq_conf(tmp_path / "leases")
    (tmp_path / "dnsmasq.conf").write_text(text)
    accepted(["/usr/sbin/dnsmasq", "--test", "-C", str(tmp_path / "dnsmasq.conf")])
    assert "dhcp-option-force=114,https://wifi.balikpapan.test/captive-portal/api" in text.splitlines()
    assert "dhcp-option=option6:103,https://wifi.balikpapan.test/captive-portal/api" in text.splitlines()


def test_unbound_accepts_its_file_without_a_warning(tmp_path: Path) -> None:
    (tmp_path / "hints").write_text(hints_text(NAMESERVER))
    (tmp_path / "unbound.conf").write_text(configuration.unbound_conf(tmp_path / "hints"))
    said = accepted(["/usr/sbin/unbound-checkconf", str(tmp_path / "unbound.conf")])
    assert "warning" not in said


def test_gateway_toml_is_what_a_gateway_reads(tmp_path: Path) -> None:
    places = Places(Path("/run/lab/gateway"), Path("/run/lab/tls"))
    text = configuration.gateway_toml(places, "https://bsw.balikpapan.test", ["bsw.balikpapan.test"])
    (tmp_path / "gateway.toml").write_text(text)
    settings = Settings.load(tmp_path / "gateway.toml")
    assert settings.enforcer.socket == places.socket
    assert settings.enforcer.peers.portal == configuration.UIDS["portal"]
    assert settings.database.url == "sqlite:////run/lab/gateway/database/gerbang.db"
    assert settings.identity.client_id == configuration.CLIENT_ID


def test_the_portal_is_where_dhcp_and_the_provider_say() -> None:
    origin = f"https://{configuration.PORTAL_HOST}"
    assert origin + captive_api.PATH == configuration.CAPTIVE_API
    assert origin + actions.CALLBACK == configuration.CALLBACK


def test_the_journal_is_where_nobody_else_can_read_and_the_socket_where_all_can_reach() -> None:
    places = Places(Path("/run/lab/gateway"), Path("/run/lab/tls"))
    assert places.private("enforcer") not in places.socket.parents


def test_internet_json_is_what_the_internet_reads(tmp_path: Path) -> None:
    certificates = {"berita.test": (tmp_path / "berita.pem", tmp_path / "berita.key")}
    (tmp_path / "internet.json").write_text(configuration.internet_json(certificates))
    config = InternetConfig.load(tmp_path / "internet.json")
    assert config.certificates[0].names == ("berita.test",)
    assert config.provider.clients[0].check_redirect_uri(configuration.CALLBACK)


@pytest.mark.parametrize("path", ["/run/lab a", '/run/"lab'])
def test_internet_json_survives_odd_paths(path: str) -> None:
    document = json.loads(configuration.internet_json({"x.test": (Path(path), Path(path))}))
    assert document["certificates"][0]["key"] == path
