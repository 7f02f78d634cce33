"""What an installation stands on: one machine with SQLite, or PostgreSQL and many. Part of the composition root.

Here belongs what differs between the two: where the database is and how it is made ready, who runs the jobs, and where
it is written down which installation this is. What does not: everything above, which knows neither.
"""
