"""Devices that wait for an approval in the app."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "pairings",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("device", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("user_code", sa.String(40), nullable=False),
        sa.Column("address", sa.String(2048), nullable=False),
        sa.Column("match", sa.Integer, nullable=False),
        sa.Column("interval", sa.Integer, nullable=False),
        sa.Column("due_at", sa.DateTime, nullable=False),
        sa.Column("expires_at", sa.DateTime, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_pairings"),
        sa.UniqueConstraint("device", name="uq_pairings_device"),
    )
    for column in ("due_at", "expires_at"):
        op.create_index(f"ix_pairings_{column}", "pairings", [column])


def downgrade() -> None:
    """Take back: whoever waits must begin again."""
    op.drop_table("pairings")
