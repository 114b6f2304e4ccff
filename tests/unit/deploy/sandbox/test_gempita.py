"""A screening is taken whole or refused with every reason."""

from __future__ import annotations

from typing import Any

import pytest

from deploy.sandbox import gempita

GOOD: dict[str, Any] = {
    "place": "Posyandu Mawar",
    "day": "2026-05-04",
    "age_years": 47,
    "systolic_mmhg": 132,
    "diastolic_mmhg": 84,
    "weight_kg": 61.5,
    "height_cm": 158,
    "glucose_mg_dl": 104,
}


def test_it_is_well() -> None:
    assert gempita.create_app().test_client().get("/api/v1/health").get_json() == {"status": "ok"}


def test_a_screening_is_taken() -> None:
    answer = gempita.create_app().test_client().post("/api/v1/screenings", json=GOOD)
    assert answer.status_code == 201
    assert answer.get_json()["day"] == "2026-05-04"


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"systolic_mmhg": 900}, {"systolic_mmhg"}),
        ({"age_years": True, "weight_kg": "61"}, {"age_years", "weight_kg"}),
        ({"glucose_mg_dl": float("nan")}, {"glucose_mg_dl"}),
        ({"day": "4 May"}, {"day"}),
        ({"day": 20260504}, {"day"}),
        ({"place": "   "}, {"place"}),
        ({"place": None}, {"place"}),
        ({"nik": "6471000000000000"}, {"nik"}),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, Any], fields: set[str]) -> None:
    answer = gempita.create_app().test_client().post("/api/v1/screenings", json=GOOD | changes)
    assert answer.status_code == 422
    assert answer.get_json()["problems"].keys() == fields


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff\xfe", b"null", b"[" * 16_000])
def test_a_body_that_is_no_screening_is_refused(body: bytes) -> None:
    client = gempita.create_app().test_client()
    answer = client.post("/api/v1/screenings", data=body, content_type="application/json")
    assert answer.status_code == 422
    assert answer.get_json()["problems"].keys() == {"body"}


def test_a_long_body_is_refused() -> None:
    client = gempita.create_app().test_client()
    answer = client.post("/api/v1/screenings", data=b" " * 20_000, content_type="application/json")
    assert answer.status_code in {413, 422}
