"""What keeping and forgetting needs: when a file was last used, what was deleted and when, who asked to be forgotten.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Columns that begin with what was true before: nothing was deleted, and a file was last used when it came."""
    op.add_column(
        "assets",
        sa.Column(
            "last_used_at",
            sa.DateTime(timezone=True),
            comment="when a job last came to refer to it, or its clip was sent again",
        ),
    )
    op.execute("UPDATE assets SET last_used_at = created_at")
    for name, kind, comment in (
        ("adjustments", sa.JSON(), "what was changed of the inputs to fit the model, as sentences"),
        ("inputs_deleted_at", sa.DateTime(timezone=True), "by retention"),
        ("clip_deleted_at", sa.DateTime(timezone=True), "by retention"),
        ("forget", sa.String(), "job or person: what to erase as soon as it has ended"),
        ("erased_at", sa.DateTime(timezone=True), "only its bookkeeping is left"),
    ):
        op.add_column("jobs", sa.Column(name, kind, comment=comment))
    if op.get_bind().dialect.name == "sqlite":
        _index_days_and_costs()
    op.create_table(
        "request_aliases",
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("request_key", sa.String(), nullable=False),
        sa.Column("job_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name=op.f("fk_request_aliases_job_id_jobs"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("person", "request_key", name=op.f("pk_request_aliases")),
        comment="keys of presses that were the second of two: they name the first one's job",
    )
    op.create_table(
        "unnamed_files",
        sa.Column("asset_id", sa.String(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("asset_id", name=op.f("pk_unnamed_files")),
        comment="files whose row was deleted, and whose bytes are still to be removed",
    )
    op.create_table(
        "forgotten",
        sa.Column("scope", sa.String(), nullable=False, comment="user:forgotten:<keyed hash of the person>"),
        sa.Column(
            "month",
            sa.String(),
            nullable=False,
            comment="until its end the hash is kept, so that limits still count",
        ),
        sa.PrimaryKeyConstraint("scope", name=op.f("pk_forgotten")),
        comment="people who asked to be forgotten, by a hash that only this installation's key can make",
    )
    op.create_index("ix_assets_kind_used", "assets", ["kind", "last_used_at"], unique=False)
    op.create_index("ix_jobs_created", "jobs", ["created_at"], unique=False)
    op.create_index("ix_jobs_charged", "jobs", ["charged_micro_usd"], unique=False)


def _index_days_and_costs() -> None:
    """Days and costs became words of the history's index."""
    op.execute(
        "UPDATE jobs_fts SET "
        "tokens = tokens || (SELECT strftime(' day%Y%m%d month%Y%m', created_at) FROM jobs WHERE seq = jobs_fts.rowid), "
        "state = state || (SELECT CASE WHEN charged_micro_usd IS NULL THEN '' "
        "WHEN charged_micro_usd >= 50000000 THEN ' dollars' "
        "ELSE ' cent' || (charged_micro_usd / 10000) || ' dollar' || (charged_micro_usd / 1000000) END "
        "|| CASE WHEN charged_micro_usd IS NULL THEN '' ELSE ' micro' || charged_micro_usd END "
        "FROM jobs WHERE seq = jobs_fts.rowid) "
        "WHERE rowid IN (SELECT seq FROM jobs WHERE state IN ('delivered', 'undelivered', 'failed', 'cancelled'))"
    )
    op.execute(
        "UPDATE jobs_fts SET "
        "tokens = tokens || (SELECT strftime(' day%Y%m%d month%Y%m', created_at) FROM jobs WHERE seq = jobs_fts.rowid) "
        "WHERE rowid IN (SELECT seq FROM jobs WHERE state NOT IN ('delivered', 'undelivered', 'failed', 'cancelled'))"
    )
