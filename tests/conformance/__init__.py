"""One suite per protocol of `bot/ports.py`; every implementation passes the one of its protocol."""
