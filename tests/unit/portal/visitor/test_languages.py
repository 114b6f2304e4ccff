"""Bahasa Indonesia first; English whole for who wants it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from portal.visitor.app import TRANSLATIONS
from tests.unit.portal.portals import Portal

VISITOR = TRANSLATIONS.parent / "visitor"
PLACEHOLDER = re.compile(r"%\(\w+\)s")


def message_ids() -> Iterator[str]:
    methods = [("**.py", "python"), ("**/templates/**.html", "jinja2")]
    for _, _, message, _, _ in extract_from_dir(VISITOR, methods, keywords={"_": None, "gettext": None}):
        assert isinstance(message, str)
        yield message


def test_the_english_catalogue_is_complete_and_has_nothing_else() -> None:
    with Path(TRANSLATIONS / "en/LC_MESSAGES/messages.po").open("rb") as file:
        catalogue = {message.id: message for message in read_po(file) if message.id}
    assert catalogue.keys() == set(message_ids())
    for identifier, message in catalogue.items():
        assert message.string, identifier
        assert not message.fuzzy, identifier
        assert sorted(PLACEHOLDER.findall(message.string)) == sorted(PLACEHOLDER.findall(identifier))


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        (None, "id"),
        ("", "id"),
        ("id-ID,id;q=0.9,en-US;q=0.8,en;q=0.7", "id"),
        ("en-US,en;q=0.9,id;q=0.8", "id"),
        ("en-US,en;q=0.9,in;q=0.2", "id"),
        ("en-GB,en;q=0.9", "en"),
        ("en,id;q=0", "en"),
        ("de-DE,de;q=0.9", "id"),
        ("de-DE,de;q=0.9,en;q=0.5", "en"),
        ("*", "id"),
        ("\xff;q=x,,,;;q=", "id"),
        ("en" * 2_000, "id"),
    ],
)
def test_the_browser_is_asked_politely(portal: Portal, accepted: str | None, language: str) -> None:
    headers = {} if accepted is None else {"Accept-Language": accepted}
    assert f'<html lang="{language}">' in portal.client().get("/privasi", headers=headers).text


def test_a_choice_is_kept(portal: Portal) -> None:
    phone = portal.client()
    assert '<html lang="en">' in phone.get("/privasi?lang=en").text
    assert '<html lang="en">' in phone.get("/").text
    assert '<html lang="id">' in phone.get("/?lang=id", headers={"Accept-Language": "en"}).text
    assert '<html lang="id">' in phone.get("/", headers={"Accept-Language": "en"}).text


@pytest.mark.parametrize("value", ["fr", "", "../../etc/passwd", "en\x00", "x" * 4_000])
def test_a_language_that_is_not_spoken_here_is_not_kept(portal: Portal, value: str) -> None:
    answer = portal.client().get("/privasi", query_string={"lang": value})
    assert '<html lang="id">' in answer.text
    assert "__Host-bahasa" not in str(answer.headers)


def test_the_provider_is_told_the_language(portal: Portal) -> None:
    phone = portal.client()
    phone.get("/?lang=en")
    assert "ui_locales=en" in phone.press("/masuk").location
