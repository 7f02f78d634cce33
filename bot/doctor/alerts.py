"""What `reelbot doctor` says of where an operator is told what needs them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bot.doctor.finding import Finding

if TYPE_CHECKING:
    from bot.app import App

SETTINGS: Final = {
    "discord": "REELBOT_ALERTS__DISCORD_CHANNEL",
    "slack": "REELBOT_ALERTS__SLACK_CHANNEL",
    "webhook": "REELBOT_ALERTS__WEBHOOK_URL",
}
NAMES: Final = {"discord": "a Discord channel", "slack": "a Slack channel", "webhook": "a webhook"}
FREE: Final = frozenset({"local"})


def finding(app: App) -> Finding:
    """Where alerts go; nowhere is fine only where nobody but the operator can ask, and nothing can be paid."""
    told = [place.name for place in app.service.alerts.places]
    chosen = app.settings.alerts
    wished = {"discord": chosen.discord_channel, "slack": chosen.slack_channel, "webhook": chosen.webhook_url}
    if deaf := [name for name, value in wished.items() if value is not None and name not in told]:
        what = f"{SETTINGS[deaf[0]]} is set, but that chat is not"
        fix = f"Set up {deaf[0]}, or take the setting away."
        return Finding(id="alerts", status="warn", what=what, why="Nobody is told there.", fix=fix)
    if told:
        return Finding(
            id="alerts", status="ok", what=f"alerts go to {', '.join(NAMES.get(name, name) for name in told)}"
        )
    if not (app.settings.discord.token or app.settings.slack.is_set_up or set(app.desk.providers) - FREE):
        return Finding(id="alerts", status="ok", what="alerts go to the log only; nothing here is paid or chatted with")
    why = "A refused key, a used-up budget or a job that nobody can vouch for stands in the log only."
    return Finding(
        id="alerts", status="warn", what="alerts go nowhere", why=why, fix=f"Set one of {', '.join(SETTINGS.values())}."
    )
