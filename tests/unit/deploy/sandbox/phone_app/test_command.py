"""``gerbang phone`` as a person types it."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
import requests

from deploy.cli import main
from tests.providers import SARI


def phone(issuer: str, wallet: Path, *words: str) -> int:
    return main(["phone", "--issuer", issuer, "--wallet", str(wallet), *words])


@pytest.fixture
def wallet(
    issuer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Path:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{SARI.username}\n{SARI.pin}\n"))
    assert phone(issuer, tmp_path / "phone.json", "sign-in") == 0
    shown = capsys.readouterr()
    assert SARI.pin not in shown.out + shown.err
    return tmp_path / "phone.json"


def test_sign_in_then_connect(issuer: str, portal: str, wallet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert phone(issuer, wallet, "connect", f"{portal}/") == 0
    assert json.loads(capsys.readouterr().out)["online"] is True


def test_a_device_is_shown_and_approved(issuer: str, wallet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    form = {"client_id": "gerbang", "scope": "openid", "match": "07", "place": "Taman Bekapai"}
    codes = requests.post(f"{issuer}/device_authorization", data=form, timeout=5).json()
    assert phone(issuer, wallet, "show", codes["user_code"]) == 0
    assert json.loads(capsys.readouterr().out)["place"] == "Taman Bekapai"
    assert phone(issuer, wallet, "approve", codes["user_code"], "07") == 0
    assert phone(issuer, wallet, "refuse", codes["user_code"]) == 1
    assert "not_found" in capsys.readouterr().err


def test_a_wrong_pin_and_a_silent_issuer_are_said(
    issuer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for where, said in ((issuer, "wrong login or PIN"), ("http://127.0.0.1:9", "127.0.0.1")):
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{SARI.username}\n000000\n"))
        assert phone(where, tmp_path / "phone.json", "sign-in") == 1
        assert said in capsys.readouterr().err
