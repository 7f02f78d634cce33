"""The emulated Slack's Web API over plain HTTP: what it promises, what it refuses, and what the judge writes down."""

from __future__ import annotations

import httpx
import pytest

from tests.emulators.slack_client import SlackBot
from tests.emulators.slack_methods import BOT_SCOPES
from tests.emulators.slack_world import Impossible

CARD = [{"type": "section", "text": {"type": "mrkdwn", "text": "a card"}}]


@pytest.fixture
def alice(slack):
    return slack.person("Alice")


@pytest.fixture
def room(slack, alice):
    return slack.new_channel("room", alice)


def button(action_id="press", label="Press", **facts):
    return {"type": "button", "action_id": action_id, "text": {"type": "plain_text", "text": label}, **facts}


def only_violation(slack):
    """The one thing the judge wrote down, without what led to it."""
    (violation,) = slack.violations()
    return violation.removeprefix("violation: ")


# Tokens and scopes


def test_without_a_good_token_nothing_is_told(slack, slack_bot):
    """No token, a wrong one and one of another kind are three errors; all of them come with status 200."""
    assert httpx.post(f"{slack.api_url}/auth.test", trust_env=False).json() == {"ok": False, "error": "not_authed"}
    assert SlackBot(slack, "xoxb-wrong").call("auth.test")["error"] == "invalid_auth"
    assert SlackBot(slack, slack.app_token).call("auth.test")["error"] == "not_allowed_token_type"
    assert slack_bot.call("apps.connections.open")["error"] == "not_allowed_token_type"
    assert slack_bot.call("auth.test")["user_id"] == slack.bot
    assert slack.violations() == []


def test_a_missing_scope_is_named(slack, slack_bot, alice):
    """The answer says what is needed and what there is; every answer's header says what there is."""
    slack.scopes("chat:write", "commands")

    answer = slack_bot.http.post("/users.info", data={"user": alice})
    slack.scopes(*BOT_SCOPES)

    assert answer.json() == {
        "ok": False,
        "error": "missing_scope",
        "needed": "users:read",
        "provided": "chat:write,commands",
    }
    assert answer.headers["X-OAuth-Scopes"] == "chat:write,commands"


def test_reading_needs_the_scope_of_the_kind_of_channel(slack, slack_bot, alice, room):
    """With least scopes a bot reads its direct messages, and no channel."""
    assert slack_bot.form("conversations.history", channel=slack.dm(alice))["ok"]
    assert slack_bot.form("conversations.history", channel=room)["needed"] == "channels:history"
    assert slack_bot.form("conversations.info", channel=room)["needed"] == "channels:read"


def test_an_app_that_was_removed_is_told_so(slack):
    """After it was uninstalled a token is no longer good for anything; installed anew, it has another."""
    other = slack.workspace("Other", installed=True)
    bot = SlackBot(slack, other["token"])
    assert bot.call("auth.test")["team_id"] == other["id"]

    slack.uninstall(other["id"])
    answer = bot.call("auth.test")
    again = slack.grant(other["id"])

    assert answer["error"] == "account_inactive"
    assert again["token"] != other["token"]
    assert again["bot"] == other["bot"]
    assert bot.call("auth.test")["error"] == "account_inactive"


# Messages


def test_a_message_is_posted_changed_and_deleted(slack, slack_bot, room):
    """Answers show the message as Slack does; the journal has every step."""
    posted = slack_bot.post(room, "one", blocks=CARD)
    changed = slack_bot.call("chat.update", channel=room, ts=posted["ts"], text="two", blocks=CARD)
    shown = slack.from_bot(room)
    deleted = slack_bot.call("chat.delete", channel=room, ts=posted["ts"])

    assert (posted["ok"], changed["ok"], deleted["ok"]) == (True, True, True)
    assert [(one["text"], one["edits"]) for one in shown] == [("two", 1)]
    assert "edited" not in changed["message"]
    assert slack.messages(room) == []
    steps = [one["event"] for one in slack.journal() if one["event"].startswith("message-")]
    assert steps == ["message-posted", "message-updated", "message-deleted"]
    assert slack.violations() == []


def test_text_alone_takes_the_buttons_away(slack, slack_bot, room):
    """chat.update with text and without blocks removes the blocks: Slack does it, and the judge tells."""
    posted = slack_bot.post(room, "card", blocks=[{"type": "actions", "elements": [button()]}])

    slack_bot.call("chat.update", channel=room, ts=posted["ts"], text="done")

    (shown,) = slack.from_bot(room)
    assert "blocks" not in shown
    assert only_violation(slack) == "chat.update: text without blocks removes the blocks"


def test_blocks_want_a_text_beside_them(slack, slack_bot, room):
    """Without a text there is nothing to read aloud or to notify with."""
    assert slack_bot.call("chat.postMessage", channel=room, blocks=CARD)["ok"]

    assert only_violation(slack) == "chat.postMessage: blocks without text"


@pytest.mark.parametrize("ping", ["<!channel>", "<!here|here>", "<!everyone>", "<!subteam^S123>", "<@U0ABCDEFGH>"])
def test_nobody_is_pinged(slack, slack_bot, alice, room, ping):
    """What somebody wrote must not ping, in the text or in mrkdwn; in plain_text, or escaped, it cannot."""
    harmless = ping.replace("<", "&lt;").replace(">", "&gt;")
    plain = [{"type": "section", "text": {"type": "plain_text", "text": ping}}]
    slack_bot.post(room, harmless, blocks=plain)
    assert slack.violations() == []

    slack_bot.post(room, ping)
    slack_bot.post(room, "a", blocks=[{"type": "context", "elements": [{"type": "mrkdwn", "text": f"by {ping}"}]}])
    slack_bot.call("chat.postEphemeral", channel=room, user=alice, text=ping)

    assert slack.violations() == [
        f"violation: {method}: would ping {ping}"
        for method in ("chat.postMessage", "chat.postMessage", "chat.postEphemeral")
    ]


def test_single_people_may_be_mentioned_where_a_test_allows_it(slack, slack_bot, room, alice):
    """The list of who may be mentioned is a setting, and empty."""
    slack.knobs(mentionable=[alice])

    slack_bot.post(room, f"for <@{alice}>")

    assert slack.violations() == []


def test_where_a_bot_cannot_post(slack, slack_bot, alice):
    """Each reason has its own error; a private channel without the bot is not even there."""
    outside = slack.new_channel("outside", alice, bot=False)
    hidden = slack.new_channel("hidden", alice, bot=False, private=True)
    archived = slack.new_channel("archived", alice)
    slack.change_channel(archived, archived=True)
    restricted = slack.new_channel("restricted", alice)
    slack.change_channel(restricted, restricted=True)

    errors = [slack_bot.post(one)["error"] for one in (outside, hidden, archived, restricted, "C0NOSUCHONE")]

    assert errors == ["not_in_channel", "channel_not_found", "is_archived", "restricted_action", "channel_not_found"]
    assert slack.violations() == []
    assert slack_bot.post(alice)["error"] == "channel_not_found"
    assert only_violation(slack) == "chat.postMessage: a user id as channel"


def test_only_its_own_messages_can_be_changed(slack, slack_bot, alice, room):
    """Others' messages, deleted ones, and those whose time is over are refused, each with its error."""
    theirs = slack.say(alice, room, "mine")["ts"]
    own = slack_bot.post(room)["ts"]

    assert slack_bot.call("chat.update", channel=room, ts=theirs, text="x")["error"] == "cant_update_message"
    assert slack_bot.call("chat.delete", channel=room, ts=theirs)["error"] == "cant_delete_message"
    assert slack_bot.call("chat.update", channel=room, ts="1.2", text="x")["error"] == "message_not_found"
    slack.knobs(edit_window_closed=True)
    assert slack_bot.call("chat.update", channel=room, ts=own, text="x")["error"] == "edit_window_closed"
    assert slack_bot.call("chat.update", channel=room, ts=own, text="x" * 4001)["error"] == "edit_window_closed"
    slack.knobs(edit_window_closed=None)
    assert slack_bot.call("chat.update", channel=room, ts=own, text="x" * 4001)["error"] == "msg_too_long"
    assert slack_bot.call("chat.update", channel=room, ts=own)["error"] == "no_text"


def test_replies_hang_on_their_parent(slack, slack_bot, alice, room):
    """A reply's ts is no thread; a parent that was deleted still is."""
    asked = slack.say(alice, room, "make it")["ts"]
    reply = slack_bot.post(room, "card", thread_ts=asked)
    assert reply["message"]["parent_user_id"] == alice
    slack.delete_message(room, asked)
    assert slack_bot.post(room, "done", thread_ts=asked)["message"]["thread_ts"] == asked
    assert slack.violations() == []

    lost = slack_bot.post(room, "lost", thread_ts=reply["ts"])

    assert lost["message"]["thread_ts"] == asked
    assert only_violation(slack) == "chat.postMessage: a reply's ts as thread_ts"


def test_ephemeral_messages_are_for_members_only(slack, slack_bot, alice, room):
    """They are seen by one person, are no messages of the channel, and never reach somebody outside."""
    told = slack_bot.call("chat.postEphemeral", channel=room, user=alice, text="only you")
    outside = slack_bot.call("chat.postEphemeral", channel=room, user=slack.person("Bob"), text="only you")

    assert told["message_ts"]
    assert outside["error"] == "user_not_in_channel"
    assert [one["text"] for one in slack.ephemerals(alice)] == ["only you"]
    assert slack.messages(room) == []
    assert slack_bot.call("chat.update", channel=room, ts=told["message_ts"], text="x")["error"] == "message_not_found"


def test_reactions(slack, slack_bot, alice, room):
    """Each emoji once; only what is there can be taken away."""
    ts = slack.say(alice, room, "make it")["ts"]
    where = {"channel": room, "timestamp": ts, "name": "hourglass"}

    assert slack_bot.call("reactions.add", **where)["ok"]
    assert slack_bot.call("reactions.add", **where)["error"] == "already_reacted"
    assert slack.reactions(room, ts) == {"hourglass": [slack.bot]}
    assert slack_bot.call("reactions.remove", **where)["ok"]
    assert slack_bot.call("reactions.remove", **where)["error"] == "no_reaction"
    assert slack_bot.call("reactions.add", **where | {"timestamp": "1.2"})["error"] == "message_not_found"
    assert slack_bot.call("reactions.add", **where | {"name": "No Emoji"})["error"] == "invalid_name"
    assert slack.violations() == []


# People


def test_people_are_shown_with_what_they_are(slack, slack_bot):
    """Roles, time zone and language are there; a stranger's roles are not."""
    admin = slack.person("Ada", is_admin=True, locale="de-DE")
    guest = slack.person("Gus", is_restricted=True)
    other = slack.workspace("Elsewhere")
    stranger = slack.person("Mallory", other["id"])
    slack.new_channel("shared", admin, stranger)

    shown = slack_bot.form("users.info", user=admin, include_locale="true")["user"]
    foreign = slack_bot.form("users.info", user=stranger)["user"]

    assert (shown["is_admin"], shown["locale"], shown["tz"]) == (True, "de-DE", "Europe/Berlin")
    assert slack_bot.form("users.info", user=guest)["user"]["is_restricted"]
    assert (foreign["is_stranger"], foreign["team_id"], "is_admin" in foreign) == (True, other["id"], False)
    assert slack_bot.form("users.info", user="U0NOSUCHONE")["error"] == "user_not_found"
    assert slack_bot.form("users.info", user=slack.person("Far", other["id"]))["error"] == "user_not_visible"
    assert slack.violations() == []


def test_direct_messages_are_opened_for_people(slack, slack_bot, alice):
    """The same channel every time; not for bots and not for who has left."""
    opened = slack_bot.call("conversations.open", users=alice)["channel"]["id"]

    assert opened == slack.dm(alice)
    assert opened.startswith("D")
    assert slack_bot.call("conversations.open", users=slack.bot)["error"] == "cannot_dm_bot"
    slack.change_person(alice, deleted=True)
    assert slack_bot.call("conversations.open", users=alice)["error"] == "user_disabled"


# What is sent


def test_methods_that_only_read_do_not_read_json(slack, slack_bot, alice):
    """A JSON body to users.info is as good as none."""
    assert slack_bot.call("users.info", user=alice)["error"] == "invalid_arguments"

    assert slack.violations() == [
        "violation: users.info does not read JSON",
        "violation: users.info: missing user",
    ]


def test_wrong_arguments_are_violations(slack, slack_bot, room):
    """What no method knows, and what has another type, is written down."""
    assert slack_bot.call("chat.postMessage", channel=room, text="x", nonce="1")["ok"]
    assert slack_bot.call("chat.postMessage", channel=room, text=5)["error"] == "invalid_arguments"
    assert slack_bot.call("chat.post", channel=room)["error"] == "unknown_method"

    assert slack.violations() == [
        "violation: chat.postMessage: unknown argument nonce",
        "violation: chat.postMessage: text expected [json-pointer:/text]",
        "violation: no such method: chat.post",
    ]


@pytest.mark.parametrize(
    ("block", "why"),
    [
        ({"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3001}}, "less than 3001"),
        ({"type": "header", "text": {"type": "mrkdwn", "text": "x"}}, "unsupported type for plain_text"),
        ({"type": "section", "text": {"type": "mrkdwn", "text": "x"}, "color": "red"}, "invalid additional property"),
        ({"type": "actions", "elements": [button(label="x" * 76)]}, "less than 76"),
        ({"type": "actions", "elements": [button(value="x" * 2001)]}, "less than 2001"),
        ({"type": "actions", "elements": [button(), button()]}, "already exists in this block"),
        ({"type": "actions", "elements": [button(str(n)) for n in range(26)]}, "no more than 25"),
        ({"type": "context", "elements": [{"type": "mrkdwn", "text": "x"}] * 11}, "no more than 10"),
        ({"type": "image", "image_url": "https://x.y/z.png"}, "missing required field: alt_text"),
        ({"type": "video", "title": "x"}, "unsupported type for block"),
        ({"type": "section"}, "a section needs text or fields"),
    ],
)
def test_blocks_have_limits(slack, slack_bot, room, block, why):
    """Blocks that Slack would not take are refused, with the place."""
    answer = slack_bot.post(room, "x", blocks=[block])

    assert answer["error"] == "invalid_blocks"
    assert why in answer["errors"][0]
    assert only_violation(slack).startswith("chat.postMessage: invalid blocks")


def test_a_message_has_fifty_blocks(slack, slack_bot, room):
    """And not one more."""
    assert slack_bot.post(room, "x", blocks=CARD * 50)["ok"]
    assert slack_bot.post(room, "x", blocks=CARD * 51)["error"] == "invalid_blocks"


# Views


def modal(*blocks, **facts):
    title = {"type": "plain_text", "text": "A form"}
    return {"type": "modal", "callback_id": "form", "title": title, "blocks": list(blocks) or CARD, **facts}


def test_a_trigger_opens_one_view_in_its_time(slack, slack_bot, alice):
    """Used, over, or never there: three errors."""
    trigger = _trigger(slack, alice)

    assert slack_bot.call("views.open", trigger_id=trigger, view=modal())["ok"]
    assert slack_bot.call("views.open", trigger_id=trigger, view=modal())["error"] == "exchanged_trigger_id"
    assert slack_bot.call("views.open", trigger_id="1.2.abc", view=modal())["error"] == "invalid_trigger_id"
    late = _trigger(slack, alice)
    slack.knobs(trigger_lives_s=0)
    assert slack_bot.call("views.open", trigger_id=late, view=modal())["error"] == "expired_trigger_id"
    assert slack.violations() == []


def _trigger(slack, person):
    slack.knobs(ack_s=0.01)
    return slack.slash(person, slack.channel(), "/animate").trigger_id


@pytest.mark.parametrize(
    ("view", "why"),
    [
        (modal(title={"type": "plain_text", "text": "x" * 25}), "less than 25"),
        (modal(private_metadata="x" * 3001), "less than 3001"),
        (modal(colour="red"), "invalid additional property"),
        (modal(*CARD * 101), "no more than 100"),
        (
            modal(
                {
                    "type": "input",
                    "label": {"type": "plain_text", "text": "x"},
                    "element": {"type": "plain_text_input", "action_id": "a"},
                }
            ),
            "`submit` is needed",
        ),
        (modal({"type": "actions", "elements": [{"type": "file_input", "action_id": "f"}]}), "unsupported type"),
        ({"type": "home", "blocks": CARD}, "must be modal"),
    ],
)
def test_views_have_limits(slack, slack_bot, alice, view, why):
    """A view that Slack would not take is refused, and its trigger stays good."""
    trigger = _trigger(slack, alice)

    answer = slack_bot.call("views.open", trigger_id=trigger, view=view)

    assert answer["error"] == "invalid_arguments"
    assert any(why in one for one in answer["response_metadata"]["messages"])
    assert slack_bot.call("views.open", trigger_id=trigger, view=modal())["ok"]


def test_a_view_is_updated_by_its_hash(slack, slack_bot, alice):
    """An old hash is a conflict; a closed view is not there any more; what was chosen stays."""
    view = slack_bot.call("views.open", trigger_id=_trigger(slack, alice), view=modal())["view"]
    newer = slack_bot.call("views.update", view_id=view["id"], hash=view["hash"], view=modal(callback_id="next"))

    assert newer["view"]["callback_id"] == "next"
    conflict = slack_bot.call("views.update", view_id=view["id"], hash=view["hash"], view=modal())
    assert conflict["error"] == "hash_conflict"
    slack.close(alice)
    assert slack_bot.call("views.update", view_id=view["id"], view=modal())["error"] == "not_found"
    assert slack.violations() == []


def test_the_home_tab_is_each_persons_own(slack, slack_bot, alice):
    """views.publish is for people of the workspace, where the app has a Home tab."""
    home = {"type": "home", "blocks": CARD}
    stranger = slack.person("Mallory", slack.workspace("Elsewhere")["id"])

    assert slack_bot.call("views.publish", user_id=alice, view=home)["ok"]
    assert slack.home(alice)["blocks"][0]["text"]["text"] == "a card"
    assert slack_bot.call("views.publish", user_id=stranger, view=home)["error"] == "invalid_arguments"
    slack.knobs(home_tab=False)
    assert slack_bot.call("views.publish", user_id=alice, view=home)["error"] == "not_enabled"


# Rate limits and faults


def test_too_many_calls_are_told_how_long_to_wait(slack, slack_bot, room):
    """429 with Retry-After; who asks again before that breaks a rule, per method and channel."""
    slack.knobs(limits={"post": [2, 0.02]}, in_flight_s=0)
    answers = [slack_bot.http.post("/chat.postMessage", json={"channel": room, "text": "x"}) for _ in range(3)]

    assert [one.status_code for one in answers] == [200, 200, 429]
    assert 40 <= int(answers[2].headers["Retry-After"]) <= 50
    assert answers[2].json() == {"ok": False, "error": "ratelimited"}
    assert slack_bot.post(slack.new_channel("other"))["ok"]
    assert slack.violations() == []
    slack_bot.post(room)
    assert only_violation(slack) == "Retry-After ignored: chat.postMessage"


def test_updates_are_counted_by_the_minute(slack, slack_bot, room):
    """One figure for all channels of a workspace."""
    ts = slack_bot.post(room)["ts"]
    slack.knobs(limits={"tier3": [2, 60.0]})
    answers = [slack_bot.call("chat.update", channel=room, ts=ts, text=str(n)) for n in range(3)]

    assert [one.get("error") for one in answers] == [None, None, "ratelimited"]
    (throttled,) = slack.journal("throttled")
    assert (throttled["method"], throttled["workspace"]) == ("chat.update", slack.team)


def test_reading_history_once_a_minute(slack, slack_bot, alice):
    """What Slack lets commercial apps outside its Marketplace read."""
    slack.knobs(history_per_minute=1)

    answers = [slack_bot.form("conversations.history", channel=slack.dm(alice)) for _ in range(2)]

    assert [one.get("error") for one in answers] == [None, "ratelimited"]


def test_faults_on_demand(slack, slack_bot, room):
    """Before or after it is carried out: the message is there, or it is not."""
    slack.fault("chat.postMessage", "status:503")
    slack.fault("chat.postMessage", "error:internal_error", when="after")
    slack.fault("chat.postMessage", "reset", when="after")
    slack.fault("chat.*", "html", skip=0)
    slack.fault("chat.postMessage", "429:0", when="before")
    slack.fault("chat.postMessage", "hang:0.01")

    def post(text):
        try:
            answer = slack_bot.http.post("/chat.postMessage", json={"channel": room, "text": text})
        except httpx.TransportError:
            return "reset"
        return answer.headers["content-type"].partition(";")[0], answer.status_code

    assert [post(f"{n}") for n in range(6)] == [
        ("text/html", 503),
        ("application/json", 200),
        "reset",
        ("text/html", 200),
        ("application/json", 429),
        ("application/json", 200),
    ]
    assert [one["text"] for one in slack.from_bot(room)] == ["1", "2", "5"]
    assert slack.no_faults() == 0
    assert slack.violations() == []


def test_people_do_only_what_their_client_lets_them(slack, alice, room):
    """Everything else is the test's own mistake, and said so."""
    bob = slack.person("Bob")
    asked = slack.say(alice, room, "hello")
    for nonsense in (
        lambda: slack.say(bob, room, "hello"),
        lambda: slack.say(alice, room, ""),
        lambda: slack.slash(alice, room, "/nothing"),
        lambda: slack.slash(alice, room, "/animate", thread=asked["ts"]),
        lambda: slack.press(alice, asked, "Start"),
        lambda: slack.submit(alice, {}),
        lambda: slack.shortcut(bob, "animate_message", slack.say(alice, slack.dm(alice), "mine")),
    ):
        with pytest.raises(Impossible):
            nonsense()
