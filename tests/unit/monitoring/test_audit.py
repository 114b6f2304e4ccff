from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DatabaseError

from monitoring import audit

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def test_entries_come_back_the_newest_first(database: Engine) -> None:
    with database.begin() as connection:
        for number in range(5):
            audit.record(connection, "budi", "session.end", f"s{number}", {"reason": "spam"}, NOW)
    with database.begin() as connection:
        page = audit.entries(connection, limit=2, offset=1)
        assert [(e.subject, e.actor, e.detail, e.at) for e in page] == [
            ("s3", "budi", {"reason": "spam"}, NOW),
            ("s2", "budi", {"reason": "spam"}, NOW),
        ]
        assert audit.count(connection) == 5


def test_an_entry_falls_with_its_transaction(database: Engine) -> None:
    with pytest.raises(RuntimeError), database.begin() as connection:
        audit.record(connection, "budi", "session.end", "s", {}, NOW)
        raise RuntimeError
    with database.begin() as connection:
        assert audit.count(connection) == 0


@pytest.mark.parametrize("change", ["UPDATE audit_entries SET actor = 'ani'", "DELETE FROM audit_entries"])
def test_the_database_refuses_to_change_an_entry(database: Engine, change: str) -> None:
    with database.begin() as connection:
        audit.record(connection, "budi", "session.end", "s", {}, NOW)
    with pytest.raises(DatabaseError, match="an audit entry is never"), database.begin() as connection:
        connection.execute(text(change))
    with database.begin() as connection:
        assert audit.entries(connection, 1)[0].actor == "budi"
