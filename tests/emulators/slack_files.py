"""Files: the upload in three steps, the share that comes later, files.info, links, deletion (fact sheet 2.4, 2.5).

What a client may believe too early is here: `ok: true` of the second call is no share, a file is scanned first, `alt_txt` ends
in silence, and a link without the right token is a login page with status 200 at its end.
"""

from __future__ import annotations

import hashlib
import mimetypes
import re
import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiohttp import BodyPartReader, web

from tests.emulators.slack_blocks import completed, errors_in, mrkdwn_in
from tests.emulators.slack_calls import Call, Refused
from tests.emulators.slack_door import CHUNK, drain
from tests.emulators.slack_state import Channel, File, Grant
from tests.emulators.vendor_wire import page

if TYPE_CHECKING:
    from tests.emulators.slack_server import Slack

CHANNEL_ID = re.compile(r"[CGDZ][A-Z0-9]{8,}")


class Files:
    """Keeps the bytes, and shares them."""

    def __init__(self, slack: Slack, folder: Path) -> None:
        self._slack = slack
        self._folder = folder

    # Step one

    async def begin(self, call: Call) -> dict[str, Any]:
        """files.getUploadURLExternal."""
        name, length = call.args["filename"], call.args["length"]
        settings = self._slack.settings
        if length <= 0:
            raise Refused("missing_argument", "length")
        if settings["file_uploads"] is False:
            raise Refused("file_uploads_disabled")
        mimetype = mimetypes.guess_type(name)[0] or "application/octet-stream"
        if settings["file_uploads"] == "images" and not mimetype.startswith("image/"):
            raise Refused("file_uploads_except_images_disabled")
        if Path(name).suffix.lower() in settings["forbidden_file_types"]:
            raise Refused("file_type_not_allowed")
        if settings["storage_limit_reached"]:
            raise Refused("storage_limit_reached")
        if length > settings["upload_limit"]:
            raise Refused("file_upload_size_restricted", str(length))
        file = self._make(name, mimetype, user=call.grant.bot.id, team=call.grant.key)
        file.length, file.upload_key = length, secrets.token_urlsafe(24)
        file.upload_ends_at = time.monotonic() + settings["upload_lives_s"]
        if "alt_txt" in call.args:
            file.silenced = True
            self._slack.violation("files.getUploadURLExternal: alt_txt: the file will never be shared", call.args)
        self._slack.journal.write("upload-url", file=file.id, name=name, length=length)
        return {"upload_url": f"{self._slack.shapes.base}/upload/v1/{file.upload_key}", "file_id": file.id}

    def _make(self, name: str, mimetype: str, *, user: str, team: str) -> File:
        file_id = self._slack.world.new_id("F")
        file = File(
            id=file_id,
            name=name,
            title=name,
            size=0,
            user=user,
            team=team,
            path=self._folder / file_id,
            mimetype=mimetype,
        )
        self._slack.world.files[file.id] = file
        return file

    def of_person(self, name: str, content: bytes, *, user: str, team: str) -> File:
        """What somebody uploads in their own client."""
        file = self._make(name, mimetypes.guess_type(name)[0] or "application/octet-stream", user=user, team=team)
        file.path.write_bytes(content)
        file.size, file.uploaded, file.completed_at = len(content), True, time.time()
        file.sha256 = hashlib.sha256(content).hexdigest()
        file.received_at = time.monotonic()
        return file

    # Step two

    async def receive(self, request: web.Request) -> web.StreamResponse:
        """POST to an upload URL: once, raw or as a form, exactly as long as announced."""
        key = request.match_info["key"]
        file = next((one for one in self._slack.world.files.values() if one.upload_key == key), None)
        if file is None or file.uploaded or file.deleted:
            await drain(request)
            self._slack.journal.write(
                "refused", method="upload", error="no such upload", why="used, dropped or unknown"
            )
            return web.Response(status=404, text="upload not found")
        digest = hashlib.sha256()
        size = 0
        temporary = file.path.with_suffix(".new")
        with temporary.open("wb") as kept:
            async for chunk in _body(request):
                size += len(chunk)
                digest.update(chunk)
                kept.write(chunk)
        if size != file.length:
            self._slack.violation(f"upload: {size} bytes came, {file.length} were announced", file.name)
            return web.Response(status=400, text="length does not match")
        temporary.rename(file.path)
        file.size, file.sha256, file.uploaded = size, digest.hexdigest(), True
        file.received_at = time.monotonic()
        self._slack.journal.write("uploaded", file=file.id, name=file.name, size=size, sha256=file.sha256)
        return web.Response(text=f"OK - {size}")

    # Step three

    async def complete(self, call: Call) -> dict[str, Any]:
        """files.completeUploadExternal."""
        files = [self._completable(call, one) for one in call.args["files"]]
        if not files:
            raise Refused("invalid_arguments", "files")
        channel = self._destination(call)
        comment, blocks = call.get("initial_comment") or "", call.get("blocks") or []
        if comment and blocks:
            self._slack.violation("files.completeUploadExternal: initial_comment and blocks", call.args)
            blocks = []
        if errors := errors_in(blocks, where="message"):
            self._slack.violation(f"files.completeUploadExternal: invalid blocks: {'; '.join(errors[:5])}", blocks)
            raise Refused("invalid_blocks", "; ".join(errors))
        self._slack.messages.judge_pings("files.completeUploadExternal", [comment, *mrkdwn_in(blocks)])
        thread_ts = self._parent(call, channel) if channel is not None else None
        again = [file for file in files if file.completed_at is not None]
        for file in files:
            file.completed_at = file.completed_at or time.time()
        facts = {"files": [one.name for one in files], "ids": [one.id for one in files], "again": len(again)}
        self._slack.journal.write("completed", channel=channel and channel.id, thread=thread_ts, text=comment, **facts)
        fresh = (
            files if self._slack.settings["complete_again"] == "shares" else [one for one in files if one not in again]
        )
        if channel is not None and fresh:
            self._slack.shares.later(channel, call.grant, fresh, comment, completed(blocks), thread_ts)
        shown = [self._slack.shapes.file(one, whole=True) for one in files]
        return {"files": shown}

    def _completable(self, call: Call, given: Any) -> File:
        known = (
            isinstance(given, dict)
            and set(given) <= {"id", "title", "highlight_type"}
            and isinstance(given.get("id"), str)
        )
        if not known:
            self._slack.violation("files.completeUploadExternal: files are {id, title}", given)
            raise Refused("invalid_arguments", "files")
        file = self._slack.world.files.get(given["id"])
        if file is None or file.user != call.grant.bot.id or file.deleted:
            raise Refused("file_not_found", given["id"])
        if file.completed_at is None and time.monotonic() > file.upload_ends_at:
            self._drop(file)
        if file.deleted or not file.uploaded:
            raise Refused("file_not_found", "never uploaded, or dropped since")
        file.title = given.get("title") or file.title
        return file

    def _drop(self, file: File) -> None:
        file.deleted = True
        self._slack.journal.write("upload-dropped", file=file.id, name=file.name)

    def _destination(self, call: Call) -> Channel | None:
        given = call.get("channel_id") or call.get("channels")
        if given is None:
            return None
        if not CHANNEL_ID.fullmatch(given):
            self._slack.violation("files.completeUploadExternal: no channel id", given)
            raise Refused("invalid_channel", given)
        channel = self._slack.channels.find_for_posting(call, "channel_id" if call.get("channel_id") else "channels")
        if channel.file_posting_denied:
            raise Refused("posting_to_channel_denied")
        return channel

    def _parent(self, call: Call, channel: Channel) -> str | None:
        """The thread; a share with any other ts lands in the channel itself."""
        thread_ts: str | None = call.get("thread_ts")
        if thread_ts is None or thread_ts in self._slack.gone[channel.id]:
            return thread_ts
        parent = channel.messages.get(thread_ts)
        if parent is None or parent.is_reply:
            self._slack.violation("files.completeUploadExternal: thread_ts is no parent's", call.args)
            return None
        return thread_ts

    # Afterwards

    async def info(self, call: Call) -> dict[str, Any]:
        """files.info."""
        file = self._slack.world.files.get(call.args["file"])
        if file is None or not self.may_read(call.grant, file):
            raise Refused("file_not_found", call.args["file"])
        if file.deleted:
            raise Refused("file_deleted")
        if file.user == call.grant.bot.id and file.completed_at is None:
            raise Refused("file_not_found", "not completed")
        return {
            "file": self._slack.shapes.file(file, whole=True),
            "comments": [],
            "response_metadata": {"next_cursor": ""},
        }

    async def delete(self, call: Call) -> dict[str, Any]:
        """files.delete: its own ones."""
        file = self._slack.world.files.get(call.args["file"])
        if file is None or not self.may_read(call.grant, file):
            raise Refused("file_not_found", call.args["file"])
        if file.deleted:
            raise Refused("file_deleted")
        if file.user != call.grant.bot.id:
            raise Refused("cant_delete_file")
        self.remove(file, by="bot")
        return {}

    def remove(self, file: File, *, by: str) -> None:
        """The file goes; a message that was nothing but this file goes with it."""
        file.deleted = True
        file.path.unlink(missing_ok=True)
        self._slack.journal.write("file-deleted", file=file.id, name=file.name, by=by)
        for channel_id, ts, _ in file.shares:
            channel = self._slack.world.channels[channel_id]
            message = channel.messages.get(ts)
            if (
                message is not None
                and not message.text
                and not message.blocks
                and all(one.deleted for one in message.files)
            ):
                self._slack.messages.remove(channel, message, by=by)

    def may_read(self, grant: Grant, file: File) -> bool:
        """Files of its own, of forms sent to it, and of conversations it is in."""
        if file.user == grant.bot.id or file.id in self._slack.given_files:
            return True
        if not self._slack.settings["files_need_membership"] and file.team == grant.key:
            return True
        channels = self._slack.world.channels
        return any(grant.bot.id in channels[channel_id].members for channel_id, _, _ in file.shares)

    async def download(self, request: web.Request) -> web.StreamResponse:
        """A file for the right token; the way to the login page for everybody else."""
        file = self._slack.world.files.get(request.match_info["file"].partition("-")[2])
        token = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
        grant = next((one for one in self._slack.world.grants if one.token == token and one.revoked is None), None)
        if file is None or grant is None or "files:read" not in grant.scopes or not self.may_read(grant, file):
            why = (
                "no such file" if file is None else "no good token" if grant is None else "no files:read, or not for it"
            )
            self._slack.journal.write("sent-to-login", path=request.path, why=why)
            location = f"{self._slack.shapes.base}/login?redir={request.path}"
            return web.Response(status=302, headers={"Location": location})
        if file.deleted or not file.path.exists():
            return page(404, "file not found")
        self._slack.journal.write("downloaded", file=file.id, name=file.name)
        return web.FileResponse(file.path, headers={"Content-Type": file.mimetype})


async def _body(request: web.Request) -> Any:
    """The bytes of a raw body, or of the one file in a form."""
    if request.content_type != "multipart/form-data":
        async for chunk in request.content.iter_chunked(CHUNK):
            yield chunk
        return
    reader = await request.multipart()
    while (part := await reader.next()) is not None:
        if isinstance(part, BodyPartReader) and part.filename:
            while chunk := await part.read_chunk(CHUNK):
                yield chunk
