"""Exactly the bytes that were asked for."""

from __future__ import annotations

import pytest

from deploy.sandbox import streaming


@pytest.mark.parametrize("count", [0, 1, 262_143, 262_144, 262_145, 5_000_000])
def test_bytes_are_counted_exactly(count: int) -> None:
    answer = streaming.create_app().test_client().get(f"/bytes/{count}")
    assert answer.headers["Content-Length"] == str(count)
    assert len(answer.data) == count


def test_a_hundred_gigabytes_are_promised_without_being_held() -> None:
    answer = streaming.create_app().test_client().get(f"/bytes/{streaming.LONGEST_BYTES}", buffered=False)
    assert answer.headers["Content-Length"] == "100000000000"
    assert len(next(iter(answer.response))) == 262_144
    answer.close()


@pytest.mark.parametrize(("path", "status"), [("/bytes/100000000001", 400), ("/bytes/-1", 404), ("/bytes/x", 404)])
def test_a_number_out_of_bounds_is_refused(path: str, status: int) -> None:
    assert streaming.create_app().test_client().get(path).status_code == status


def test_a_film_has_an_end() -> None:
    client = streaming.create_app().test_client()
    assert len(client.get("/segment/1799").data) == streaming.SEGMENT_BYTES
    assert client.get("/segment/1800").status_code == 404


@pytest.mark.parametrize("count", [0, 1, 262_145])
def test_an_upload_is_counted(count: int) -> None:
    answer = streaming.create_app().test_client().post("/upload", data=bytes(count))
    assert answer.get_json() == {"bytes": count}
