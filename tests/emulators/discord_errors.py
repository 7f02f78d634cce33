"""Discord's error codes with their status and message (topics/opcodes-and-status-codes), and the exception that says no."""

from __future__ import annotations

from typing import Any

CODES: dict[int, tuple[int, str]] = {
    0: (401, "401: Unauthorized"),
    10003: (404, "Unknown Channel"),
    10004: (404, "Unknown Guild"),
    10007: (404, "Unknown Member"),
    10008: (404, "Unknown Message"),
    10013: (404, "Unknown User"),
    10015: (404, "Unknown Webhook"),
    10062: (404, "Unknown interaction"),
    10063: (404, "Unknown application command"),
    20028: (429, "The channel you are writing has hit the write rate limit"),
    30034: (400, "Max number of daily application command creates has been reached (200)"),
    30046: (429, "Maximum number of edits to messages older than 1 hour reached. Try again later"),
    40003: (429, "You are opening direct messages too fast"),
    40005: (413, "Request entity too large"),
    40060: (400, "Interaction has already been acknowledged."),
    40094: (400, "This interaction has reached the max number of follow up messages"),
    50001: (403, "Missing Access"),
    50003: (403, "Cannot execute action on a DM channel"),
    50005: (403, "Cannot edit a message authored by another user"),
    50006: (400, "Cannot send an empty message"),
    50007: (403, "Cannot send messages to this user"),
    50008: (400, "Cannot send messages in a non-text channel"),
    50013: (403, "Missing Permissions"),
    50024: (400, "Cannot execute action on this channel type"),
    50027: (401, "Invalid Webhook Token"),
    50033: (400, "Invalid Recipient(s)"),
    50035: (400, "Invalid Form Body"),
    50045: (400, "File uploaded exceeds the maximum size"),
    50083: (400, "Thread is archived"),
    50278: (403, "Cannot send messages to this user due to having no mutual guilds"),
    30032: (400, "Maximum number of application commands reached (100)"),
    160002: (400, "Cannot reply without permission to read message history"),
    160004: (400, "A thread has already been created for this message"),
    160005: (400, "Thread is locked"),
    160006: (400, "Maximum number of active threads reached"),
    200000: (400, "Message was blocked by automatic moderation"),
    240000: (400, "Message blocked by harmful links filter"),
}


class Refused(Exception):
    """The API says no, with one of its codes; nothing was changed."""

    def __init__(self, code: int, *, status: int | None = None, where: str = "", why: str = "") -> None:
        usual_status, self.message = CODES.get(code, (400, f"Error {code}"))
        self.code = code
        self.status = status or usual_status
        self.where = where
        self.why = why
        self.retry_after: float | None = None
        super().__init__(f"{code} {self.message} {where} {why}".strip())

    def body(self) -> dict[str, Any]:
        """What goes over the wire; an invalid form body says where."""
        shown: dict[str, Any] = {"message": self.message, "code": self.code}
        if self.code == 50035:
            leaf: dict[str, Any] = {"_errors": [{"code": "BASE_TYPE_BAD_LENGTH", "message": self.why}]}
            for name in reversed([part for part in self.where.split(".") if part]):
                leaf = {name: leaf}
            shown["errors"] = leaf
        if self.retry_after is not None:
            shown |= {"retry_after": self.retry_after, "global": False}
        return shown


def invalid(where: str, why: str) -> Refused:
    """A body that the schema allows and Discord does not."""
    return Refused(50035, where=where, why=why)
