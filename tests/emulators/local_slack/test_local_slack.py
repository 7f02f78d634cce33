"""slack_bolt against local-slack: what its docstring says it does, it does; what it says is missing, is missing."""

from __future__ import annotations

import socket
import urllib.error

import pytest
from slack_sdk.errors import SlackApiError

from tests.emulators.local_slack.bolt_bot import FORM, BoltBot
from tests.emulators.local_slack.fixtures import a_local_slack
from tests.emulators.local_slack.forms import Impossible
from tests.emulators.local_slack.server import ALICE, APP, BOB, BOT, ELSEWHERE, GENERAL, PRIVATE
from tests.emulators.local_slack.world import SlackWorld

PNG = b"\x89PNG a picture"
MP4 = b"\0\0\0\x18ftyp" + bytes(200_000)
CARD = [
    {
        "type": "actions",
        "block_id": "card",
        "elements": [
            {
                "type": "button",
                "action_id": f"job:{what}",
                "value": "job-7",
                "text": {"type": "plain_text", "text": text},
            }
            for what, text in (("start", "Start"), ("cancel", "Cancel"))
        ],
    }
]
UNKNOWN = (
    "api.test apps.uninstall assistant.threads.setStatus auth.revoke chat.scheduleMessage chat.startStream "
    "conversations.join files.remote.add files.sharedPublicURL oauth.v2.access reactions.get users.profile.get "
    "usergroups.list bookmarks.list pins.add"
).split()
FROM_THE_ENVIRONMENT = (
    "SLACK_CLIENT_ID SLACK_CLIENT_SECRET SLACK_BOT_TOKEN SLACK_SIGNING_SECRET "
    "HTTP_PROXY http_proxy HTTPS_PROXY https_proxy"
).split()


@pytest.fixture(autouse=True)
def _nothing_of_the_developers(monkeypatch):
    """bolt reads these by itself: a client id with its secret turns OAuth on, and a proxy is taken for loopback too."""
    for name in FROM_THE_ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def bot(local_slack):
    bot = BoltBot(local_slack)
    local_slack.until(local_slack.connected, about="the socket")
    yield bot
    bot.stop()


@pytest.fixture
def door():
    with socket.create_server(("127.0.0.1", 0)) as door:
        yield door


@pytest.fixture
def over_http(tmp_path, door):
    url = f"http://127.0.0.1:{door.getsockname()[1]}/slack/events"
    with a_local_slack(tmp_path, request_url=url) as slack:
        yield slack


@pytest.fixture(params=["socket", "http"])
def slack_and_bot(request):
    """Both deliveries."""
    if request.param == "socket":
        yield request.getfixturevalue("local_slack"), request.getfixturevalue("bot")
        return
    slack: SlackWorld = request.getfixturevalue("over_http")
    bot = BoltBot(slack, door=request.getfixturevalue("door"))
    yield slack, bot
    bot.stop()


def test_it_listens_on_loopback_alone(local_slack):
    """Not even another loopback address reaches it: it was bound to one address, not to all."""
    port = int(local_slack.url.rpartition(":")[2])

    with socket.create_connection(("127.0.0.1", port), 5):
        pass

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", port), 5)


def test_it_ends_with_the_process_that_started_it(local_slack):
    """Whoever is killed leaves no server behind: the end of its standard input ends it."""
    local_slack._process.stdin.close()

    assert local_slack._process.wait(10) == 0


def test_a_mention_with_a_file_arrives_and_the_file_can_be_downloaded(slack_and_bot):
    """`event.files` holds whole file objects; the bytes come with the bot's token, and with no other."""
    slack, bot = slack_and_bot

    asked = slack.say(ALICE, GENERAL, f"<@{BOT}> the cat blinks", files=[("cät.png", PNG)])

    (mention,) = bot.all("app_mention")
    assert (mention["user"], mention["channel"], mention["ts"]) == (ALICE, GENERAL, asked["ts"])
    (file,) = mention["files"]
    assert (file["name"], file["mimetype"], file["size"], file["user"]) == ("cät.png", "image/png", len(PNG), ALICE)
    assert slack.download(file) == PNG
    with pytest.raises(urllib.error.HTTPError, match="403"):
        slack.download(file, token="xoxb-of-somebody-else")


def test_one_post_is_three_events(bot, local_slack):
    """With every subscription on, as it is here: the message, the mention of the same `ts`, and `file_shared`."""
    asked = local_slack.say(ALICE, PRIVATE, f"<@{BOT}> blink", files=[("cat.png", PNG)])

    assert [kind for kind, _ in bot.heard] == ["message", "app_mention", "file_shared"]
    assert {event.get("ts", event["event_ts"]) for _, event in bot.heard} == {asked["ts"]}
    assert bot.all("message")[0]["subtype"] == "file_share"


def test_a_bot_hears_nothing_of_channels_it_is_not_in(bot, local_slack):
    """As in Slack; posting there is another matter, see the list of what is missing."""
    local_slack.say(ALICE, ELSEWHERE, f"<@{BOT}> blink")

    assert bot.heard == []


def test_a_direct_message_with_a_file_arrives_as_a_file_share(bot, local_slack):
    """No mention is needed there, and none is sent."""
    direct = local_slack.direct(ALICE)

    local_slack.say(ALICE, direct, "blink", files=[("cat.png", PNG)])

    (message,) = bot.all("message")
    assert (message["channel_type"], message["subtype"], len(message["files"])) == ("im", "file_share", 1)
    assert bot.all("app_mention") == []


def test_the_three_steps_of_an_upload_show_a_clip_in_the_thread(bot, local_slack):
    """And `files.info` tells at once which message it became; where Slack takes its time."""
    asked = local_slack.say(ALICE, GENERAL, "blink")

    file_id = bot.upload("clip-1.mp4", MP4, channel_id=GENERAL, thread_ts=asked["ts"], initial_comment="Done")

    (posted,) = local_slack.thread(GENERAL, asked["ts"])
    assert (posted["user"], posted["text"]) == (BOT, "Done")
    (file,) = local_slack.files_in(GENERAL, asked["ts"])
    assert (file["id"], file["mimetype"], local_slack.download(file)) == (file_id, "video/mp4", MP4)
    shares = bot.run(bot.client.files_info(file=file_id))["file"]["shares"]
    assert [(each["ts"], each["thread_ts"]) for each in shares["public"][GENERAL]] == [(posted["ts"], asked["ts"])]


def test_an_upload_is_shared_privately_in_private_places(bot, local_slack):
    """`shares.private` for private channels and direct messages."""
    direct = local_slack.direct(ALICE)

    ids = [bot.upload("clip.mp4", MP4, channel_id=channel) for channel in (PRIVATE, direct)]

    files = [bot.run(bot.client.files_info(file=each))["file"] for each in ids]
    assert [list(file["shares"]["private"]) for file in files] == [[PRIVATE], [direct]]
    assert [(file["groups"], file["ims"]) for file in files] == [([PRIVATE], []), ([], [direct])]


def test_an_upload_that_was_never_completed_is_known_but_shared_nowhere(bot, local_slack):
    """Completed twice, it is posted twice: nothing here protects from that."""
    file = local_slack.put_aside(BOT, ("clip.mp4", MP4))
    assert file["shares"] == {}

    for _ in range(2):
        bot.run(bot.client.files_completeUploadExternal(files=[{"id": file["id"]}], channel_id=GENERAL))

    assert len(local_slack.files_in(GENERAL)) == 2


def test_a_deleted_file_is_a_tombstone_in_its_message(bot, local_slack):
    """Only the bot's own can be deleted."""
    file_id = bot.upload("clip.mp4", MP4, channel_id=GENERAL)

    bot.run(bot.client.files_delete(file=file_id))

    assert local_slack.files_in(GENERAL) == [{"id": file_id, "mode": "tombstone"}]
    with pytest.raises(SlackApiError, match="file_deleted"):
        bot.run(bot.client.files_info(file=file_id))
    (theirs,) = local_slack.say(ALICE, GENERAL, files=[("cat.png", PNG)])["files"]
    with pytest.raises(SlackApiError, match="cant_delete_file"):
        bot.run(bot.client.files_delete(file=theirs["id"]))


def test_a_command_opens_a_form_which_comes_back_filled(slack_and_bot):
    """`views.open` by the trigger; the file input's answer is whole file objects; what a form held is sent along."""
    slack, bot = slack_and_bot

    slack.command(ALICE, GENERAL, "/animate", "the cat blinks")
    (form,) = slack.forms()
    sent = slack.submit(ALICE, files=[slack.put_aside(ALICE, ("cat.png", PNG))])

    (command,) = bot.all("command")
    assert (command["user_id"], command["channel_id"], command["text"]) == (ALICE, GENERAL, "the cat blinks")
    assert (form["callback_id"], form["private_metadata"]) == ("animate", FORM["private_metadata"])
    (view,) = bot.all("view")
    assert view["id"] == form["id"]
    values = view["state"]["values"]
    assert values["prompt"]["text"]["value"] == "it moves"
    assert slack.download(values["picture"]["files"]["files"][0]) == PNG
    assert (sent.errors, sent.open) == ({}, [])


def test_a_form_with_mistakes_stays_open(slack_and_bot):
    """`response_action: errors`, by block id."""
    slack, _bot = slack_and_bot
    slack.command(ALICE, GENERAL, "/animate")
    picture = slack.put_aside(ALICE, ("cat.png", PNG))

    sent = slack.submit(ALICE, files=[picture], text="no")

    assert sent.errors == {"prompt": "Say more."}
    assert len(slack.forms()) == 1


def test_people_cannot_send_what_their_client_would_not(bot, local_slack):
    """The page checks what Slack's client checks, so that a test never asks for more than a person could."""
    with pytest.raises(Impossible, match="no form"):
        local_slack.submit(ALICE)
    local_slack.command(ALICE, GENERAL, "/animate")

    with pytest.raises(Impossible, match="must be filled"):
        local_slack.submit(ALICE)
    with pytest.raises(Impossible, match="at most 1"):
        local_slack.submit(ALICE, files=[{"id": "F1"}, {"id": "F2"}])
    with pytest.raises(Impossible, match="does not ask for"):
        local_slack.submit(ALICE, files=[{"id": "F1"}], colour="red")
    local_slack.close_form(ALICE)

    assert local_slack.forms() == []


def test_a_press_says_who_pressed_what_on_which_message(slack_and_bot):
    """block_actions, with the message as it stands; what the app answers to its response URL replaces the message."""
    slack, bot = slack_and_bot
    ts = bot.run(bot.client.chat_postMessage(channel=GENERAL, text="a card", blocks=CARD))["ts"]

    slack.press(BOB, slack.message(GENERAL, ts), "Start")

    (pressed,) = bot.all("action")
    (action,) = pressed["actions"]
    assert (action["action_id"], action["value"], action["block_id"]) == ("job:start", "job-7", "card")
    assert (pressed["user"]["id"], pressed["channel"]["id"], pressed["message"]["ts"]) == (BOB, GENERAL, ts)
    slack.until(lambda: slack.message(GENERAL, ts)["text"] == "started", about="the answer to the press")
    with pytest.raises(Impossible, match="there is no 'Start'"):
        slack.press(BOB, slack.message(GENERAL, ts), "Start")


def test_messages_are_edited_and_deleted(bot, local_slack):
    """An edit without blocks takes the blocks away, as in Slack."""
    ts = bot.run(bot.client.chat_postMessage(channel=GENERAL, text="a card", blocks=CARD))["ts"]

    bot.run(bot.client.chat_update(channel=GENERAL, ts=ts, text="done"))
    edited = local_slack.message(GENERAL, ts)
    bot.run(bot.client.chat_delete(channel=GENERAL, ts=ts))

    assert (edited["text"], edited.get("blocks")) == ("done", None)
    assert local_slack.messages(GENERAL) == []
    with pytest.raises(SlackApiError, match="message_not_found"):
        bot.run(bot.client.chat_update(channel=GENERAL, ts=ts, text="done"))


def test_a_note_to_one_person_says_whom_it_is_for(bot, local_slack):
    """It stands among the other messages here, and is marked."""
    bot.run(bot.client.chat_postEphemeral(channel=GENERAL, user=ALICE, text="not yours to press"))

    (note,) = local_slack.messages(GENERAL)
    assert (note["subtype"], note["ephemeral_to"]) == ("ephemeral", ALICE)


def test_the_bot_reacts_and_hears_reactions(bot, local_slack):
    """Its own are on the message, and are taken away again; a person's are heard."""
    asked = local_slack.say(ALICE, GENERAL, "blink")
    place = {"channel": GENERAL, "timestamp": asked["ts"]}

    bot.run(bot.client.reactions_add(**place, name="hourglass"))
    on = local_slack.message(GENERAL, asked["ts"])["reactions"]
    bot.run(bot.client.reactions_remove(**place, name="hourglass"))
    local_slack.react(BOB, asked, "tada")

    assert on == [{"name": "hourglass", "users": [BOT], "count": 1}]
    assert [each["name"] for each in local_slack.message(GENERAL, asked["ts"])["reactions"]] == ["tada"]
    assert [(event["user"], event["reaction"]) for event in bot.all("reaction_added")] == [(BOB, "tada")]


def test_a_home_tab_is_published_for_one_person(bot, local_slack):
    """Opening it is heard."""
    local_slack.open_home(ALICE)

    bot.run(bot.client.views_publish(user_id=ALICE, view={"type": "home", "blocks": CARD}))

    assert [(event["user"], event["tab"]) for event in bot.all("app_home_opened")] == [(ALICE, "home")]
    assert local_slack.home(ALICE)["blocks"] == CARD
    assert local_slack.home(BOB) is None


def test_a_form_is_updated_in_place(bot, local_slack):
    """It gets a new id here, where Slack's keeps its own: `submit` sends the one on top."""
    local_slack.command(ALICE, GENERAL, "/animate")
    (form,) = local_slack.forms()

    bot.run(bot.client.views_update(view_id=form["id"], view=FORM | {"private_metadata": "again"}))

    (updated,) = local_slack.forms()
    assert updated["private_metadata"] == "again"
    assert updated["id"] != form["id"]


def test_a_request_with_a_wrong_signature_is_refused_by_bolt(over_http, door):
    """So its signatures are real ones; what the app refuses is not sent again."""
    bot = BoltBot(over_http, door=door, secret="another-secret")

    over_http.say(ALICE, GENERAL, "blink")

    bot.stop()
    assert bot.heard == []
    assert [each["summary"] for each in over_http.journal("events_api")][1:] == ["HTTP 401"]


def test_people_and_places_can_be_asked_about(bot, local_slack):
    """What auth.test, users.info, conversations.info, .open and .replies say."""
    asked = local_slack.say(ALICE, GENERAL, "blink")
    bot.run(bot.client.chat_postMessage(channel=GENERAL, text="a reply", thread_ts=asked["ts"]))

    me = bot.run(bot.client.auth_test())
    person = bot.run(bot.client.users_info(user=ALICE))["user"]
    place = bot.run(bot.client.conversations_info(channel=PRIVATE))["channel"]
    direct = [bot.run(bot.client.conversations_open(users=ALICE))["channel"]["id"] for _ in range(2)]
    replies = bot.run(bot.client.conversations_replies(channel=GENERAL, ts=asked["ts"]))["messages"]

    assert (me["team_id"], me["user_id"], me["bot_id"]) == (local_slack.team, BOT, "B0REELBOT1")
    assert (person["tz"], person["is_admin"]) == ("Europe/Berlin", False)
    assert (place["is_private"], place["is_member"]) == (True, True)
    assert direct[0] == direct[1] == local_slack.direct(ALICE)
    assert [message["text"] for message in replies] == ["blink", "a reply"]


def test_what_it_knows_answers(local_slack):
    """The rest of the docstring's list: what no other test here calls."""
    asked = local_slack.say(ALICE, GENERAL, "blink")
    place, calls = {"channel": GENERAL}, {"team.info": {}, "bots.info": {}, "users.list": {}, "files.list": {}}
    calls |= {"users.conversations": {}, "conversations.list": {}, "emoji.list": {}, "apps.connections.open": {}}
    calls |= {"conversations.members": place, "conversations.history": place, "conversations.create": {"name": "new"}}
    calls |= {"chat.meMessage": place | {"text": "waves"}, "chat.getPermalink": place | {"message_ts": asked["ts"]}}

    answers = {method: local_slack.api(method, **facts)["ok"] for method, facts in calls.items()}

    assert all(answers.values()), answers


def test_every_open_socket_hears_everything(bot, local_slack):
    """Where Slack tells one of them: two processes on Socket Mode ask each job twice here."""
    second = BoltBot(local_slack)
    local_slack.until(lambda: len(local_slack.journal("socket")) == 2, about="the second socket")

    local_slack.say(ALICE, GENERAL, "blink")

    local_slack.until(lambda: (len(bot.heard), len(second.heard)) == (1, 1), about="hearing it twice")
    second.stop()


def test_a_form_opens_another_on_top(bot, local_slack):
    """views.push by the trigger of what was just done; closing closes both."""
    local_slack.command(ALICE, GENERAL, "/animate")
    (trigger,) = [command["trigger_id"] for command in bot.all("command")]

    bot.run(bot.client.views_push(trigger_id=trigger, view=FORM | {"private_metadata": "on top"}))

    assert [form["private_metadata"] for form in local_slack.forms()] == [FORM["private_metadata"], "on top"]
    local_slack.close_form(ALICE)
    assert local_slack.forms() == []


def test_what_it_does_not_know_is_missing(local_slack):
    """The docstring's list; when a new version knows one of them, the tests may use it."""
    answers = {method: local_slack.api(method).get("error") for method in UNKNOWN}

    assert set(answers.values()) == {"unknown_method"}


def test_it_is_more_lenient_than_slack(local_slack):
    """Whatever a test must not rely on: any token, any channel, any blocks are taken, and metadata is dropped."""
    metadata = {"event_type": "job", "event_payload": {"id": "job-7"}}
    facts = {"channel": ELSEWHERE, "text": "x" * 50_000, "blocks": [{"type": "nonsense"}], "metadata": metadata}

    posted = local_slack.api("chat.postMessage", token="xoxb-of-nobody", **facts)

    assert posted["ok"]
    assert posted["message"]["app_id"] == APP
    assert "metadata" not in posted["message"]
    assert local_slack.api("conversations.info", channel=ELSEWHERE)["channel"]["is_member"]
