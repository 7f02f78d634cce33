"""The tables of metrics and of alerts, for `tools.generate_docs`."""

from __future__ import annotations

from bot.causes import CAUSES
from bot.telemetry.metrics import Metrics


def metric_table() -> str:
    """Every metric of ours, with its labels."""
    rows = ["| metric | kind | labels | what it says |", "|---|---|---|---|"]
    for family in Metrics().families:
        labels = ", ".join(f"`{label}`" for label in family.labels) or "–"
        rows.append(f"| `{family.name}` | {family.kind} | {labels} | {family.help} |")
    return "\n".join(rows)


def cause_table() -> str:
    """Every cause an operator may be told of."""
    rows = ["| cause | what | why it matters | what to do |", "|---|---|---|---|"]
    rows += [f"| `{cause.id}` | {cause.what} | {cause.why} | {cause.fix} |" for cause in CAUSES]
    return "\n".join(rows)
