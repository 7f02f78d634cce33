"""Where somebody acts on Slack, read from what Slack sends."""

from __future__ import annotations

from adapters.chat.slack.mentions import words_of
from adapters.chat.slack.scene import scene_of_command, scene_of_event, scene_of_payload


def test_an_event_belongs_to_the_workspace_whose_app_heard_it() -> None:
    """In a channel that organisations share, the event's own team may be another one's."""
    event = {"type": "app_mention", "user": "U9", "user_team": "T9", "channel": "C1", "ts": "1.2", "thread_ts": "1.0"}
    body = {"team_id": "T9", "authorizations": [{"team_id": "T1", "enterprise_id": "E1"}], "event_id": "Ev1"}

    scene = scene_of_event(body, event)

    assert (scene.team, scene.enterprise, scene.home_team) == ("T1", "E1", "T9")
    assert (scene.root, scene.message, scene.is_direct) == ("1.0", "1.2", False)


def test_a_command_between_two_others_is_not_in_our_direct_messages() -> None:
    """`/animate` can be typed in any conversation, also in one that we are no part of."""
    scene = scene_of_command({"team_id": "T1", "user_id": "U1", "channel_id": "D5", "trigger_id": "1.2"})

    assert not scene.is_direct
    assert scene.anchor().channel == "D5"


def test_a_press_under_our_message_is_where_that_is() -> None:
    """In its thread; an answer that only one person sees has none."""
    message = {"ts": "1.5", "thread_ts": "1.0"}
    container = {"type": "message", "message_ts": "1.5", "channel_id": "D1", "thread_ts": "1.0"}
    body = {
        "type": "block_actions", "team": {"id": "T1"}, "user": {"id": "U1", "team_id": "T1"}, "channel": {"id": "D1"},
        "message": message, "container": container, "response_url": "https://hooks.slack.com/x",
    }  # fmt: skip

    scene = scene_of_payload(body)
    private = scene_of_payload({**body, "message": None, "container": {**container, "is_ephemeral": True}})

    assert (scene.channel, scene.root, scene.message, scene.is_direct) == ("D1", "1.0", "1.5", True)
    assert private.is_ephemeral


def test_a_form_belongs_to_the_workspace_whose_app_opened_it() -> None:
    """Also when somebody of another organisation sends it."""
    view = {"id": "V1", "team_id": "T9", "app_installed_team_id": "T1"}

    scene = scene_of_payload({"type": "view_submission", "team": {"id": "T9"}, "user": {"id": "U9"}, "view": view})

    assert (scene.team, scene.view) == ("T1", "V1")


def test_a_prompt_reads_as_the_person_wrote_it() -> None:
    """Slack escapes what was typed, and wraps links, people and channels."""
    text = "<@U0ME> zoom &lt;in&gt; on Tom &amp; Jerry, see <https://a.example/x|a.example/x> in <#C1|cats> <@U2|bob>"

    assert words_of(text, "U0ME") == "zoom <in> on Tom & Jerry, see a.example/x in cats bob"
