from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy import protocol
from policy.model import SessionUsage, Usage
from policy.protocol import ProtocolError

u64 = st.integers(0, 2**64 - 1)
readings = st.lists(
    st.builds(
        SessionUsage,
        st.uuids().map(str),
        st.builds(Usage, u64, u64, u64, u64),
        st.integers(0, 86_400),
    ),
    max_size=20,
)


@given(readings)
def test_a_reading_survives_the_wire(live: list[SessionUsage]) -> None:
    frame = protocol.encode({"more": True}, protocol.pack_records(live))
    length = protocol.body_length(frame[:4], protocol.MAX_REPLY)
    message, records = protocol.decode(frame[4:])
    assert length == len(frame) - 4
    assert message == {"more": True}
    assert protocol.unpack_records(records) == live


@given(st.binary(max_size=200))
def test_any_octets_are_a_message_or_a_protocol_error(body: bytes) -> None:
    try:
        message, _ = protocol.decode(body)
    except ProtocolError:
        return
    assert isinstance(message, dict)


@pytest.mark.parametrize("length", [0, 1, protocol.MAX_REQUEST + 1, 2**32 - 1])
def test_lengths_outside_the_limit_are_refused(length: int) -> None:
    with pytest.raises(ProtocolError):
        protocol.body_length(protocol.HEADER.pack(length), protocol.MAX_REQUEST)


def test_a_torn_reading_is_refused() -> None:
    records = protocol.pack_records([SessionUsage(str(UUID(int=1)), Usage(), 5)])
    with pytest.raises(ProtocolError):
        protocol.unpack_records(records[:-1])


def test_the_longest_acknowledgement_fits_into_a_request() -> None:
    ids = [str(UUID(int=n)) for n in range(protocol.MAX_ENDED)]
    assert len(protocol.encode({"verb": "observe", "acknowledge": ids})) <= protocol.MAX_REQUEST


def test_a_full_frame_of_records_fits_into_a_reply() -> None:
    assert protocol.RECORDS_PER_FRAME * protocol.RECORD.size + 100 <= protocol.MAX_REPLY
