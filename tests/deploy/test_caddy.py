"""The proxy of `compose.scale.yaml` leads every request to a process that answers it, and spoils none on the way."""

from __future__ import annotations

import re

import pytest

from adapters.chat.slack.manifest import EVENTS_PATH
from bot.settings.names import all_settings
from tests.deploy.caddyfile import BadCaddyfile, Caddyfile, default_of
from tests.deploy.compose import Compose, command, environment
from tests.deploy.reading import ROOT, roles, seconds

DEPLOY = ROOT / "deploy"
TEXT = (DEPLOY / "Caddyfile").read_text(encoding="utf-8")
COMPOSE = Compose.read(
    (DEPLOY / "compose.scale.yaml").read_text(encoding="utf-8"), DEPLOY, {"DOMAIN": "reelbot.example"}
)


def what_it_is_told_the_compose_file_tells(caddy):
    """Each variable, with the default it has there; and nothing that it does not ask for."""
    told = environment(COMPOSE.services["caddy"])
    wrong = [f"nobody tells it {name}" for name in caddy.variables if name not in told]
    wrong += [f"it is told {name} for nothing" for name in told if name not in caddy.variables]
    return wrong + [
        f"{name} is {told[name]} there and {default} here"
        for name, default in caddy.variables.items()
        if default is not None and told.get(name, default) != default
    ]


def every_path_leads_to_a_role_that_answers_it(caddy):
    """Slack's calls to the role slack, all the rest to the role web, at the port they listen on and on its network."""
    port = str(all_settings()["REELBOT_WEB__PORT"].default)
    found = {}
    for handle in caddy.site.all("handle"):
        kind, name, *rest = handle.one("dynamic").split()
        assert kind == "a"
        found[" ".join(handle.words[1:])] = (name, *rest)
    wrong = [] if found == {"/slack/events": ("slack", port), "": ("web", port)} else [f"it leads to {found}"]
    for name, *_ in found.values():
        if name not in COMPOSE.ours or roles(command(COMPOSE.ours[name])) != {name}:
            wrong.append(f"{name} does not play the role")
        elif not COMPOSE.networks(name) & COMPOSE.networks("caddy"):
            wrong.append(f"{name} is not reached")
    return wrong


def what_slack_calls_is_what_we_serve(caddy):
    """The one address that only the role slack has, as its manifest tells Slack."""
    paths = [" ".join(each.words[1:]) for each in caddy.site.all("handle") if len(each.words) > 1]
    return [] if paths == [EVENTS_PATH] else [f"{paths} are led elsewhere"]


def whoever_sends_too_much_is_told_so_by_reelbot(caddy):
    """The proxy lets a little more pass than is taken, so that the answer is a sentence."""
    number, unit = re.fullmatch(r"(\d+)(MB|GB)", default_of(caddy.site.one("max_size"))).groups()
    taken_mb = all_settings()["REELBOT_WEB__MAX_UPLOAD_MB"].default
    let_through_mb = int(number) * {"MB": 1, "GB": 1000}[unit]
    return [] if taken_mb < let_through_mb <= 2 * taken_mb else [f"{let_through_mb} MB pass, and {taken_mb} are taken"]


def those_that_come_and_go_are_noticed(caddy):
    """Names are asked again, another is tried when one has gone, for longer than an exchange takes to be noticed."""
    wrong = []
    for handle in caddy.site.all("handle"):
        refresh, tried = seconds(handle.one("refresh")), seconds(handle.one("lb_try_duration"))
        wrong += [] if refresh < tried else [f"asked every {refresh:.0f} s, tried for {tried:.0f} s"]
        wrong += [] if handle.one("lb_policy") == "least_conn" else ["streams pile up at one"]
    return wrong


def it_gets_its_certificate_and_takes_no_orders(caddy):
    """A bare name is what Caddy fetches a certificate for; its API is off."""
    wrong = [] if caddy.site.words == ("{$DOMAIN}",) else [f"it is {caddy.site.words}"]
    return wrong + ([] if caddy.options.one("admin") == "off" else ["it takes orders"])


RULES = (
    what_it_is_told_the_compose_file_tells,
    every_path_leads_to_a_role_that_answers_it,
    what_slack_calls_is_what_we_serve,
    whoever_sends_too_much_is_told_so_by_reelbot,
    those_that_come_and_go_are_noticed,
    it_gets_its_certificate_and_takes_no_orders,
)
BREAKAGES = [
    ("what_it_is_told_the_compose_file_tells", "{$MAX_BODY:60MB}", "{$MAX_SIZE:60MB}"),
    ("what_it_is_told_the_compose_file_tells", "{$MAX_BODY:60MB}", "{$MAX_BODY:80MB}"),
    ("every_path_leads_to_a_role_that_answers_it", "import any_of slack", "import any_of worker"),
    ("every_path_leads_to_a_role_that_answers_it", "{args[0]} 8080", "{args[0]} 9100"),
    ("every_path_leads_to_a_role_that_answers_it", "handle {", "handle /studio {"),
    ("what_slack_calls_is_what_we_serve", "/slack/events", "/slack/event"),
    ("whoever_sends_too_much_is_told_so_by_reelbot", ":60MB", ":50MB"),
    ("whoever_sends_too_much_is_told_so_by_reelbot", ":60MB", ":1GB"),
    ("those_that_come_and_go_are_noticed", "refresh 5s", "refresh 1m"),
    ("those_that_come_and_go_are_noticed", "least_conn", "first"),
    ("it_gets_its_certificate_and_takes_no_orders", "{$DOMAIN} {", "http://{$DOMAIN} {"),
    ("it_gets_its_certificate_and_takes_no_orders", "admin off", "admin 0.0.0.0:2019"),
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_caddyfile_keeps_the_rule(rule):
    """Whoever changes it is told which promise breaks."""
    assert rule(Caddyfile.parse(TEXT)) == []


@pytest.mark.parametrize(("name", "old", "new"), BREAKAGES)
def test_the_rule_objects_when_it_is_broken(name, old, new):
    """A rule that cannot fail would promise nothing."""
    (rule,) = [each for each in RULES if each.__name__ == name]
    assert TEXT.count(old) == 1, "the breakage names one place"

    assert rule(Caddyfile.parse(TEXT.replace(old, new)))


def test_every_rule_has_a_breakage():
    """None is left untried."""
    assert {rule.__name__ for rule in RULES} == {name for name, _, _ in BREAKAGES}


@pytest.mark.parametrize(
    "line",
    ["encode zstd gzip", "log", "header -Server", "tls internal", "respond 404"],
)
def test_what_could_hold_back_or_write_down_is_thought_about_first(line):
    """Compressed streams wait for a full block, and an access log holds the addresses of /media/ and /webhooks/."""
    with pytest.raises(BadCaddyfile, match=r"is not understood here"):
        Caddyfile.parse(TEXT.replace("\trequest_body {", f"\t{line}\n\trequest_body {{"))


@pytest.mark.parametrize("end", ["\timport any_of web\n\t}", "\timport no_such web\n\t}\n}"])
def test_a_file_that_is_not_whole_is_refused(end):
    """A block that is not closed; a snippet that does not exist."""
    whole = "\timport any_of web\n\t}\n}"
    assert TEXT.count(whole) == 1

    with pytest.raises(BadCaddyfile):
        Caddyfile.parse(TEXT.replace(whole, end))


def test_a_block_that_was_never_opened_is_refused():
    """Nor is what follows read as if it belonged there."""
    with pytest.raises(BadCaddyfile, match="not opened"):
        Caddyfile.parse(TEXT + "}\n")
