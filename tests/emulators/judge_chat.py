"""A chat that loses answers, cannot search, refuses or delays: exactly as the place's name tells it to.

    python -m tests.emulators.judge_chat --log FILE --port-file FILE [--name chat] [--port N] [--script FILE]

It never prevents a double post, except where a nonce does (Discord's `enforce_nonce`): whatever is posted is written down.

Markers in the place:

    lost-answer[:n]   posted, no answer, for the first n posts of a file     hang[:n]     the same, connection kept open
    reset-before[:n]  the first n connections of a file break off before     refuses      posts are refused for good
                      any request is read                                    delays[:n]   try later, for the first n posts
    cannot-search     searches cannot tell                                   no-nonce     a nonce does nothing
    search-lag[:n]    n searches of a file do not see it yet                 gone         attachments cannot be collected
"""

from __future__ import annotations

import asyncio
import base64
import time
from collections import Counter
from pathlib import Path
from typing import Any

from tests.emulators.judging import (
    Answer,
    Bench,
    Hang,
    HangUp,
    Journal,
    Script,
    Violation,
    arguments,
    demand,
    read_journal,
    settings_from,
)

PICTURE_MAGIC = b"JUDGE-PICTURE\n"


class Rooms:
    """The chat's messages. Every post is in the journal before it is in memory."""

    def __init__(self, name: str, journal: Journal, settings: dict[str, Any]) -> None:
        self._name = name
        self._journal = journal
        self._settings = settings
        self._messages: dict[str, dict[str, Any]] = {}
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self.operations = {
            "hello": self.hello,
            "post": self.post,
            "search": self.search,
            "show": self.show,
            "collect": self.collect,
        }

    def remember(self, log: Path) -> None:
        """Take up the messages where an earlier process left them; how often a marker had its turn starts anew."""
        for entry in read_journal(log):
            if entry["event"] in ("posted", "card-posted"):
                self._messages[entry["message_id"]] = entry

    def hello(self, request: dict[str, Any]) -> Answer:
        """The handshake before a post."""
        demand(request, place=str, filename=str)
        if self._again(request, "reset-before"):
            raise HangUp
        return {"ok": True}

    def post(self, request: dict[str, Any]) -> Answer:
        demand(request, place=str, nonce=str, filename=str, text=str, sha256=str, size_bytes=int)
        script = Script(request["place"], self._name)
        if "refuses" in script:
            self._journal.write("post-refused", place=request["place"], filename=request["filename"])
            return {"error": "refused", "message": "files may not be posted here"}
        if self._again(request, "delays"):
            self._journal.write("post-delayed", place=request["place"], filename=request["filename"])
            return {"error": "later", "message": "slow down", "retry_after_s": self._settings["retry_after_s"]}
        if "no-nonce" not in script and (twin := self._twin(request)):
            self._journal.write("deduplicated", message_id=twin, nonce=request["nonce"], place=request["place"])
            return {"message_id": twin}
        message_id = self._add("posted", **{name: value for name, value in request.items() if name != "op"})
        if self._again(request, "hang"):
            raise Hang
        if self._again(request, "lost-answer"):
            raise HangUp
        return {"message_id": message_id}

    def _twin(self, request: dict[str, Any]) -> str | None:
        since = time.time() - self._settings["nonce_minutes"] * 60
        for message_id, message in self._messages.items():
            same = (message.get("nonce"), message["place"]) == (request["nonce"], request["place"])
            if same and message["at"] >= since:
                return message_id
        return None

    def search(self, request: dict[str, Any]) -> Answer:
        demand(request, place=str, filename=str)
        if "cannot-search" in Script(request["place"], self._name):
            return {"cannot_tell": "no permission to read the history here"}
        if self._again(request, "search-lag"):
            return {"message_ids": []}
        wanted = (request["place"], request["filename"])
        found = [
            key for key, message in self._messages.items() if (message["place"], message.get("filename")) == wanted
        ]
        return {"message_ids": found}

    def show(self, request: dict[str, Any]) -> Answer:
        """Post a card, or edit the one named."""
        demand(request, place=str, message_id=(str, type(None)), job_id=str, state=str, text=str, version=int)
        facts = {name: request[name] for name in ("place", "job_id", "state", "text", "version")}
        message_id = request["message_id"]
        if message_id is None:
            return {"message_id": self._add("card-posted", **facts)}
        if message_id not in self._messages:
            raise Violation("show: no such message")
        self._journal.write("card-edited", message_id=message_id, **facts)
        return {"message_id": message_id}

    def collect(self, request: dict[str, Any]) -> Answer:
        """An attachment's bytes."""
        demand(request, locator=str)
        if "gone" in Script(request["locator"], self._name):
            return {"error": "gone", "message": "the attachment was deleted"}
        return {"body": base64.b64encode(PICTURE_MAGIC + request["locator"].encode()).decode()}

    def _add(self, event: str, **facts: Any) -> str:
        message_id = f"{self._name}-{len(self._messages) + 1}"
        self._journal.write(event, message_id=message_id, **facts)
        self._messages[message_id] = {"at": time.time(), **facts}
        return message_id

    def _again(self, request: dict[str, Any], word: str) -> bool:
        key = (request["place"], request["filename"], word)
        self._counts[key] += 1
        return self._counts[key] <= Script(request["place"], self._name).times(word, 1)


def main() -> None:
    options = arguments("chat")
    settings = settings_from(options.script, nonce_minutes=10, retry_after_s=0.1)
    journal = Journal(options.log, options.name)
    rooms = Rooms(options.name, journal, settings)
    rooms.remember(options.log)
    asyncio.run(Bench(journal, rooms.operations).serve(options.port, options.port_file))


if __name__ == "__main__":
    main()
