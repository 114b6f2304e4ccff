"""Devices compare the probes' answers byte by byte, so they are written out here once more."""

from __future__ import annotations

import pytest

from deploy.sandbox import probes
from deploy.sandbox.names import HOSTS, Role


@pytest.mark.parametrize(
    ("url", "status", "body"),
    [
        ("http://connectivitycheck.gstatic.com/generate_204", 204, ""),
        ("http://clients3.google.com/generate_204", 204, ""),
        ("https://www.google.com/generate_204", 204, ""),
        (
            "http://captive.apple.com/hotspot-detect.html",
            200,
            "<HTML><HEAD><TITLE>Success</TITLE></HEAD><BODY>Success</BODY></HTML>",
        ),
        (
            "http://www.apple.com/library/test/success.html",
            200,
            "<HTML><HEAD><TITLE>Success</TITLE></HEAD><BODY>Success</BODY></HTML>",
        ),
        ("http://www.msftconnecttest.com/connecttest.txt", 200, "Microsoft Connect Test"),
        ("http://ipv6.msftconnecttest.com/connecttest.txt", 200, "Microsoft Connect Test"),
        (
            "http://detectportal.firefox.com/canonical.html",
            200,
            '<meta http-equiv="refresh" content="0;url=https://support.mozilla.org/kb/captive-portal"/>',
        ),
        ("http://detectportal.firefox.com/success.txt?ipv4", 200, "success"),
        ("http://detectportal.firefox.com/success.txt?ipv6", 200, "success"),
        ("http://nmcheck.gnome.org/check_network_status.txt", 200, "NetworkManager is online"),
        ("http://nmcheck.gnome.org:80/check_network_status.txt", 200, "NetworkManager is online"),
        ("http://www.google.com/hotspot-detect.html", 404, "no such probe\n"),
    ],
)
def test_a_phone_is_told_that_it_is_online(url: str, status: int, body: str) -> None:
    scheme, _, rest = url.partition("://")
    host, _, path = rest.partition("/")
    answer = probes.create_app().test_client().get(f"/{path}", base_url=f"{scheme}://{host}")
    assert (answer.status_code, answer.text) == (status, body)


def test_kindle_finds_its_mark() -> None:
    answer = (
        probes.create_app()
        .test_client()
        .get("/kindle-wifi/wifistub.html", base_url="http://spectrum.s3.amazonaws.com")
    )
    assert "81ce4465-7167-4dcb-835b-dcc9e44c112a" in answer.text


def test_every_probe_has_a_name_and_every_name_a_probe() -> None:
    assert {host for host, _ in probes.PROBES} == {host.name for host in HOSTS if host.role is Role.PROBE}
