from __future__ import annotations

from ipaddress import ip_address

import pytest

from policy.model import Grant, Mac, Usage, parse_address, parse_session

PHONE = Mac.parse("02:00:00:00:00:01")
SESSION = "6f2f2c6e-0d0f-4a5c-8f3b-0a1b2c3d4e5f"


@pytest.mark.parametrize(
    "text",
    ["", "02:00:00:00:00", "02-00-00-00-00-01", "01:00:5e:00:00:01", "ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00",
     "02:00:00:00:00:01\n", "\uff102:00:00:00:00:01"],
)  # fmt: skip
def test_what_is_not_the_address_of_one_device_cannot_be_built(text: str) -> None:
    with pytest.raises(ValueError, match=r"MAC|one device"):
        Mac.parse(text)


def test_a_mac_reads_back_as_written() -> None:
    assert str(Mac.parse("0A:00:00:00:0b:FF")) == "0a:00:00:00:0b:ff"


@pytest.mark.parametrize("text", ["fe80::1%lan0", "10.77.0.1/22", " 10.77.0.1", "1", "10.77.0.011"])
def test_addresses_are_read_strictly(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_address(text)


def test_an_ipv4_phone_on_a_dual_stack_socket_is_an_ipv4_phone() -> None:
    assert parse_address("::ffff:10.77.0.11") == ip_address("10.77.0.11")


@pytest.mark.parametrize("text", [SESSION.upper(), SESSION.replace("-", ""), "{" + SESSION + "}", "x"])
def test_a_session_id_has_one_form(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_session(text)


@pytest.mark.parametrize(("seconds", "limit"), [(0, None), (-1, None), (60, 0), (60, -5)])
def test_a_grant_of_nothing_cannot_be_built(seconds: int, limit: int | None) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Grant(SESSION, PHONE, ip_address("10.77.0.11"), seconds, limit)


def test_usage_adds_field_by_field() -> None:
    assert Usage(1, 2, 3, 4).plus(Usage(10, 20, 30, 40)) == Usage(11, 22, 33, 44)
    assert Usage(1, 2, 3, 4).total_bytes == 3
