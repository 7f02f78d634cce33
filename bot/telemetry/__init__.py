"""Telemetry: what is logged and counted, and what never leaves in either."""
