"""The tables of all packages, version by version (Alembic)."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext

from policy.database import engine


def config(url: str) -> Config:
    """Alembic's configuration for ``url``; there is no ``alembic.ini``, gateway.toml names the database."""
    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent))
    made.attributes["url"] = url
    return made


def upgrade(url: str) -> str:
    """Bring the database to the newest version and return it."""
    command.upgrade(config(url), "head")
    with engine(url).connect() as connection:
        return str(MigrationContext.configure(connection).get_current_revision())
