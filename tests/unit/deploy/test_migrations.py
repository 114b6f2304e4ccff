"""The versions and the declared tables are one and the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.exc import IntegrityError

import portal.console.tables
import portal.tables
from deploy.migrations import config, upgrade
from monitoring.tables import Base as MonitoringBase


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/gerbang.db"


def test_the_newest_version_has_the_tables_that_the_code_declares(url: str) -> None:
    assert upgrade(url) == upgrade(url) == "0003"
    made = create_engine(url)
    with made.connect() as connection:
        metadata = [portal.tables.Base.metadata, MonitoringBase.metadata]
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    made.dispose()


def test_an_upgraded_database_refuses_to_change_the_audit_log(url: str) -> None:
    upgrade(url)
    made = create_engine(url)
    insert = "INSERT INTO audit_entries (at, actor, action, subject, detail) VALUES (0, 'a', 'b', 'c', '{}')"
    with made.begin() as connection:
        connection.execute(text(insert))
    for change in ("UPDATE audit_entries SET actor = 'x'", "DELETE FROM audit_entries"):
        with pytest.raises(IntegrityError, match="never"), made.begin() as connection:
            connection.execute(text(change))
    made.dispose()


def test_a_version_can_be_taken_back(url: str) -> None:
    upgrade(url)
    command.downgrade(config(url), "base")
    made = create_engine(url)
    assert inspect(made).get_table_names() == ["alembic_version"]
    made.dispose()
    assert portal.console.tables.StaffAccount.__tablename__ == "staff_accounts"
