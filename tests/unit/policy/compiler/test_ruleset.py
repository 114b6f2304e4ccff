from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Interface, ip_address
from pathlib import Path

import pytest

from policy.compiler.ruleset import Ruleset, compile_ruleset
from policy.compiler.sets import SHARDS, counter_set
from policy.settings import Settings
from tests.examples import settings

GOLDEN = Path(__file__).parents[3] / "golden" / "ruleset.nft"


@pytest.fixture
def example(tmp_path: Path) -> Settings:
    return settings(tmp_path)


def compiled(example: Settings) -> Ruleset:
    return compile_ruleset(example.network, example.portal)


def test_the_example_compiles_to_the_golden_ruleset(example: Settings) -> None:
    hint = f"read the difference; if it is meant, it becomes {GOLDEN}"
    assert compiled(example).text == GOLDEN.read_text(encoding="utf-8"), hint


def test_the_text_names_its_own_digest(example: Settings) -> None:
    ruleset = compiled(example)
    assert f'comment "gerbang {ruleset.structure}"' in ruleset.text
    assert f'return comment "{ruleset.digest}"' in ruleset.text
    assert compiled(example) == ruleset


def test_other_rules_keep_the_structure(example: Settings) -> None:
    other = compile_ruleset(example.network, replace(example.portal, http_port=8081))
    assert other.digest != compiled(example).digest
    assert other.structure == compiled(example).structure


def test_addresses_and_interfaces_come_from_the_settings(example: Settings) -> None:
    network = replace(example.network, lan="wifi", wan="fibre", lan_ipv4=IPv4Interface("192.168.4.1/24"))
    text = compile_ruleset(network, example.portal).text
    assert "lan0" not in text
    assert "wan0" not in text
    assert "10.77." not in text
    assert 'oifname "fibre" ip saddr 192.168.4.0/24 masquerade' in text


@pytest.mark.parametrize("address", ["10.77.0.11", "10.77.3.254", "2001:db8:77::b", "2001:db8:77::ffff"])
@pytest.mark.parametrize("way", ["up", "down"])
def test_a_counter_is_where_the_rules_put_it(example: Settings, way: str, address: str) -> None:
    packed = ip_address(address).packed
    name = counter_set(way, packed)
    family = "ip" if len(packed) == 4 else "ip6"
    field = {"up": "saddr", "down": "daddr"}[way]
    text = compiled(example).text
    assert f"update @{name} {{ {family} {field} }} accept" in text
    low = packed[-1] & (SHARDS - 1)
    written = f"0.0.0.{low}" if family == "ip" else f"::{low:x}"
    assert f"{written} : goto count_{name}" in text


def test_shards_are_a_power_of_two_as_the_mask_needs() -> None:
    assert SHARDS & (SHARDS - 1) == 0
