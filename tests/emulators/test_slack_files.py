"""Files in the emulated Slack: three steps, the share that comes later or never, and links for the right token only."""

from __future__ import annotations

import httpx
import pytest

from tests.emulators.slack_client import SlackBot
from tests.emulators.slack_methods import BOT_SCOPES

PNG = b"\x89PNG\r\n\x1a\n a cat"


@pytest.fixture
def alice(slack):
    return slack.person("Alice")


@pytest.fixture
def room(slack, alice):
    return slack.new_channel("room", alice)


def only_violation(slack):
    (violation,) = slack.violations()
    return violation.removeprefix("violation: ")


def test_the_share_comes_later(slack, slack_bot, alice, room):
    """`ok: true` is no share: its ts is in files.info some time after it."""
    slack.knobs(share_delay_s=60)
    asked = slack.say(alice, room, "make it")["ts"]
    file_id = slack_bot.begin("clip-1.mp4", b"moov")

    completed = slack_bot.complete(file_id, room, thread_ts=asked, initial_comment="done")

    assert (completed["ok"], completed["files"][0]["shares"]) == (True, {})
    assert slack_bot.shares(file_id) == {}
    slack.knobs(share_delay_s=0)
    slack.until(lambda: slack.shared("clip-1.mp4"))
    (share,) = slack_bot.shares(file_id)["public"][room]
    assert share["thread_ts"] == asked
    (message,) = slack.from_bot(room, asked)
    assert (message["ts"], message["text"], message["files"][0]["title"]) == (share["ts"], "done", "a clip")
    assert slack.violations() == []


def test_a_share_in_direct_messages_is_private(slack, slack_bot, alice):
    """It is listed among the private shares, by the channel's id."""
    file_id = slack_bot.begin("clip-2.mp4")

    slack_bot.complete(file_id, slack.dm(alice))
    slack.until(lambda: slack.shared("clip-2.mp4"))

    assert list(slack_bot.shares(file_id)["private"]) == [slack.dm(alice)]


def test_alt_txt_ends_in_silence(slack, slack_bot, room):
    """Upload and completion say ok, and nothing is ever shared."""
    file_id = slack_bot.begin("clip-3.mp4", alt_txt="a cat")

    assert slack_bot.complete(file_id, room)["ok"]

    (never,) = slack.until(lambda: slack.journal("never-shared"))
    assert never["files"] == ["clip-3.mp4"]
    assert slack_bot.shares(file_id) == {}
    assert only_violation(slack).startswith("files.getUploadURLExternal: alt_txt")


def test_some_shares_never_come(slack, slack_bot, room):
    """So many as the setting says; then they come again."""
    slack.knobs(never_share=1)
    lost, seen = slack_bot.begin("lost.mp4"), slack_bot.begin("seen.mp4")

    slack_bot.complete(lost, room)
    slack_bot.complete(seen, room)

    slack.until(lambda: slack.shared("seen.mp4"))
    assert slack.shared("lost.mp4") == []


@pytest.mark.parametrize(("how", "shares"), [("nothing", 1), ("shares", 2)])
def test_completing_twice(slack, slack_bot, room, how, shares):
    """Not documented: it either does nothing more, or shares once more; a client must not rely on either."""
    slack.knobs(complete_again=how)
    name = f"twice-{how}.mp4"
    file_id = slack_bot.begin(name)

    assert [slack_bot.complete(file_id, room)["ok"] for _ in range(2)] == [True, True]

    other = slack_bot.begin("after.mp4")
    slack_bot.complete(other, room)
    slack.until(lambda: slack.shared("after.mp4"))
    assert len(slack.shared(name)) == shares
    assert len(slack.completed(name)) == 2


def test_a_deleted_file_is_never_shared(slack, slack_bot, room):
    """Deleting it before Slack has looked at it prevents the share; afterwards its message goes with it."""
    slack.knobs(share_delay_s=60)
    gone, stayed = slack_bot.begin("gone.mp4"), slack_bot.begin("stayed.mp4")
    slack_bot.complete(gone, room)
    assert slack_bot.call("files.delete", file=gone)["ok"]
    slack_bot.complete(stayed, room)
    slack.knobs(share_delay_s=0)
    slack.until(lambda: slack.shared("stayed.mp4"))

    assert slack.shared("gone.mp4") == []
    assert slack_bot.form("files.info", file=gone)["error"] == "file_deleted"
    slack_bot.call("files.delete", file=stayed)
    assert slack.messages(room) == []
    assert [one["name"] for one in slack.journal("file-deleted")] == ["gone.mp4", "stayed.mp4"]


def test_an_upload_is_as_long_as_announced_and_happens_once(slack, slack_bot, room):
    """Raw or as a form; the address is good for one of them."""
    begun = slack_bot.form("files.getUploadURLExternal", filename="a.mp4", length=4)
    files = {"file": ("a.mp4", b"moov")}

    assert httpx.post(begun["upload_url"], files=files, trust_env=False).text == "OK - 4"
    assert httpx.post(begun["upload_url"], content=b"moov", trust_env=False).status_code == 404
    assert slack.violations() == []
    short = slack_bot.form("files.getUploadURLExternal", filename="b.mp4", length=5)
    assert httpx.post(short["upload_url"], content=b"moov", trust_env=False).status_code == 400
    assert only_violation(slack) == "upload: 4 bytes came, 5 were announced"
    assert slack_bot.complete(short["file_id"], room)["error"] == "file_not_found"


def test_an_upload_that_is_not_completed_is_dropped(slack, slack_bot, room):
    """Slack forgets it after a while; so it is before a second attempt is made."""
    slack.knobs(upload_lives_s=0)
    file_id = slack_bot.begin("late.mp4")

    assert slack_bot.form("files.info", file=file_id)["error"] == "file_not_found"
    assert slack_bot.complete(file_id, room)["error"] == "file_not_found"
    assert [one["name"] for one in slack.journal("upload-dropped")] == ["late.mp4"]


def test_a_body_that_breaks_off_is_no_upload(slack, slack_bot):
    """The connection ends in the middle; the same address is still good."""
    slack.fault("upload", "reset", when="mid-body", after_bytes=100_000)
    content = b"x" * 3_000_000
    begun = slack_bot.form("files.getUploadURLExternal", filename="big.mp4", length=len(content))

    with pytest.raises(httpx.TransportError):
        httpx.post(begun["upload_url"], content=content, trust_env=False)

    assert httpx.post(begun["upload_url"], content=content, trust_env=False).status_code == 200
    assert slack.violations() == []


def test_where_a_file_cannot_go(slack, slack_bot, alice, room):
    """Each reason has its own error; a thread must be a parent's, else the file lands in the channel."""
    outside = slack.new_channel("outside", alice, bot=False)
    archived = slack.new_channel("archived", alice)
    slack.change_channel(archived, archived=True)
    denied = slack.new_channel("denied", alice)
    slack.change_channel(denied, file_posting_denied=True)
    file_id = slack_bot.begin("where.mp4")

    errors = [slack_bot.complete(file_id, one)["error"] for one in (outside, archived, denied)]
    assert errors == ["not_in_channel", "is_archived", "posting_to_channel_denied"]
    assert slack.violations() == []
    assert slack_bot.complete(file_id, "general")["error"] == "invalid_channel"
    assert slack_bot.complete(file_id, alice)["error"] == "invalid_channel"
    reply = slack_bot.post(room, "x", thread_ts=slack.say(alice, room, "root")["ts"])["ts"]
    assert slack_bot.complete(file_id, room, thread_ts=reply)["ok"]
    (share,) = slack.until(lambda: slack.shared("where.mp4"))
    assert share["thread"] is None
    assert slack.violations()[-1] == "violation: files.completeUploadExternal: thread_ts is no parent's"


@pytest.mark.parametrize(
    ("knobs", "error"),
    [
        ({"file_uploads": False}, "file_uploads_disabled"),
        ({"file_uploads": "images"}, "file_uploads_except_images_disabled"),
        ({"forbidden_file_types": [".mp4"]}, "file_type_not_allowed"),
        ({"storage_limit_reached": True}, "storage_limit_reached"),
        ({"upload_limit": 3}, "file_upload_size_restricted"),
    ],
)
def test_what_admins_and_plans_forbid(slack, slack_bot, knobs, error):
    """Each has its own error, before anything is uploaded."""
    slack.knobs(**knobs)

    assert slack_bot.form("files.getUploadURLExternal", filename="a.mp4", length=4)["error"] == error


def test_a_comment_or_blocks_but_not_both(slack, slack_bot, room):
    """Slack ignores the blocks then; nobody means that."""
    block = {"type": "section", "text": {"type": "plain_text", "text": "x"}}

    slack_bot.complete(slack_bot.begin(), room, initial_comment="x", blocks=[block])

    assert only_violation(slack) == "files.completeUploadExternal: initial_comment and blocks"


# Reading what people upload


def test_a_file_is_for_the_right_token_only(slack, slack_bot, alice, room):
    """Without it the way leads to a login page, which says 200; a token sent there is a violation."""
    (file,) = slack.say(alice, room, "look", files=[("cat.png", PNG)])["files"]
    url = file["url_private_download"]

    assert slack_bot.http.get(url).content == PNG
    login = httpx.get(url, follow_redirects=True, trust_env=False)
    assert (login.status_code, login.headers["content-type"].partition(";")[0]) == (200, "text/html")
    assert SlackBot(slack, "xoxb-wrong").http.get(url).status_code == 302
    slack.scopes(*(one for one in BOT_SCOPES if one != "files:read"))
    lost = slack_bot.http.get(url, follow_redirects=True)
    slack.scopes(*BOT_SCOPES)
    assert "Sign in" in lost.text
    assert only_violation(slack) == "a bearer token was sent along a redirect"


def test_a_token_sent_to_another_host_is_lost(slack, slack_bot, alice, room):
    """A file may name any host; only Slack's may be given the token."""
    (file,) = slack.say(alice, room, "look", files=[("cat.png", PNG)], host=slack.stranger)["files"]
    httpx.get(file["url_private"], trust_env=False)
    assert slack.violations() == []

    slack_bot.http.get(file["url_private"])

    assert only_violation(slack) == "a token was sent to another host"


def test_where_the_bot_is_no_member_it_reads_nothing(slack, slack_bot, alice):
    """Files of other conversations are not there for it, unless a test says otherwise."""
    outside = slack.new_channel("outside", alice, bot=False)
    (file,) = slack.say(alice, outside, "look", files=[("cat.png", PNG)])["files"]

    assert slack_bot.form("files.info", file=file["id"])["error"] == "file_not_found"
    assert slack_bot.http.get(file["url_private"]).status_code == 302
    slack.knobs(files_need_membership=False)
    assert slack_bot.http.get(file["url_private"]).content == PNG


def test_files_that_are_still_looked_at_are_empty(slack, slack_bot, alice, room):
    """Right after the upload kind and size are not known yet."""
    slack.knobs(scan_s=60)
    (file,) = slack.say(alice, room, "look", files=[("cat.png", PNG)])["files"]
    assert (file["mimetype"], file["size"]) == ("", 0)

    slack.knobs(scan_s=0)

    seen = slack_bot.form("files.info", file=file["id"])["file"]
    assert (seen["mimetype"], seen["size"]) == ("image/png", len(PNG))


def test_files_of_another_organisation_must_be_asked_for(slack, slack_bot, alice):
    """In shared channels a message carries the id, and `check_file_info`; files.info has the rest."""
    mallory = slack.person("Mallory", slack.workspace("Elsewhere")["id"])
    shared = slack.new_channel("shared", alice, mallory)
    sent = slack.say(mallory, shared, "look", files=[("cat.png", PNG)])
    slack.scopes(*BOT_SCOPES, "channels:history")
    (message,) = slack_bot.form("conversations.history", channel=shared)["messages"]
    slack.scopes(*BOT_SCOPES)

    (partial,) = message["files"]
    assert (partial["file_access"], "url_private" in partial) == ("check_file_info", False)
    whole = slack_bot.form("files.info", file=sent["files"][0]["id"])["file"]
    assert slack_bot.http.get(whole["url_private"]).content == PNG


def test_deleted_and_linked_files(slack, slack_bot, alice, room):
    """What people deleted is a tombstone; what is only linked says so."""
    message = slack.say(alice, room, "look", files=[("a.png", PNG)])
    slack.delete_file(message["files"][0]["id"])
    linked = slack.say(alice, room, "look", files=[("b.png", PNG)], remote=True)["files"][0]

    shown = slack.message(room, message["ts"])["files"][0]
    assert (shown["mode"], shown["deleted"]) == ("tombstone", True)
    assert (linked["is_external"], linked["mode"]) == (True, "external")
    assert slack_bot.form("files.info", file=message["files"][0]["id"])["error"] == "file_deleted"
