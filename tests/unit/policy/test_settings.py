from __future__ import annotations

import re
import tomllib
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from policy.settings import Settings, SettingsError
from tests.examples import document

EXAMPLE = Path(__file__).parents[3] / "deploy" / "gateway.example.toml"


def problems_of(changed: dict[str, Any]) -> list[str]:
    with pytest.raises(SettingsError) as error:
        Settings.from_document(changed)
    return error.value.problems


def test_the_example_is_valid_and_its_comments_show_the_true_defaults() -> None:
    as_it_is = Settings.load(EXAMPLE)
    every_key = re.sub(r"^# (\w+ = )", r"\1", EXAMPLE.read_text(), flags=re.MULTILINE)
    assert Settings.from_document(tomllib.loads(every_key)) == as_it_is


def test_the_example_shows_every_key() -> None:
    text = EXAMPLE.read_text()

    def keys(table: type) -> set[str]:
        hints = get_type_hints(table)
        names = {f.name for f in fields(table) if not is_dataclass(hints[f.name])}  # type: ignore[arg-type]
        return names.union(*(keys(h) for h in hints.values() if is_dataclass(h)))  # type: ignore[arg-type]

    assert keys(Settings) == set(re.findall(r"^(?:# )?(\w+) = ", text, flags=re.MULTILINE))


def test_an_unknown_key_is_named_with_the_nearest_valid_one(tmp_path: Path) -> None:
    changed = document(tmp_path)
    changed["visits"] = {"extentions": 3}
    changed["moniter"] = {}
    changed["enforcer"]["peers"]["portl"] = 5
    assert problems_of(changed) == [
        "unknown table 'moniter'; did you mean 'monitor'?",
        "unknown key 'portl' in [enforcer.peers]; did you mean 'portal'?",
        "unknown key 'extentions' in [visits]; did you mean 'extensions'?",
    ]


@pytest.mark.parametrize(
    ("table", "key", "value", "said"),
    [
        ("network", "lan", "a name that is too long", "not the name of a network interface"),
        ("network", "lan", 'x" accept', "not the name of a network interface"),
        ("network", "lan", "wan0", "same interface"),
        ("network", "lan_ipv4", "10.77.0.1/31", "prefix of 8 to 30"),
        ("network", "lan_ipv6", "2001:db8::1/56", "/64"),
        ("network", "lan_ipv4", "10.77.0.300/22", "10.77.0.300"),
        ("visits", "seconds", "2h", "whole number"),
        ("visits", "seconds", True, "whole number"),
        ("visits", "seconds", 59, "from 60"),
        ("garden", "names", "bsw.balikpapan.test", "list"),
        ("garden", "names", ["BSW.balikpapan.test"], "lower-case"),
        ("garden", "names", ["bsw..test"], "host name"),
        ("identity", "issuer", "http://bsw.balikpapan.test", "https"),
        ("identity", "issuer", "", "not empty"),
        ("portal", "key", "portal.key", "absolute"),
        ("portal", "http_port", 8443, "must differ"),
        ("gateway", "timezone", "Asia/Balikpapan", "Asia/Makassar"),
        ("gateway", "id", 5, "text"),
    ],
)
def test_a_wrong_value_is_named_and_explained(
    tmp_path: Path, table: str, key: str, value: object, said: str
) -> None:
    changed = document(tmp_path)
    changed.setdefault(table, {})[key] = value
    [problem] = problems_of(changed)
    assert said in problem
    assert key in problem


def test_all_problems_are_said_at_once_and_nothing_is_built() -> None:
    assert len(problems_of({"network": {"lan": ""}})) > 10


def test_a_file_that_is_not_there_or_no_toml_is_said_in_words(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        Settings.load(tmp_path / "nothing.toml")
    (tmp_path / "bad.toml").write_text("[gateway\n")
    with pytest.raises(SettingsError, match="is not TOML"):
        Settings.load(tmp_path / "bad.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="is not TOML"):
        Settings.load(tmp_path / "binary.toml")
