"""Run by Alembic: where the tables are declared, and which database is meant."""

from __future__ import annotations

from typing import Literal

from alembic import context

import portal.console.tables
import portal.tables
from monitoring.tables import Base as MonitoringBase
from policy.database import UtcDateTime, engine

METADATA = [portal.tables.Base.metadata, MonitoringBase.metadata]


def _frozen(kind: str, item: object, context_: object) -> str | Literal[False]:
    """A version speaks of SQLAlchemy's own types, so that changing ours later does not change the past."""
    del context_
    return "sa.DateTime()" if kind == "type" and isinstance(item, UtcDateTime) else False


with engine(context.config.attributes["url"]).connect() as connection:
    context.configure(connection=connection, target_metadata=METADATA, render_as_batch=True, render_item=_frozen)
    with context.begin_transaction():
        context.run_migrations()
