import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from ipaddress import ip_address
from pathlib import Path

import pytest

from monitoring.pseudonyms import PseudonymKeyError, Pseudonyms
from policy.model import Mac

DAY = date(2026, 3, 1)
MAC = Mac.parse("02:00:00:00:00:01")


def test_the_same_person_on_one_day_has_one_name() -> None:
    names = Pseudonyms(bytes(32))
    assert names.person("https://bsw", "a", DAY) == names.person("https://bsw", "a", DAY)
    assert len(names.person("https://bsw", "a", DAY)) == 32


def test_every_part_matters_and_parts_do_not_run_together() -> None:
    names, others = Pseudonyms(bytes(32)), Pseudonyms(b"\1" * 32)
    made = {
        names.person("ab", "c", DAY),
        names.person("a", "bc", DAY),
        names.person("ab", "c", date(2026, 3, 2)),
        others.person("ab", "c", DAY),
        names.device(MAC, DAY),
        names.device(Mac.parse("02:00:00:00:00:02"), DAY),
        names.address(ip_address("10.77.0.50"), DAY),
        names.address(ip_address("2001:db8:77::50"), DAY),
    }
    assert len(made) == 8


def test_the_key_is_made_once_by_whoever_comes_first(tmp_path: Path) -> None:
    file = tmp_path / "key"
    with ThreadPoolExecutor(8) as pool:
        made = {names.device(MAC, DAY) for names in pool.map(lambda _: Pseudonyms.load(file), range(32))}
    assert len(made) == 1
    assert stat.S_IMODE(file.stat().st_mode) & 0o137 == 0
    assert list(tmp_path.iterdir()) == [file]


def test_a_short_key_is_refused_with_a_way_out(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_bytes(b"short")
    with pytest.raises(PseudonymKeyError, match="5 bytes instead of 32"):
        Pseudonyms.load(file)


def test_an_unreadable_place_is_named(tmp_path: Path) -> None:
    with pytest.raises(PseudonymKeyError, match="absent/key"):
        Pseudonyms.load(tmp_path / "absent" / "key")


def test_the_key_does_not_show(tmp_path: Path) -> None:
    assert "x00" not in repr(Pseudonyms(bytes(32)))
