"""A back end for Gempita Mobile, the health office's app for screening non-communicable diseases.

It checks what a health cadre sends and forgets it: the laboratory needs the traffic, not the record.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from flask import Flask, Response, jsonify, request

#: Bytes of the largest screening: some numbers and two names.
_LONGEST_BODY = 16 * 1024

#: What a measuring device can show on a living person: field -> (lowest, highest). Units are in the names.
MEASUREMENTS: dict[str, tuple[float, float]] = {
    "age_years": (0, 130),
    "systolic_mmhg": (40, 300),
    "diastolic_mmhg": (20, 200),
    "weight_kg": (1, 400),
    "height_cm": (30, 260),
    "glucose_mg_dl": (10, 1000),
}


class InvalidScreeningError(ValueError):
    """What is wrong with a screening, by field."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{field}: {problem}" for field, problem in problems.items()))
        self.problems = dict(problems)


@dataclass(frozen=True, slots=True)
class Screening:
    """One person's measurements at one place on one day; nothing says who it was."""

    place: str
    day: date
    measurements: Mapping[str, float]

    @classmethod
    def parse(cls, document: object) -> Screening:
        """Read the app's JSON; ``InvalidScreeningError`` names every field that is wrong."""
        if not isinstance(document, dict):
            raise InvalidScreeningError({"body": "a JSON object is expected"})
        fields: dict[str, Any] = document
        problems = dict.fromkeys(fields.keys() - {"place", "day", *MEASUREMENTS}, "unknown field")
        place, day = fields.get("place"), _day(fields.get("day"))
        if not isinstance(place, str) or not 1 <= len(place.strip()) <= 100:
            problems["place"] = "a name of 1 to 100 characters"
        if day is None:
            problems["day"] = "a date such as 2026-05-04"
        for name, (lowest, highest) in MEASUREMENTS.items():
            if not _within(fields.get(name), lowest, highest):
                problems[name] = f"a number from {lowest} to {highest}"
        if problems or day is None or not isinstance(place, str):
            raise InvalidScreeningError(problems)
        return cls(place.strip(), day, {name: float(fields[name]) for name in MEASUREMENTS})


def create_app() -> Flask:
    """Return the back end."""
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = _LONGEST_BODY

    @app.get("/")
    def home() -> Response:
        return Response("Gempita Mobile: layanan skrining (laboratorium)\n", mimetype="text/plain")

    @app.get("/api/v1/health")
    def health() -> Response:
        return jsonify(status="ok")

    @app.post("/api/v1/screenings")
    def screen() -> tuple[Response, int]:
        try:
            screening = Screening.parse(_document())
        except InvalidScreeningError as error:
            return jsonify(error="invalid_screening", problems=error.problems), 422
        return jsonify(id=str(uuid.uuid4()), place=screening.place, day=screening.day.isoformat()), 201

    return app


def _document() -> object:
    """Return the request's JSON, or ``None`` for what is none; brackets without end are none, too."""
    try:
        return request.get_json(silent=True)
    except RecursionError:
        return None


def _within(value: object, lowest: float, highest: float) -> bool:
    """Say whether ``value`` is a number in range; true, false and not-a-number are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and lowest <= value <= highest


def _day(value: object) -> date | None:
    try:
        return date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
