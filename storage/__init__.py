"""What is remembered: SQLAlchemy Core, async; rows in, domain values out.

What belongs here: tables, queries, migrations, the media store. What does not: decisions; those are made
in `bot` and arrive here as values.
"""
