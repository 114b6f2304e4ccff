"""What a person sees and can do about a device, in a browser and in the app."""

from __future__ import annotations

import re

import pytest
import requests

from deploy.sandbox.phone_app import PhoneApp, Refused, Wallet
from deploy.sandbox.phone_app.proof import proof
from tests.providers import SARI, Resident, decide_device, running_provider
from tests.unit.deploy.sandbox.provider.conftest import PUBLIC


def announce(issuer: str, **changes: str) -> str:
    form = {"client_id": "gerbang", "scope": "openid wifi", "match": "42"} | changes
    answer = requests.post(f"{issuer}/device_authorization", data=form, timeout=5)
    return str(answer.json()["user_code"])


def decide(issuer: str, code: str, resident: Resident = SARI, **form: str) -> requests.Response:
    return decide_device(f"{issuer}/device?user_code={code}", resident, **form)


@pytest.fixture
def app(issuer: str) -> PhoneApp:
    app = PhoneApp(issuer, Wallet())
    app.sign_in(SARI.username, SARI.pin)
    return app


def test_it_shows_place_device_and_three_numbers_and_nothing_runs(issuer: str) -> None:
    code = announce(issuer, place="Taman <Bekapai>", device="Laptop")
    page = requests.get(f"{issuer}/device?user_code={code.lower().replace('-', ' ')}", timeout=5)
    assert "Taman &lt;Bekapai&gt;" in page.text
    assert "Laptop" in page.text
    numbers = re.findall(r'name="number" value="(\d\d)"', page.text)
    assert len(set(numbers)) == 3
    assert "42" in numbers
    assert "<script" not in page.text
    assert "style=" not in page.text
    english = requests.get(page.url, headers={"Accept-Language": "en"}, timeout=5).text
    assert "Refuse</button>" in english


def test_both_decisions_are_equal_and_refusing_comes_first(issuer: str) -> None:
    page = requests.get(f"{issuer}/device?user_code={announce(issuer)}", timeout=5).text
    buttons = re.findall(r"<button([^>]*)>(\w+)</button>", page)
    assert [text for _, text in buttons] == ["Tolak", "Izinkan"]
    assert all("class" not in attributes for attributes, _ in buttons)


def test_a_page_without_a_code_asks_for_one(issuer: str) -> None:
    page = requests.get(f"{issuer}/device", timeout=5)
    assert page.status_code == 200
    assert '<label for="user_code">' in page.text


def test_the_right_number_lets_the_device_in(issuer: str) -> None:
    answer = decide(issuer, announce(issuer), number="42")
    assert (answer.status_code, "Perangkat diizinkan" in answer.text) == (200, True)


def test_a_wrong_number_refuses(issuer: str) -> None:
    code = announce(issuer)
    page = requests.get(f"{issuer}/device?user_code={code}", timeout=5).text
    wrong = next(number for number in re.findall(r'name="number" value="(\d\d)"', page) if number != "42")
    assert decide(issuer, code, number=wrong).status_code == 403
    assert requests.get(f"{issuer}/device?user_code={code}", timeout=5).status_code == 404


def test_no_number_or_a_wrong_pin_may_be_tried_again(issuer: str) -> None:
    code = announce(issuer)
    assert decide(issuer, code).status_code == 400
    assert decide(issuer, code, number="42", pin="000000").status_code == 401
    assert decide(issuer, code, number="42").status_code == 200


def test_refusing_needs_no_pin(issuer: str) -> None:
    code = announce(issuer)
    assert "ditolak" in decide(issuer, code, decision="deny", pin="").text


def test_a_forged_form_decides_nothing(issuer: str) -> None:
    code = announce(issuer)
    form = {"user_code": code, "decision": "allow", "number": "42", "login": SARI.username, "pin": SARI.pin}
    assert requests.post(f"{issuer}/device", data=form, timeout=5).status_code == 400
    assert requests.get(f"{issuer}/device?user_code={code}", timeout=5).status_code == 200


def test_who_guesses_codes_is_not_answered_any_more() -> None:
    with running_provider([PUBLIC]) as issuer:
        code = announce(issuer)
        for _ in range(10):
            assert requests.get(f"{issuer}/device?user_code=BBBB-BBBB", timeout=5).status_code == 404
        assert requests.get(f"{issuer}/device?user_code={code}", timeout=5).status_code == 404


def test_the_app_shows_and_approves(issuer: str, app: PhoneApp) -> None:
    code = announce(issuer, place="Lapangan Merdeka", device="Televisi")
    shown = app.device_request(code)
    assert (shown["place"], shown["device"], shown["user_code"]) == ("Lapangan Merdeka", "Televisi", code)
    assert "42" in shown["numbers"]
    assert 290 <= shown["expires_in"] <= 300
    assert app.approve(code, "42") == {"decision": "allow"}
    with pytest.raises(Refused, match="not_found"):
        app.refuse(code)


def test_the_app_refuses(issuer: str, app: PhoneApp) -> None:
    code = announce(issuer)
    assert app.refuse(code) == {"decision": "deny"}


def test_a_wrong_number_in_the_app_refuses(issuer: str, app: PhoneApp) -> None:
    code = announce(issuer)
    with pytest.raises(Refused, match="access_denied"):
        app.approve(code, "43")
    with pytest.raises(Refused, match="not_found"):
        app.approve(code, "42")


def test_the_apps_interface_wants_the_key_and_the_right_token(issuer: str, app: PhoneApp) -> None:
    url = f"{issuer}/app/devices/{announce(issuer)}"
    assert requests.get(url, timeout=5).status_code == 401
    token = app.provider_token()
    bearer = {"Authorization": f"Bearer {token}"}
    assert requests.get(url, headers=bearer, timeout=5).status_code == 401
    other = {"Authorization": f"DPoP {token}", "DPoP": proof(Wallet().key, "GET", url, token)}
    assert requests.get(url, headers=other, timeout=5).status_code == 401
    unbound = {"Authorization": f"DPoP {token}", "DPoP": proof(app.wallet.key, "GET", url)}
    assert requests.get(url, headers=unbound, timeout=5).json()["error"] == "invalid_dpop_proof"
    gateway = app.gateway_token("urn:bpn:wifi-gateway:gw-1")
    foreign = {"Authorization": f"DPoP {gateway}", "DPoP": proof(app.wallet.key, "GET", url, gateway)}
    assert requests.get(url, headers=foreign, timeout=5).status_code == 401


NO_DECISIONS = (
    "",
    "[]",
    "{",
    "[" * 15_000,
    '{"decision": 1}',
    '{"decision": "allow", "number": 42}',
    '{"decision": "allow", "number": "\\ud800"}',
    '{"decision": "allow", "number": "042"}',
)


@pytest.mark.parametrize("body", NO_DECISIONS, ids=range(len(NO_DECISIONS)))
def test_a_body_that_decides_nothing_leaves_the_device_waiting(issuer: str, app: PhoneApp, body: str) -> None:
    code = announce(issuer)
    url = f"{issuer}/app/devices/{code}"
    token = app.provider_token()
    headers = {
        "Authorization": f"DPoP {token}",
        "DPoP": proof(app.wallet.key, "POST", url, token),
        "Content-Type": "application/json",
    }
    assert requests.post(url, data=body, headers=headers, timeout=5).status_code == 400
    assert app.device_request(code)["user_code"] == code
