"""axe-core's judgement of a page: all its rules that say something for certain, the best practices too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.async_api import Page

FOLDER = Path(__file__).parents[1] / "assets" / "axe-core"
SOURCE = FOLDER / "axe-4.14.1.min.js"
ALSO = {"target-size": {"enabled": True}}
"""Rules that axe leaves to the asker."""


async def violations(page: Page) -> list[str]:
    """What is wrong with the page as it stands, one line each: rule, where, why."""
    if not await page.evaluate("() => 'axe' in window"):
        await page.evaluate(SOURCE.read_text() + "\n;undefined")
    found: dict[str, Any] = await page.evaluate(
        "(rules) => axe.run(document, {rules, resultTypes: ['violations']})", ALSO
    )
    return [
        f"{rule['id']}: {node['target']}: {node['failureSummary']}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]
