"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_APPEND_ONLY = {
    "sqlite": (
        "CREATE TRIGGER audit_entries_no_update BEFORE UPDATE ON audit_entries"
        " BEGIN SELECT RAISE(ABORT, 'an audit entry is never changed'); END",
        "CREATE TRIGGER audit_entries_no_delete BEFORE DELETE ON audit_entries"
        " BEGIN SELECT RAISE(ABORT, 'an audit entry is never deleted'); END",
    ),
    "postgresql": (
        "CREATE OR REPLACE FUNCTION audit_entries_refuse() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'an audit entry is never changed or deleted'; END $$",
        "CREATE TRIGGER audit_entries_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entries"
        " FOR EACH STATEMENT EXECUTE FUNCTION audit_entries_refuse()",
    ),
}


def upgrade() -> None:
    """Apply."""
    _portal()
    _console()
    _monitoring()
    for statement in _APPEND_ONLY[op.get_bind().dialect.name]:
        op.execute(statement)


def downgrade() -> None:
    """Take back: all that was recorded goes."""
    for table in (
        "audit_entries",
        "last_reading",
        "traffic_minutes",
        "session_usage",
        "usage_minutes",
        "staff_sign_in_tries",
        "staff_sign_ins",
        "staff_accounts",
        "sign_ins",
        "visits",
    ):
        op.drop_table(table)


def _portal() -> None:
    op.create_table(
        "visits",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("person", sa.String(length=64), nullable=False),
        sa.Column("device", sa.String(length=64), nullable=False),
        sa.Column("hotspot", sa.String(length=200), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=False),
        sa.Column("expires_at", sa.DateTime(), nullable=False),
        sa.Column("extensions", sa.Integer(), nullable=False),
        sa.Column("bytes_limit", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.DateTime(), nullable=True),
        sa.Column("end_reason", sa.String(length=32), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_visits"),
    )
    op.create_index("ix_visits_person", "visits", ["person"])
    op.create_index("ix_visits_started_at", "visits", ["started_at"])
    op.create_index(
        "uq_visits_live_device",
        "visits",
        ["device"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "sign_ins",
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("browser", sa.String(length=64), nullable=False),
        sa.Column("device", sa.String(length=64), nullable=False),
        sa.Column("nonce", sa.String(length=64), nullable=False),
        sa.Column("verifier", sa.String(length=128), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=False),
        sa.Column("expires_at", sa.DateTime(), nullable=False),
        sa.Column("used_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("state", name="pk_sign_ins"),
    )
    op.create_index("ix_sign_ins_expires_at", "sign_ins", ["expires_at"])


def _console() -> None:
    op.create_table(
        "staff_accounts",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("password_hash", sa.String(length=256), nullable=False),
        sa.Column("one_time", sa.Boolean(), nullable=False),
        sa.Column("password_set_at", sa.DateTime(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_staff_accounts"),
    )
    op.create_table(
        "staff_sign_ins",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("account", sa.String(length=32), nullable=False),
        sa.Column("address", sa.String(length=45), nullable=False),
        sa.Column("agent", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("seen_at", sa.DateTime(), nullable=False),
        sa.Column("ended_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["account"], ["staff_accounts.name"], name="fk_staff_sign_ins_account_staff_accounts"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_staff_sign_ins"),
        sa.UniqueConstraint("token_hash", name="uq_staff_sign_ins_token_hash"),
    )
    op.create_index("ix_staff_sign_ins_account", "staff_sign_ins", ["account"])
    op.create_table(
        "staff_sign_in_tries",
        sa.Column("key", sa.String(length=80), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("last_at", sa.DateTime(), nullable=False),
        sa.Column("blocked_until", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_staff_sign_in_tries"),
    )


def _monitoring() -> None:
    op.create_table(
        "usage_minutes",
        sa.Column("session", sa.String(length=36), nullable=False),
        sa.Column("minute", sa.DateTime(), nullable=False),
        sa.Column("up_bytes", sa.BigInteger(), nullable=False),
        sa.Column("down_bytes", sa.BigInteger(), nullable=False),
        sa.Column("up_packets", sa.BigInteger(), nullable=False),
        sa.Column("down_packets", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("session", "minute", name="pk_usage_minutes"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "session_usage",
        sa.Column("session", sa.String(length=36), nullable=False),
        sa.Column("up_bytes", sa.BigInteger(), nullable=False),
        sa.Column("down_bytes", sa.BigInteger(), nullable=False),
        sa.Column("up_packets", sa.BigInteger(), nullable=False),
        sa.Column("down_packets", sa.BigInteger(), nullable=False),
        sa.Column("seen_up_bytes", sa.BigInteger(), nullable=False),
        sa.Column("seen_down_bytes", sa.BigInteger(), nullable=False),
        sa.Column("seen_up_packets", sa.BigInteger(), nullable=False),
        sa.Column("seen_down_packets", sa.BigInteger(), nullable=False),
        sa.Column("up_rate", sa.Float(), nullable=False),
        sa.Column("down_rate", sa.Float(), nullable=False),
        sa.Column("boot", sa.String(length=36), nullable=False),
        sa.Column("first_seen", sa.DateTime(), nullable=False),
        sa.Column("last_seen", sa.DateTime(), nullable=False),
        sa.Column("ended_at", sa.DateTime(), nullable=True),
        sa.Column("end_reason", sa.String(length=32), nullable=True),
        sa.PrimaryKeyConstraint("session", name="pk_session_usage"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_session_usage_ended_at", "session_usage", ["ended_at"])
    op.create_table(
        "traffic_minutes",
        sa.Column("minute", sa.DateTime(), nullable=False),
        sa.Column("up_bytes", sa.BigInteger(), nullable=False),
        sa.Column("down_bytes", sa.BigInteger(), nullable=False),
        sa.Column("up_packets", sa.BigInteger(), nullable=False),
        sa.Column("down_packets", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("minute", name="pk_traffic_minutes"),
    )
    op.create_table(
        "last_reading",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("boot", sa.String(length=36), nullable=False),
        sa.Column("live", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_last_reading"),
    )
    op.create_table(
        "audit_entries",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=128), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_entries"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_entries_at", "audit_entries", ["at"])
