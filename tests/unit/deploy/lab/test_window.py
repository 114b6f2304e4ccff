import http.client
import socket
from pathlib import Path

import pytest

from deploy.lab.window import Translation, View, Windows
from deploy.sandbox.authority import Authority

PORTAL, PROVIDER = "https://wifi.balikpapan.test", "https://bsw.balikpapan.test"
TRANSLATION = Translation({PORTAL: "http://127.0.0.1:8080", PROVIDER: "http://127.0.0.1:8081"})


def test_addresses_go_out_as_the_windows_and_come_back_as_the_servers() -> None:
    assert TRANSLATION.outward(f"{PORTAL}/status") == "http://127.0.0.1:8080/status"
    assert TRANSLATION.inward("http://127.0.0.1:8081/authorize") == f"{PROVIDER}/authorize"


def test_an_encoded_address_is_data_and_stays() -> None:
    asked = f"{PROVIDER}/authorize?redirect_uri=https%3A%2F%2Fwifi.balikpapan.test%2Flogin"
    assert TRANSLATION.outward(asked).endswith("?redirect_uri=https%3A%2F%2Fwifi.balikpapan.test%2Flogin")


@pytest.mark.parametrize("other", [f"{PORTAL}.evil.test/", f"{PORTAL}:444/"])
def test_a_longer_origin_is_another(other: str) -> None:
    assert TRANSLATION.outward(other) == other


def test_another_port_of_loopback_is_another() -> None:
    assert TRANSLATION.inward("http://127.0.0.1:80801/") == "http://127.0.0.1:80801/"


def test_cookies_keep_to_their_window() -> None:
    sent = Translation.cookie_outward("__Host-bsw=1; Path=/; Secure; HttpOnly; SameSite=Lax", 8081)
    assert sent == "w8081.__Host-bsw=1; Path=/; HttpOnly; SameSite=Lax"
    assert Translation.cookie_inward("w8081.__Host-bsw=1; w8080.session=2; other=3", 8081) == "__Host-bsw=1"


def view(port: int) -> View:
    return View("the portal", "phone2", "10.77.0.1", 443, "wifi.balikpapan.test", port)


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    return Authority.create(tmp_path).path


def test_a_taken_port_makes_way_for_the_next(authority: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with Windows([view(port)], authority) as windows:
            ((_, address),) = windows.addresses
            assert int(address.rsplit(":", 1)[1]) > port


def ask(address: str, host: str | None) -> int:
    connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=5)
    try:
        connection.request("GET", "/", headers={} if host is None else {"Host": host})
        return connection.getresponse().status
    finally:
        connection.close()


def test_another_name_for_loopback_is_refused(authority: Path) -> None:
    with Windows([view(18_080)], authority) as windows:
        assert ask(windows.addresses[0][1], "evil.test") == 421


def test_an_unreachable_server_is_a_clear_502(authority: Path) -> None:
    with Windows([view(18_080)], authority) as windows:
        assert ask(windows.addresses[0][1], None) == 502
