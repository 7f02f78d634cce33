"""The Dockerfile keeps every rule of `rules.py`, and every rule finds the Dockerfile that breaks it."""

from __future__ import annotations

import re
import shlex
from inspect import signature
from itertools import pairwise

import pytest

from adapters.chat.web.listening import GRACE_S
from adapters.engine.embedded import EmbeddedEngine
from tests.deploy.rules import ROOT, RULES, Build
from tools.dockerfile import BadDockerfile, Ignored, parse

DOCKERFILE = (ROOT / "Dockerfile").read_text()
IGNORED = (ROOT / ".dockerignore").read_text()
# (the rule that must object, what is replaced, by what); in the Dockerfile, or else in .dockerignore.
BREAKAGES = [
    ("every_copied_path_exists_and_is_not_ignored", "COPY bot bot", "COPY bots bot"),
    ("every_copied_path_exists_and_is_not_ignored", "\n!storage", ""),
    ("every_copied_path_exists_and_is_not_ignored", "!requirements/build.txt\n", ""),
    ("nothing_else_of_a_checkout_enters", "\n*\n", "\n"),
    ("nothing_else_of_a_checkout_enters", "**/__pycache__\n", ""),
    ("nothing_else_of_a_checkout_enters", "**/.env*\n", "**/.env\n"),
    ("nothing_else_of_a_checkout_enters", "**/*.db*\n", "*.db*\n"),
    ("nothing_else_of_a_checkout_enters", "!requirements/build.txt", "!requirements"),
    ("nothing_else_of_a_checkout_enters", "\n!storage", "\n!storage\n!tests"),
    ("the_base_is_a_named_version_that_can_be_exchanged", "python:3.13-slim-trixie\n\n", "python:latest\n\n"),
    ("the_base_is_a_named_version_that_can_be_exchanged", "python:3.13-slim-trixie\n\n", "python:3.10-slim-trixie\n\n"),
    ("the_base_is_a_named_version_that_can_be_exchanged", "python:3.13-slim-trixie\n\n", "python:3-slim\n\n"),
    ("the_base_is_a_named_version_that_can_be_exchanged", "FROM ${PYTHON_IMAGE}\n", "FROM python:3.13-slim-trixie\n"),
    ("everything_from_a_registry_is_hashed", "--no-compile --require-hashes -r requirements/runtime", "-r requirements/runtime"),
    ("everything_from_a_registry_is_hashed", "-r requirements/build.txt", "-r requirements/dev.txt"),
    ("everything_from_a_registry_is_hashed", "-r requirements/build.txt", "-r README.md"),
    ("everything_from_a_registry_is_hashed", "--no-deps --no-index /wheels", "--no-deps /wheels"),
    ("debian_brings_only_what_is_named_and_leaves_no_lists", " --no-install-recommends", ""),
    ("debian_brings_only_what_is_named_and_leaves_no_lists", " \\\n && rm -rf /var/lib/apt/lists/*", ""),
    ("the_final_stage_copies_the_environment_and_the_licences_only", "COPY LICENSE NOTICE /app/", "COPY . /app/"),
    ("the_final_stage_copies_the_environment_and_the_licences_only", "=build /app /app", "=build / /"),
    ("nothing_can_be_installed_in_the_image", " && /app/bin/python -m pip uninstall --yes pip \\\n", ""),
    ("nothing_can_be_installed_in_the_image", " /usr/local/lib/python3.*/ensurepip", ""),
    ("nothing_can_be_installed_in_the_image", " \\\n && /app/bin/python -m compileall", " \\\n && /app/bin/python -m pip check"),
    ("all_bytecode_is_made_at_build_time", "unchecked-hash /app/lib", "timestamp /app/lib"),
    ("all_bytecode_is_made_at_build_time", "unchecked-hash /usr/local/lib", "unchecked-hash /usr/lib"),
    ("all_bytecode_is_made_at_build_time", " PYTHONDONTWRITEBYTECODE=1", ""),
    ("it_runs_as_a_numbered_user_that_owns_the_data", "USER 10001:10001", "USER reelbot"),
    ("it_runs_as_a_numbered_user_that_owns_the_data", "USER 10001:10001\n", ""),
    ("it_runs_as_a_numbered_user_that_owns_the_data", "USER 10001:10001", "USER 0:0"),
    ("it_runs_as_a_numbered_user_that_owns_the_data", "chown 10001:10001", "chown 10002:10002"),
    ("it_runs_as_a_numbered_user_that_owns_the_data", "RUN groupadd", "VOLUME /data\nRUN groupadd"),
    ("it_runs_as_a_numbered_user_that_owns_the_data", "WORKDIR /data", "RUN mkdir later\nWORKDIR /data"),
    ("the_data_directory_is_one_place", "REELBOT_DATA_DIR=/data", "REELBOT_DATA_DIR=/var/data"),
    ("the_data_directory_is_one_place", "VOLUME /data", "VOLUME /app"),
    ("the_data_directory_is_one_place", " && chmod 700 /data", ""),
    ("no_shell_stands_between", 'CMD ["run"]', "CMD run"),
    ("no_shell_stands_between", 'ENTRYPOINT ["tini", "--", "reelbot"]', "ENTRYPOINT reelbot"),
    ("no_shell_stands_between", "recommends tini", "recommends dumb-init"),
    ("no_shell_stands_between", 'CMD ["python", "-I"', 'CMD ["python" "-I"'),
    ("it_is_stopped_by_sigterm", "STOPSIGNAL SIGTERM", "STOPSIGNAL SIGINT"),
    ("it_is_stopped_by_sigterm", "STOPSIGNAL SIGTERM\n", ""),
    ("every_setting_in_it_exists", "REELBOT_WEB__HOST", "REELBOT_WEB_HOST"),
    ("every_setting_in_it_exists", "'REELBOT_WEB__PORT'", "'REELBOT_PORT'"),
    ("the_port_is_the_default_one", "EXPOSE 8080", "EXPOSE 8000"),
    ("the_port_is_the_default_one", "or 8080)", "or 80)"),
    ("the_probe_leaves_time_to_start_and_is_not_asked_all_the_time", " --start-period=20s", ""),
    ("no_secret_is_baked_in", "EXPOSE 8080", "ENV REELBOT_WEB__ADMIN_TOKEN=swordfish"),
    ("no_secret_is_baked_in", "WORKDIR /src", "ARG PIP_INDEX_URL"),
    ("no_secret_is_baked_in", "COPY bot bot", "ADD https://example.com/bot.tar.gz bot"),
    ("its_labels_say_what_it_is", '"MIT AND GPL-2.0-or-later AND LGPL-3.0-or-later"', '"MIT"'),
    ("its_labels_say_what_it_is", '"${VERSION}"', '"1.0"'),
    ("its_labels_say_what_it_is", "ARG VERSION=unknown\n", ""),
    ("its_labels_say_what_it_is", "COPY --from=build", "ARG VERSION\nCOPY --from=build"),
]  # fmt: skip


def a_build(dockerfile=DOCKERFILE, ignored=IGNORED):
    return Build(dockerfile=parse(dockerfile), ignored=Ignored.parse(ignored))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_dockerfile_keeps_the_rule(rule):
    """Whoever changes the Dockerfile is told which promise breaks."""
    assert rule(a_build()) == []


@pytest.mark.parametrize(("name", "old", "new"), BREAKAGES)
def test_the_rule_objects_when_it_is_broken(name, old, new):
    """A rule that cannot fail would promise nothing."""
    (rule,) = [each for each in RULES if each.__name__ == name]
    texts = [DOCKERFILE, IGNORED]
    assert [text.count(old) for text in texts] in ([1, 0], [0, 1]), "the breakage names one place"

    broken = a_build(*(text.replace(old, new) for text in texts))

    assert rule(broken)


def test_every_rule_has_a_breakage():
    """None is left untried."""
    assert {rule.__name__ for rule in RULES} == {name for name, _, _ in BREAKAGES}


def test_lines_are_joined_and_comments_between_them_are_left_out():
    """As Docker reads them; the line number is where the instruction begins."""
    text = "ARG A=1\nFROM base:${A} AS one\nRUN first \\\n # why\n\n && second\n"

    found = parse(text)

    (run,) = found.stages[0].instructions
    assert (run.line, run.commands) == (3, ["first", "second"])
    assert (found.base(found.stages[0]), found.stages[0].name) == ("base:1", "one")


def test_flags_pairs_and_exec_forms_are_read():
    """The three shapes an instruction takes."""
    text = (
        "FROM base\nENV A=1 B='two words'\nCOPY --from=one --chmod=644 a b/\n"
        'HEALTHCHECK --retries=2 CMD ["a", "\\\\r"]\nCMD run it\n'
    )

    env, copy, health, command = parse(text).final.instructions

    assert env.pairs == {"A": "1", "B": "two words"}
    assert (copy.flags, copy.words) == ({"from": "one", "chmod": "644"}, ["a", "b/"])
    assert (health.flags, health.array) == ({"retries": "2"}, ["a", "\\r"])
    assert (command.array, command.words) == (None, ["run", "it"])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "RUN a",
        "FROM a\nRUNN b",
        "FROM a\nRUN b \\\n",
        "FROM a\nRUN <<EOF\nEOF\n",
        "FROM a as b c",
        "FROM a\nMAINTAINER x",
    ],
)
def test_what_the_reader_does_not_know_it_refuses(text):
    """Rather than check half of a file."""
    with pytest.raises(BadDockerfile):
        parse(text)


@pytest.mark.parametrize(
    ("rules", "path", "stays_outside"),
    [
        ("*", "a/b", True),
        ("*\n!a", "a/b", False),
        ("*\n!a\n**/c", "a/b/c", True),
        ("*\n!a\n**/c", "c", True),
        ("*.db", "a/x.db", False),
        ("**/*.db", "a/x.db", True),
        ("# a\n/a/", "a/b", True),
        ("a?", "ab", True),
        ("a?", "a/b", False),
        ("!a\n*", "a", True),
    ],
)
def test_the_last_fitting_line_of_a_dockerignore_decides(rules, path, stays_outside):
    """Also for what lies in a folder that fits."""
    assert Ignored.parse(rules).covers(path) is stays_outside


def test_the_page_runs_it_as_it_was_checked():
    """The line that people copy: nothing to write on, nothing to gain, only this machine, and time to drain."""
    page = (ROOT / "docs" / "howto" / "run-it-as-a-service.md").read_text()
    line = page[page.index("docker run --detach") :].partition("\n```")[0].partition("\ndocker exec")[0]
    found = shlex.split(line.replace("\\\n", " "))

    given = dict(pairwise(found))
    assert "--read-only" in found
    assert (given["--tmpfs"], given["--cap-drop"], given["--security-opt"]) == ("/tmp", "ALL", "no-new-privileges")
    assert given["--volume"].endswith(f":{parse(DOCKERFILE).final.environment['REELBOT_DATA_DIR']}")
    assert given["--publish"] == "127.0.0.1:8080:8080"
    drain_s = signature(EmbeddedEngine.run).parameters["drain_s"].default
    assert int(given["--stop-timeout"]) >= drain_s + GRACE_S


def test_make_image_gives_the_arguments_the_labels_ask_for():
    """A misspelt build argument is a warning that nobody reads."""
    makefile = (ROOT / "Makefile").read_text()
    recipe = makefile[makefile.index("\nimage:") :].partition("\n\n")[0]

    given = re.findall(r"--build-arg (\w+)=", recipe)

    assert given == [name for each in parse(DOCKERFILE).final.all("ARG") for name in each.pairs]
