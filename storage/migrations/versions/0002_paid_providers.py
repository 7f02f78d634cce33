"""What paid providers need: evidence from outside, measured render times, throttling.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """New tables, and columns that begin with what was true before: nothing was counted."""
    for table, name, kind, comment in (
        ("submissions", "lookups_empty", sa.Integer(), "look-ups that worked and found nothing"),
        ("submissions", "likely_refused", sa.Boolean(), "one empty look-up proves it"),
        ("submissions", "refund_expected", sa.Boolean(), "booked as given back, not proven yet"),
        ("jobs", "flagged", sa.Boolean(), "not safe for work, the provider says"),
        ("provider_health", "throttled", sa.Integer(), "throttled creates, in a row"),
    ):
        op.add_column(table, sa.Column(name, kind, server_default="0", nullable=False, comment=comment))
    op.create_index("ix_submissions_provider_job", "submissions", ["provider", "provider_job_id"], unique=False)
    op.create_table(
        "evidence",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("attempt_id", sa.String(), nullable=False),
        sa.Column(
            "kind", sa.String(), nullable=False, comment="webhook, or input_fetch: somebody outside read the input"
        ),
        sa.Column("provider_job_id", sa.String(), nullable=False, comment="empty for input_fetch"),
        sa.Column("status", sa.String(), nullable=False, comment="the provider's word; empty for input_fetch"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["submissions.attempt_id"], name=op.f("fk_evidence_attempt_id_submissions")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evidence")),
        sa.UniqueConstraint(
            "attempt_id",
            "kind",
            "provider_job_id",
            "status",
            name=op.f("uq_evidence_attempt_id_kind_provider_job_id_status"),
        ),
        comment="what the outside told us of an attempt by itself; append-only",
        sqlite_autoincrement=True,
    )
    op.create_table(
        "render_times",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("duration_s", sa.Integer(), nullable=False),
        sa.Column("resolution", sa.String(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False, comment="from accepted to finished"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_render_times")),
        comment="how long renders took; the schedule of polls and the estimates come from here",
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("render_times", schema=None) as batch_op:
        batch_op.create_index(
            "ix_render_times_of", ["provider", "model", "duration_s", "resolution", "id"], unique=False
        )
