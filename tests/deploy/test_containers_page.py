"""What people copy from the page on containers fits the files: names, paths, options and figures."""

from __future__ import annotations

import re
import shlex
from itertools import pairwise

import pytest

from bot.settings.names import all_settings, is_ours
from storage.schema_postgres import OLDEST_SERVER
from tests.deploy.cluster import COMPONENT, Cluster
from tests.deploy.compose import Compose
from tests.deploy.kustomize import build, identity
from tests.deploy.reading import ROOT, needed_to_stop_s, wrong_with_command

DEPLOY = ROOT / "deploy"
PAGE = (ROOT / "docs" / "howto" / "run-it-in-containers.md").read_text(encoding="utf-8")
GIVEN = {"DOMAIN": "reelbot.example"}
FILES = {
    name: Compose.read((DEPLOY / name).read_text(encoding="utf-8"), DEPLOY, GIVEN)
    for name in ("compose.yaml", "compose.scale.yaml")
}
SCALE = Cluster(build(DEPLOY / "kubernetes" / "overlays" / "scale"))


def commands(program):
    """Every command line of the page that begins so, in blocks and in sentences, as words."""
    blocks = "\n".join(re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL))
    lines = [*blocks.splitlines(), *re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL))]
    return [shlex.split(line, comments=True) for line in lines if line.startswith(program + " ")]


def after(words, option):
    """What stands behind each of this option."""
    return [value for word, value in pairwise(words) if word == option]


COMPOSE = [each for each in commands("docker compose") if len(each) > 2 and each[2:] != ["stop"]]
KUBECTL = commands("kubectl")


@pytest.mark.parametrize("words", COMPOSE, ids=" ".join)
def test_a_compose_command_names_services_that_are_there(words):
    """Of the file it names, or of the one that Compose takes by itself; and what runs inside is a command of ours."""
    file = FILES[(after(words, "-f") or ["compose.yaml"])[0]]
    rest = words[4:] if words[2] == "-f" else words[2:]
    verb, arguments = rest[0], rest[1:]

    assert verb in {"up", "exec", "cp", "run", "config"}
    for scaled in after(rest, "--scale"):
        assert scaled.partition("=")[0] in file.services
    named = [each for each in arguments if not each.startswith("-") and "=" not in each]
    if verb in {"exec", "run", "up"} and named:
        assert named[0] in file.services
    if verb == "cp":
        assert arguments[0].partition(":")[0] in file.services
    if verb == "exec" and named[1] == "reelbot":
        assert list(wrong_with_command([named[2]])) == []


def test_there_are_commands_to_look_at():
    """The page would pass without any."""
    assert len(COMPOSE) > 10
    assert len(KUBECTL) > 5


@pytest.mark.parametrize("words", KUBECTL, ids=" ".join)
def test_a_kubectl_command_names_what_is_there(words):
    """Objects and labels of the scaled installation, in the one namespace; the folder is the copy of the overlay."""
    known = {f"{kind.lower()}/{name}" for kind, name in map(identity, SCALE.manifests)}
    known |= {f"deployment/{name}" for kind, name in map(identity, SCALE.manifests) if kind == "Deployment"}
    assert words[:3] == ["kubectl", "--namespace", "reelbot"] or words[1:] in (
        ["create", "namespace", "reelbot"], ["kustomize"], ["exec", "deployment/reelbot-web", "--", "reelbot", "doctor"],
    )  # fmt: skip

    assert {word for word in words if re.fullmatch(r"(job|deployment)/\S+", word)} <= known
    assert set(after(words, "job")) <= {name for kind, name in map(identity, SCALE.manifests) if kind == "Job"}
    assert set(after(words, "-k")) <= {"overlays/ours"}
    components = {each["metadata"]["labels"][COMPONENT] for each in SCALE.manifests}
    for selector in after(words, "-l"):
        chosen = re.findall(r"[a-z]+(?=[,)]|$)", selector.partition("component")[2])
        assert set(chosen) <= components
        assert "app.kubernetes.io/name=reelbot" in selector or chosen


def test_the_database_comes_first_on_the_page_as_well():
    """Delete the last Job, apply it and what it needs, wait, apply the rest."""
    block = next(each for each in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) if "delete job" in each)
    steps = [line.split()[3] for line in block.splitlines()]

    assert steps == ["delete", "apply", "wait", "apply", "exec"]
    assert "(settings, migrate)" in block.splitlines()[1]


def test_every_file_that_is_named_is_there():
    """Seen from `deploy`, or from `deploy/kubernetes`; `ours` is the reader's copy of `scale`, and some files are the reader's."""
    own = {"reelbot.env", "reelbot-secrets.env"}
    named = set(re.findall(r"`((?:base|overlays|tests|deploy)/[\w./-]+\w|[\w.-]+\.(?:yaml|sh|example))`", PAGE)) - own

    assert len(named) > 10
    for each in named:
        path = each.replace("overlays/ours", "overlays/scale")
        places = [ROOT, DEPLOY, DEPLOY / "kubernetes", DEPLOY / "kubernetes" / "overlays" / "scale"]
        assert any((place / path).exists() for place in places), each


def test_every_service_is_explained():
    """In the table, and no other is."""
    table = PAGE[PAGE.index("| service |") :].partition("\n\n")[0]
    explained = {name for row in table.splitlines()[2:] for name in re.findall(r"`([a-z-]+)`", row.split("|")[1])}

    assert explained == set(FILES["compose.scale.yaml"].services)


def test_every_variable_of_the_compose_files_is_explained():
    """And nothing that none of them reads, but for the one that is Compose's own."""
    sentence = PAGE[PAGE.index("Variables that go into `.env`:") :].partition("\n\n")[0]
    explained = {each for each in re.findall(r"`([A-Z_]+)`", sentence) if not is_ours(each)}

    read = {name for each in FILES.values() for name in each.variables}
    assert explained - {"COMPOSE_PROFILES"} == read


def test_profiles_secrets_and_volumes_are_called_what_they_are():
    """What is written into `.env`, into `secrets/`, and what is backed up."""
    many, one = FILES["compose.scale.yaml"].document, FILES["compose.yaml"].document
    (profiles,) = re.findall(r"COMPOSE_PROFILES=([\w,]+)", PAGE)
    there = {profile for each in many["services"].values() for profile in each.get("profiles", [])}

    assert set(profiles.split(",")) == there
    assert {path.partition("/")[2] for path in re.findall(r"secrets/\w+", PAGE)} - {""} <= set(many["secrets"])
    for name in re.findall(r"`(reelbot(?:-scale)?_\w+)`", PAGE):
        project, _, volume = name.partition("_")
        assert any(each["name"] == project and volume in each["volumes"] for each in (one, many)), name


def test_every_setting_that_is_named_exists():
    """Also where a secret's file is meant."""
    named = set(re.findall(r"REELBOT_[A-Z0-9_]+", PAGE))

    assert named
    assert {each for each in named if each.removesuffix("_FILE") not in all_settings()} == set()


def test_figures_are_those_of_the_code_and_of_the_files():
    """How long stopping takes, the port of the metrics, the oldest PostgreSQL, what Caddy lets pass, Caddy's network."""
    found = [int(each) for each in re.findall(r"at most (\d+)", PAGE[PAGE.index("## Stopping") :].replace("\n", " "))]
    many = FILES["compose.scale.yaml"]

    assert sum(found) == needed_to_stop_s()
    assert "The files allow 45." in PAGE
    assert {each.get("stop_grace_period") for each in many.ours.values()} == {"45s"}
    assert f"PostgreSQL {OLDEST_SERVER} or newer" in PAGE
    assert f"`MAX_BODY` ({many.services['caddy']['environment']['MAX_BODY']};" in PAGE
    assert many.document["networks"]["edge"]["ipam"]["config"][0]["subnet"] in PAGE
    assert f"port {many.services['worker']['environment']['REELBOT_METRICS__PORT']}" in PAGE
