"""What many machines need: the history's index on PostgreSQL, and the pace at which chats are talked to.

Revision ID: 0007
Revises: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage.tables import UtcTime

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """On SQLite the index is there since the first schema, in FTS5."""
    op.create_table(
        "paces",
        sa.Column("name", sa.String(), nullable=False, comment="what is limited, like slack:T1:chat.postMessage"),
        sa.Column("next_at", UtcTime(), nullable=False, comment="when the next request may go out"),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_paces")),
        comment="rates that all processes keep together, and leases: until when nobody else may begin",
    )
    if op.get_bind().dialect.name == "postgresql":
        _full_text()


def _full_text() -> None:
    # As FTS5's `porter unicode61`: words by their stem, and none too common to be found.
    op.execute("CREATE TEXT SEARCH DICTIONARY reelbot_stem (TEMPLATE = snowball, LANGUAGE = english)")
    op.execute("CREATE TEXT SEARCH CONFIGURATION reelbot (COPY = pg_catalog.simple)")
    kinds = "asciiword, asciihword, hword_asciipart, word, hword, hword_part, numword, numhword, hword_numpart"
    op.execute(f"ALTER TEXT SEARCH CONFIGURATION reelbot ALTER MAPPING FOR {kinds} WITH reelbot_stem")
    tsvector = sa.dialects.postgresql.TSVECTOR()
    op.create_table(
        "jobs_fts",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("words", tsvector, nullable=False, comment="of the prompt and the model, stemmed"),
        sa.Column("tokens", tsvector, nullable=False, comment="person, workspace, channel, day, month"),
        sa.Column("state", tsvector, nullable=False, comment="final state and cost"),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_jobs_fts")),
        comment="what a job is found by; a table of its own, because the job's own row changes often",
    )
    op.create_index("ix_jobs_fts", "jobs_fts", ["words", "tokens", "state"], postgresql_using="gin")
