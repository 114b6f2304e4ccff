"""Run by Alembic: where the tables are declared, and which database is meant."""

from __future__ import annotations

from alembic import context

import portal.console.tables
import portal.tables
from monitoring.tables import Base as MonitoringBase
from policy.database import engine

METADATA = [portal.tables.Base.metadata, MonitoringBase.metadata]

with engine(context.config.attributes["url"]).connect() as connection:
    context.configure(connection=connection, target_metadata=METADATA, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()
