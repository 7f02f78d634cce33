"""The same paths on a Slack made by others (local-slack): what we and our own emulator both misread would show here."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from adapters.providers.local.sample import draw_sample
from tests.emulators.local_slack.fixtures import a_local_slack
from tests.emulators.local_slack.server import ALICE, BOB, BOT, GENERAL
from tests.emulators.local_slack.world import SlackWorld
from tests.journeys.running import ROOT, environment

pytestmark = pytest.mark.media


@contextmanager
def a_reelbot(folder: Path, *, http: bool) -> Iterator[SlackWorld]:
    """local-slack with a real `reelbot run` in it."""
    port = _free_port()
    url = f"http://127.0.0.1:{port}/slack/events" if http else None
    with a_local_slack(folder / "slack", request_url=url) as slack:
        way = {"SIGNING_SECRET": slack.signing_secret} if http else {"APP_TOKEN": slack.app_token}
        [(name, value)] = way.items()
        env = environment(
            folder,
            PYTHONPATH=str(ROOT),
            REELBOT_SLACK__API_URL=slack.api_url,
            REELBOT_SLACK__BOT_TOKEN=slack.bot_token,
            REELBOT_WEB__PORT=str(port),
            **{f"REELBOT_SLACK__{name}": value},
        )
        env = {key: each for key, each in env.items() if key.lower() not in {"http_proxy", "https_proxy", "all_proxy"}}
        path = folder / "run.log"
        with path.open("wb") as log:
            command = [sys.executable, "-m", "bot.cli.main", "run", "--roles", "worker,slack"]
            process = subprocess.Popen(command, cwd=folder, env=env, stderr=log)
        try:
            if http:
                slack.until(lambda: re.search(rb"listens on", path.read_bytes()), 60, about="the start")
            else:
                slack.until(slack.connected, 60, about="the socket")
            yield slack
        finally:
            process.terminate()
            process.wait(timeout=40)


@pytest.mark.parametrize("http", [False, True], ids=["socket", "http"])
def test_a_mention_a_form_and_a_press(tmp_path: Path, *, http: bool) -> None:
    """A clip for a mention in its thread, one for the form, one for Again; nothing is shared twice."""
    picture = tmp_path / "cat.jpg"
    draw_sample(picture)
    file = ("cat.jpg", picture.read_bytes())
    with a_reelbot(tmp_path, http=http) as slack:
        asked = slack.say(ALICE, GENERAL, f"<@{BOT}> zoom in", files=[file])
        slack.until(lambda: _clips(slack, asked["ts"]) == 1, 90, about="the first clip")
        card = slack.until(lambda: _card(slack, asked["ts"], "Your clip is ready"), 30, about="its card")

        slack.press(BOB, card, "rb:b:again")
        slack.until(lambda: _clips(slack, asked["ts"]) == 2, 90, about="the second clip")
        slack.command(ALICE, GENERAL, "/animate", "zoom out")
        slack.until(slack.forms, 10, about="the form")
        aside = slack.put_aside(ALICE, file)
        slack.submit(ALICE, **{"rb:i:picture": [aside]})

        slack.until(lambda: len(slack.files_in(GENERAL, None)) >= 3, 90, about="the third clip")
        names = [each["name"] for each in slack.files_in(GENERAL, None)]
        assert len(names) == len(set(names)) == 3


def _clips(slack: SlackWorld, thread: str) -> int:
    return len(slack.files_in(GENERAL, thread))


def _card(slack: SlackWorld, thread: str, saying: str) -> dict[str, object] | None:
    found = (each for each in slack.thread(GENERAL, thread) if saying in str(each.get("blocks")))
    return next(found, None)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
