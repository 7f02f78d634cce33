"""Forks patients and judges from one process that has everything imported already; see `tests.emulators.nursery`.

`{"patient": "<path of RUN.json>"}` answers `{"pid": N}`, as `{"judge": …}` does.
"""

from __future__ import annotations

from pathlib import Path

# Imported before the first fork, so that no child has to.
from tests.crash import patient
from tests.crash.rooms import rooms
from tests.emulators import (
    discord_openapi,
    discord_server,
    eachlabs,
    judge_chat,
    judge_provider,
    slack_server,
    wavespeed,
)
from tests.emulators.nursery import serve

discord_openapi.judge()
rooms()

JUDGES = {
    "judge_provider": judge_provider.main,
    "judge_chat": judge_chat.main,
    "discord_server": discord_server.main,
    "slack_server": slack_server.main,
    "wavespeed": wavespeed.main,
    "eachlabs": eachlabs.main,
}


def _run_patient(path: str) -> None:
    patient.perform(patient.Run.from_json(Path(path).read_text()))


if __name__ == "__main__":
    serve(JUDGES, _run_patient)
