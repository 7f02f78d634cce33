"""Slack: events and presses come in through Bolt, cards and clips go out over our own client."""
