"""Engines: what runs jobs and wakes them."""
