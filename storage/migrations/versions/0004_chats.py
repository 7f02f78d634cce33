"""What chats need: the language of an answer, what it hangs on, and which alerts were told.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Columns that are empty for everything asked before there were chats."""
    op.add_column("jobs", sa.Column("locale", sa.String(), comment="the language its person is answered in"))
    op.add_column("jobs", sa.Column("anchor", sa.Text(), comment="where the answer hangs, in the words of its courier"))
    op.create_table(
        "alerts",
        sa.Column("cause", sa.String(), nullable=False, comment="what it is about; the same cause is told once a day"),
        sa.Column("day", sa.String(), nullable=False, comment="UTC, when it was last told"),
        sa.PrimaryKeyConstraint("cause", name=op.f("pk_alerts")),
    )
