"""The compose files keep every rule of `compose_rules.py`, and every rule finds the file that breaks it."""

from __future__ import annotations

import re
import shutil
import socket
import stat
import subprocess
import sys
import threading

import pytest
import yaml

from tests.deploy.compose import Compose, environment
from tests.deploy.compose_rules import (
    RULES,
    every_name_leads_somewhere,
    images_are_named_by_version,
    it_keeps_the_compose_specification,
    wrong_with_example,
)
from tests.deploy.reading import ROOT, documents, is_secret_setting, needed_to_stop_s, seconds

DEPLOY = ROOT / "deploy"
ONE, MANY = "compose.yaml", "compose.scale.yaml"
TEXTS = {name: (DEPLOY / name).read_text(encoding="utf-8") for name in (ONE, MANY)}
GIVEN = {"DOMAIN": "reelbot.example"}
# (the rule that must object, the file, what is replaced, by what)
BREAKAGES = [
    ("it_keeps_the_compose_specification", ONE, "\n    cap_drop: [ALL]", "\n    cap_dropped: [ALL]"),
    ("it_keeps_the_compose_specification", MANY, "shm_size: 256m", "shm_size: [256m]"),
    ("it_keeps_the_compose_specification", ONE, "memory: 4G, pids", "memory: 4G, processes"),
    ("every_name_leads_somewhere", ONE, 'volumes: ["data:/data"]', 'volumes: ["date:/data"]'),
    ("every_name_leads_somewhere", MANY, "    networks: [panel, watch]", "    networks: [panels, watch]"),
    ("every_name_leads_somewhere", MANY, "secrets: [postgres_password]", "secrets: [postgres_passwort]"),
    ("every_name_leads_somewhere", MANY, "    depends_on: [prometheus]", "    depends_on: [prometheuss]"),
    ("every_name_leads_somewhere", MANY, "  caddy-config:\n  prometheus:", "  caddy-config:\n  caddy-logs:\n  prometheus:"),
    ("every_mounted_file_is_here_and_cannot_be_written", MANY, "./Caddyfile:/etc", "./Caddyfiles:/etc"),
    ("every_mounted_file_is_here_and_cannot_be_written", MANY, "alerts.yml:ro", "alerts.yml"),
    ("every_mounted_file_is_here_and_cannot_be_written", ONE, '"data:/data"', '"data:/data", "/var/run/docker.sock:/s"'),
    ("every_mounted_file_is_here_and_cannot_be_written", ONE, '"data:/data"', '"data:/data", "./../docs:/docs:ro"'),
    ("every_setting_exists_and_is_understood", MANY, "REELBOT_METRICS__HOST", "REELBOT_METRIC__HOST"),
    ("every_setting_exists_and_is_understood", MANY, 'REELBOT_METRICS__PORT: "9100"', 'REELBOT_METRICS__PORT: "91000"'),
    ("every_setting_exists_and_is_understood", MANY, "${MEDIA_URL:-file:///media}", "${MEDIA_URL:-/media}"),
    ("every_setting_exists_and_is_understood", MANY, "    REELBOT_MEDIA_URL:", "    REELBOT_MEDIA_URL_FILE:"),
    ("every_setting_exists_and_is_understood", MANY, "${MEDIA_URL:-file", "${REELBOT_MEDIA:-file"),
    ("secrets_come_from_files", MANY, "_SECRET_KEY_FILE: /run/secrets/secret_key", "_SECRET_KEY: 0123456789abcdef"),
    ("secrets_come_from_files", MANY, "POSTGRES_PASSWORD_FILE: /run/secrets/postgres_password", "POSTGRES_PASSWORD: reelbot"),
    ("secrets_come_from_files", MANY, "    - database_url\n", ""),
    ("secrets_come_from_files", MANY, "{file: secrets/admin_token}", "{environment: ADMIN_TOKEN}"),
    ("images_are_named_by_version", ONE, "${IMAGE:-reelbot:dev}", "${IMAGE:-reelbot:latest}"),
    ("images_are_named_by_version", ONE, "${IMAGE:-reelbot:dev}", "reelbot:dev"),
    ("images_are_named_by_version", MANY, "postgres:18.4-trixie", "postgres:latest"),
    ("images_are_named_by_version", MANY, "prom/prometheus:v3.5.0", "prom/prometheus"),
    ("nobody_can_do_more_than_he_must", ONE, "read_only: true", "read_only: false"),
    ("nobody_can_do_more_than_he_must", ONE, "\n    cap_drop: [ALL]", "\n    cap_drop: [NET_RAW]"),
    ("nobody_can_do_more_than_he_must", ONE, 'security_opt: ["no-new-privileges:true"]\n    deploy', 'security_opt: ["seccomp:unconfined"]\n    deploy'),
    ("nobody_can_do_more_than_he_must", ONE, "\n    cap_drop: [ALL]", "\n    cap_drop: [ALL]\n    privileged: true"),
    ("nobody_can_do_more_than_he_must", MANY, "cap_add: [CHOWN]", "cap_add: [CHOWN, SYS_ADMIN]"),
    ("nobody_can_do_more_than_he_must", MANY, 'user: "999:999"', 'user: "0:0"'),
    ("everything_is_limited", ONE, ", memory: 4G", ""),
    ("everything_is_limited", MANY, '{cpus: "1", memory: 256M, pids: 128}', '{cpus: "1", memory: 256M}'),
    ("there_is_time_to_finish", ONE, "stop_grace_period: 45s", "stop_grace_period: 30s"),
    ("there_is_time_to_finish", ONE, "    stop_grace_period: 45s\n", ""),
    ("commands_and_roles_exist", MANY, "--roles, worker]", "--roles, workers]"),
    ("commands_and_roles_exist", MANY, "command: [db, upgrade]", "command: [db, migrate]"),
    ("commands_and_roles_exist", ONE, "\n    restart: unless", "\n    command: [serve]\n    restart: unless"),
    ("chats_come_only_when_asked_for", MANY, "    profiles: [discord]\n", ""),
    ("chats_come_only_when_asked_for", MANY, "--roles, web]", '--roles, "web,slack"]'),
    ("who_runs_for_ever_is_started_again_and_who_ends_is_not", ONE, "\n    restart: unless-stopped", '\n    restart: "no"'),
    (
        "who_runs_for_ever_is_started_again_and_who_ends_is_not", MANY,
        'command: [db, upgrade]\n    restart: "no"', "command: [db, upgrade]",
    ),
    (
        "the_database_is_brought_up_to_date_first", MANY,
        "migrate: {condition: service_completed_successfully}", "migrate: {condition: service_started}",
    ),
    ("the_database_is_brought_up_to_date_first", MANY, "postgres: {condition: service_healthy}", "postgres: {condition: service_started}"),
    ("the_database_is_out_of_reach", MANY, "  database:\n    internal: true", "  database:\n    internal: false"),
    ("the_database_is_out_of_reach", MANY, "    networks: [edge]\n", "    networks: [edge, database]\n"),
    ("the_database_is_out_of_reach", MANY, "    shm_size: 256m", '    ports: ["127.0.0.1:5432:5432"]'),
    ("the_database_is_out_of_reach", ONE, "127.0.0.1:8080:8080", "8080:8080"),
    ("the_database_is_out_of_reach", MANY, "127.0.0.1:3000:3000", "0.0.0.0:3000:3000"),
    ("everybody_reaches_whom_he_needs", MANY, "networks: [edge, database, watch]\n    deploy:\n      replicas: 2\n      resources:\n        #", "networks: [edge, watch]\n    deploy:\n      replicas: 2\n      resources:\n        #"),
    ("everybody_reaches_whom_he_needs", MANY, "[run, --roles, worker]\n    networks: [outside, ", "[run, --roles, worker]\n    networks: ["),
    ("everybody_reaches_whom_he_needs", MANY, "networks: [panel, watch]", "networks: [watch]"),
    ("everybody_reaches_whom_he_needs", MANY, "networks: [panel, watch]", "networks: [panel]"),
    ("health_is_asked_where_it_is_told", MANY, "(('localhost', 9100), 2)", "(('localhost', 8080), 2)"),
    ("health_is_asked_where_it_is_told", MANY, "networks: [database]\n    depends_on:\n      postgres: {condition: service_healthy}\n      media-owner: {condition: service_completed_successfully}\n    healthcheck: {disable: true}", "networks: [database]\n    depends_on:\n      postgres: {condition: service_healthy}\n      media-owner: {condition: service_completed_successfully}"),
    ("health_is_asked_where_it_is_told", MANY, "test: [CMD, pg_isready, --quiet, --host=127.0.0.1, --username=reelbot, --dbname=reelbot]", "disable: true"),
    ("health_is_asked_where_it_is_told", ONE, "\n    restart: unless", '\n    healthcheck: {test: [CMD, "true"]}\n    restart: unless'),
    ("what_is_published_is_listened_on", ONE, "127.0.0.1:8080:8080", "127.0.0.1:8080:80"),
    ("there_is_room_where_it_writes", ONE, '    tmpfs: ["/tmp"]\n', ""),
    ("there_is_room_where_it_writes", ONE, '"data:/data"', '"data:/dat"'),
    ("there_is_room_where_it_writes", ONE, '"data:/data"', '"/data"'),
    ("there_is_room_where_it_writes", MANY, '["/data", "media:/media"]', '["/data"]'),
    ("there_is_room_where_it_writes", MANY, '["/data", "media:/media"]', '["media:/data", "media:/media"]'),
    ("only_the_proxy_says_whom_it_speaks_for", MANY, "TRUSTED_PROXIES: ${EDGE_SUBNET:-172.30.250.0/24}", "TRUSTED_PROXIES: 172.16.0.0/12"),
    ("only_the_proxy_says_whom_it_speaks_for", MANY, "networks: [panel, watch]", "networks: [edge, watch]"),
    ("prometheus_finds_every_process", MANY, "\n  discord:\n", "\n  disco:\n"),
    ("prometheus_finds_every_process", MANY, '"9100"', '"9101"'),
    ("prometheus_finds_every_process", MANY, "      - ./prometheus/alerts.yml:/etc/prometheus/alerts.yml:ro\n", ""),
    ("prometheus_finds_every_process", MANY, "    networks: [watch]\n", "    networks: [panel]\n"),
    ("grafana_shows_our_dashboard", MANY, "/etc/grafana/dashboards/reelbot.json", "/etc/grafana/boards/reelbot.json"),
    ("grafana_shows_our_dashboard", MANY, "    networks: [watch]\n", "    networks: [database]\n"),
]  # fmt: skip


def a_compose(name, old="", new=""):
    return Compose.read(TEXTS[name].replace(old, new) if old else TEXTS[name], DEPLOY, GIVEN)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("name", TEXTS)
def test_the_compose_file_keeps_the_rule(rule, name):
    """Whoever changes it is told which promise breaks."""
    assert rule(a_compose(name)) == []


@pytest.mark.parametrize(("rule_name", "name", "old", "new"), BREAKAGES)
def test_the_rule_objects_when_it_is_broken(rule_name, name, old, new):
    """A rule that cannot fail would promise nothing."""
    (rule,) = [each for each in RULES if each.__name__ == rule_name]
    assert TEXTS[name].count(old) == 1, "the breakage names one place"

    assert rule(a_compose(name, old, new))


def test_every_rule_has_a_breakage():
    """None is left untried."""
    assert {rule.__name__ for rule in RULES} == {each[0] for each in BREAKAGES}


def test_the_proxy_in_the_comment_only_needs_its_marks_taken_away():
    """Nobody tries a hint before it is needed."""
    shown = re.sub(r"^  # (?=caddy|  )", "  ", TEXTS[ONE], flags=re.MULTILINE)

    found = Compose.read(shown, DEPLOY, GIVEN)

    assert set(found.services) == {"reelbot", "caddy"}
    assert it_keeps_the_compose_specification(found) == every_name_leads_somewhere(found) == []
    assert images_are_named_by_version(found) == []
    assert found.services["caddy"]["command"][-1] == "reelbot:8080"


def test_a_domain_has_to_be_said():
    """Rather than links and certificates for a name that is nobody's."""
    with pytest.raises(ValueError, match="DOMAIN is not given"):
        Compose.read(TEXTS[MANY], DEPLOY, {})


def test_what_is_asked_for_by_a_variable_is_filled_in():
    """As Docker Compose does it: given, else the default, and two dollars are one."""
    text = "services: {a: {image: '${A:-one}-${B}-$$C'}}"

    found = Compose.read(text, DEPLOY, {"B": "two"})

    assert found.services["a"]["image"] == "one-two-$C"
    assert found.variables == {"A", "B"}


@pytest.mark.parametrize("text", ["a: $B", "a: ${B-c}", "a: ${B?c}", "a: ${B:+c}"])
def test_a_variable_written_in_another_way_is_refused(text):
    """Rather than checked as if it were plain text."""
    with pytest.raises(ValueError, match="B"):
        Compose.read(text, DEPLOY, {})


def test_a_name_that_is_there_twice_is_refused():
    """The last would win silently; what is merged in may be overridden."""
    with pytest.raises(yaml.YAMLError, match="a is there twice, line 1"):
        documents("a: 1\na: 2\n")

    assert documents("x: &x {a: 1, b: 2}\ny: {<<: *x, a: 3}\nz: {<<: *x}")[0]["y"] == {"a": 3, "b": 2}


def test_durations_are_read_as_docker_writes_them():
    """And a number without a unit is none."""
    assert (seconds("1m30s"), seconds("500ms"), seconds("45s")) == (90, 0.5, 45)
    with pytest.raises(ValueError, match="'45' is no duration"):
        seconds("45")


def test_a_process_is_given_what_the_code_may_take():
    """The figures that the files and the page are compared with."""
    assert needed_to_stop_s() == 35


@pytest.mark.parametrize(("answer", "code"), [(b"200 OK", 0), (b"503 Service Unavailable", 1)])
def test_the_probe_tells_well_from_unwell(answer, code):
    """It is run, as the container would run it, against a server that answers so."""
    words = a_compose(MANY).services["worker"]["healthcheck"]["test"]
    asked = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            connection, _ = server.accept()
            with connection:
                asked.append(connection.recv(1000))
                connection.sendall(b"HTTP/1.1 " + answer + b"\r\n\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        port = str(server.getsockname()[1])
        program = words[-1].replace("9100", port).replace("'localhost'", "'127.0.0.1'")
        done = subprocess.run([sys.executable, *words[2:-1], program], check=False)
        thread.join()

    assert words[:2] == ["CMD", "python"]
    assert done.returncode == code
    assert asked[0].startswith(b"GET /livez HTTP/1.0\r\nHost: localhost\r\n")


def test_a_probe_that_nobody_answers_fails():
    """Whatever was there has gone."""
    words = a_compose(MANY).services["worker"]["healthcheck"]["test"]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # held and not listened on: nobody else can take it meanwhile
        program = words[-1].replace("9100", str(taken.getsockname()[1])).replace("'localhost'", "'127.0.0.1'")

        done = subprocess.run([sys.executable, *words[2:-1], program], check=False, capture_output=True)

    assert done.returncode != 0


def test_every_secret_is_made_once_and_read_by_its_container_only(tmp_path):
    """The script makes each file that the compose file hands in, and never touches one again."""
    folder = tmp_path / "secrets"
    script = ["sh", str(DEPLOY / "make-secrets.sh"), str(folder)]

    subprocess.run(script, check=True, capture_output=True)
    first = {each.name: each.read_text() for each in folder.iterdir()}
    again = subprocess.run(script, check=True, capture_output=True)

    assert first.keys() == a_compose(MANY).document["secrets"].keys()
    assert {each.name: each.read_text() for each in folder.iterdir()} == first
    assert again.stdout == b""
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(each.stat().st_mode) for each in folder.iterdir()} == {0o644}
    random = [value for name, value in first.items() if value and name != "database_url"]
    assert len({*random}) == 4
    assert {len(value) for value in random} == {64}
    assert first["database_url"] == f"postgresql://reelbot:{first['postgres_password']}@postgres:5432/reelbot"


def test_without_random_numbers_no_secret_is_made(tmp_path):
    """An empty one would be worse than none."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("dirname", "mkdir", "chmod", "cat", "mv", "tr", "sh"):
        (tools / name).symlink_to(shutil.which(name))
    (tools / "od").write_text("#!/bin/sh\nexit 1\n")
    (tools / "od").chmod(0o755)

    done = subprocess.run(
        [str(tools / "sh"), str(DEPLOY / "make-secrets.sh"), str(tmp_path / "secrets")],
        check=False, capture_output=True, env={"PATH": str(tools)},
    )  # fmt: skip

    assert done.returncode != 0
    assert list((tmp_path / "secrets").iterdir()) == []


def test_the_example_of_settings_sets_nothing_and_names_what_there_is():
    """A copy of it changes nothing until somebody takes a # away."""
    text = (DEPLOY / "reelbot.env.example").read_text(encoding="utf-8")

    assert list(wrong_with_example(text)) == []


@pytest.mark.parametrize(
    "line",
    ["REELBOT_TIMEZONE=UTC", "#REELBOT_TIME=UTC", "#REELBOT_DISCORD__TOKEN=abc", "#REELBOT_TIMEZONE_FILE=a", "a word"],
)
def test_an_example_that_misleads_is_found(line):
    """Set, misspelt, with a secret in it, with a file for what is none, or nothing at all."""
    assert list(wrong_with_example(line))


def test_secrets_named_in_the_example_are_handed_in_under_the_setting_they_are_meant_for():
    """`/run/secrets/discord_token` is `REELBOT_DISCORD__TOKEN`, and no other file is."""
    text = (DEPLOY / "reelbot.env.example").read_text(encoding="utf-8")
    named = dict(line[1:].split("=") for line in text.splitlines() if "_FILE=" in line)
    worker = a_compose(MANY).services["worker"]
    set_already = {name for name in environment(worker) if name.endswith("_FILE")}

    assert all(is_secret_setting(name.removesuffix("_FILE")) for name in named)
    for name, path in named.items():
        words = name.removeprefix("REELBOT_").removesuffix("_FILE").lower().split("__")
        assert path == f"/run/secrets/{'_'.join(words)}"
    handed = {f"/run/secrets/{each}" for each in worker["secrets"]}
    assert handed == {*named.values(), *(environment(worker)[name] for name in set_already)}


def test_nothing_of_an_installation_gets_into_the_repository():
    """Its settings, its secrets, its domain."""
    ignored = (DEPLOY / ".gitignore").read_text(encoding="utf-8").splitlines()

    assert {"/.env", "/reelbot.env", "/secrets/"} <= set(ignored)
