"""The key stays the same, stays its owner's, and a file that is not a wallet is not one."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from deploy.sandbox.phone_app import Wallet
from deploy.sandbox.phone_app.proof import thumbprint


def test_it_keeps_key_and_token_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "phone.json"
    wallet = Wallet(path)
    wallet.renew("r1")
    wallet.renew("r2")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["phone.json"]
    again = Wallet(path)
    assert again.refresh_token == "r2"
    assert thumbprint(again.key) == thumbprint(wallet.key)


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "phone.json"
    Wallet(path)
    path.chmod(0o640)
    with pytest.raises(ValueError, match="read by others"):
        Wallet(path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"key": 1}', '{"key": "x", "refresh_token": ""}'])
def test_another_file_is_not_a_wallet(tmp_path: Path, text: str) -> None:
    path = tmp_path / "phone.json"
    path.touch(0o600)
    path.write_text(text)
    with pytest.raises(ValueError, match="not a wallet"):
        Wallet(path)


def test_two_wallets_in_memory_are_two_keys() -> None:
    assert thumbprint(Wallet().key) != thumbprint(Wallet().key)
