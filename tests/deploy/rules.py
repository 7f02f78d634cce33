"""What our Dockerfile promises, one function per promise: each returns what is wrong, and nothing when all is well."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from bot.settings.names import all_settings
from tools.dockerfile import Dockerfile, Ignored, Instruction, Stage

ROOT = Path(__file__).parents[2]
SECRETIVE = re.compile(r"key|token|secret|passw|credential|index_url", re.IGNORECASE)
PRIVATE = (
    ".git/config", ".env", ".venv/bin/python", "reelbot-data/reelbot.db", "reelbot-data/secret-key", "tests/house.py",
    "docs/README.md", "requirements/dev.txt", "Dockerfile", ".hypothesis/examples/a", "reelbot.toml", "dist/a.whl",
    "bot/.env", "bot/.env.local", "storage/reelbot.db", "storage/reelbot.db-wal", "bot/jobs/__pycache__/a.pyc",
    "adapters/secret-key", "adapters/admin-token",
)  # fmt: skip
"""What a checkout that is worked in may hold, and no image may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """A Dockerfile and what enters with it."""

    dockerfile: Dockerfile
    ignored: Ignored
    context: Path = ROOT

    @property
    def final(self) -> Stage:
        """The stage that becomes the image."""
        return self.dockerfile.final

    @property
    def from_context(self) -> list[str]:
        """Every path that is copied out of the checkout."""
        copies = [each for stage in self.dockerfile.stages for each in stage.all("COPY") if "from" not in each.flags]
        return [source for each in copies for source in each.words[:-1]]

    @property
    def commands(self) -> list[str]:
        """Every simple command of every RUN."""
        return [each for stage in self.dockerfile.stages for run in stage.all("RUN") for each in run.commands]


def every_copied_path_exists_and_is_not_ignored(build: Build) -> list[str]:
    """A build that stops at a COPY is found here, not in a pipeline."""
    missing = [f"there is no {each}" for each in build.from_context if not (build.context / each).exists()]
    return missing + [f"{each} is ignored" for each in build.from_context if build.ignored.covers(each)]


def nothing_else_of_a_checkout_enters(build: Build) -> list[str]:
    """Tests, history, data and keys stay outside; so does everything at the top that no COPY names."""
    tops = [
        each.name for each in build.context.iterdir() if each.name not in {Path(c).parts[0] for c in build.from_context}
    ]
    return [f"{each} enters the build" for each in (*PRIVATE, *tops) if not build.ignored.covers(each)]


def the_base_is_a_named_version_that_can_be_exchanged(build: Build) -> list[str]:
    """One argument with a default names it for every stage: a version of Python we support, never `latest`."""
    wrong = [f"{stage.base} is no argument" for stage in build.dockerfile.stages if stage.base != "${PYTHON_IMAGE}"]
    for stage in build.dockerfile.stages:
        version = re.fullmatch(r"python:3\.(\d+)-slim-[a-z]+", build.dockerfile.base(stage))
        if version is None or int(version[1]) < 11:
            wrong.append(f"{build.dockerfile.base(stage)} is no slim Python from 3.11 on with its Debian named")
    return wrong


def everything_from_a_registry_is_hashed(build: Build) -> list[str]:
    """pip installs from a lock with hashes, or from what is already here."""
    wrong = []
    for command in build.commands:
        words = shlex.split(command)
        if "pip" not in words or not {"install", "wheel", "download"} & set(words) or words[0] == "apt-get":
            continue
        locks = [after for word, after in pairwise(words) if word in ("-r", "--requirement")]
        if "--require-hashes" not in words and "--no-index" not in words:
            wrong.append(f"not hashed: {command}")
        wrong += [f"{each} is not copied" for each in locks if each not in build.from_context]
        wrong += [f"{each} is no hashed lock" for each in locks if not _is_hashed(build.context / each)]
    return wrong


def _is_hashed(lock: Path) -> bool:
    if not lock.exists():
        return False
    blocks = re.split(r"\n(?=[a-z0-9])", re.sub(r"(?m)^ *#.*\n", "", lock.read_text()).strip())
    return all(re.match(r"[a-z0-9._-]+(\[.*?\])?==", each) and "--hash=sha256:" in each for each in blocks)


def debian_brings_only_what_is_named_and_leaves_no_lists(build: Build) -> list[str]:
    """No recommended packages, and the lists go in the layer that fetched them."""
    wrong = []
    for run in build.final.all("RUN"):
        installs = [each for each in run.commands if each.startswith("apt-get install")]
        wrong += [f"recommends more: {each}" for each in installs if "--no-install-recommends" not in each]
        if "apt-get" in run.text and run.commands[-1] != "rm -rf /var/lib/apt/lists/*":
            wrong.append("the lists stay in the layer")
    return wrong


def the_final_stage_copies_the_environment_and_the_licences_only(build: Build) -> list[str]:
    """No source, no lock, no build tool: what runs is the installed wheel."""
    found = [(each.flags.get("from"), *each.words) for each in build.final.all("COPY", "ADD")]
    wanted = [("build", "/app", "/app"), (None, "LICENSE", "NOTICE", "/app/")]
    return [] if found == wanted else [f"copied: {found}"]


def nothing_can_be_installed_in_the_image(build: Build) -> list[str]:
    """pip leaves the environment after its last work, and the base image's goes as well."""
    commands = build.commands
    gone = "/app/bin/python -m pip uninstall --yes pip"
    wrong = [] if gone in commands else ["pip stays in /app"]
    if gone in commands:
        later = [each for each in commands[commands.index(gone) + 1 :] if "/app/bin/python -m pip" in each]
        wrong += [f"pip is used after it went: {each}" for each in later]
    bases = [each for run in build.final.all("RUN") for each in run.commands if each.startswith("rm -rf /usr/local")]
    for place in (
        "/usr/local/lib/python3.*/site-packages/*",
        "/usr/local/lib/python3.*/ensurepip",
        "/usr/local/bin/pip*",
    ):
        wrong += [] if any(place in each for each in bases) else [f"{place} stays"]
    return wrong


def all_bytecode_is_made_at_build_time(build: Build) -> list[str]:
    """Ours and the standard library's: a read-only root takes none later, and whoever starts would compile each time."""
    compiled = [each for each in build.commands if "-m compileall" in each]
    wrong = [
        f"{place} is not compiled"
        for place in ("/app/lib", "/usr/local/lib")
        if not any(each.endswith(f" {place}") for each in compiled)
    ]
    wrong += [f"depends on times: {each}" for each in compiled if "--invalidation-mode unchecked-hash" not in each]
    if build.final.environment.get("PYTHONDONTWRITEBYTECODE") != "1":
        wrong.append("Python tries to write bytecode")
    return wrong


def it_runs_as_a_numbered_user_that_owns_the_data(build: Build) -> list[str]:
    """A number, so that Kubernetes can see it is not root; the owner is set before the volume is declared."""
    users, volume = build.final.all("USER"), next(iter(build.final.all("VOLUME")), None)
    if not users or volume is None:
        return ["no user, or no volume"]
    wrong = []
    numbers = re.fullmatch(r"([1-9]\d{3,}):([1-9]\d{3,})", users[-1].text)
    if numbers is None or len(users) != 1:
        return [f"USER {users[-1].text}"]
    chown = f"chown {users[-1].text} {volume.words[0]}"
    owning = [each.line for each in build.final.all("RUN") if chown in each.commands]
    if not owning:
        return [f"nobody says {chown}"]
    if not owning[-1] < users[-1].line < volume.line:
        wrong.append("the order is not: owner, user, volume")
    if any(each.line > users[-1].line for each in build.final.all("RUN", "COPY")):
        wrong.append("something is made after the user was set")
    return wrong


def the_data_directory_is_one_place(build: Build) -> list[str]:
    """The volume, the setting and the working directory name the same, and nobody else may read it."""
    volume, workdir = build.final.last("VOLUME"), build.final.last("WORKDIR")
    named = {
        volume.words[0] if volume else None,
        workdir.text if workdir else None,
        build.final.environment.get("REELBOT_DATA_DIR"),
    }
    wrong = [] if named == {"/data"} else [f"they differ: {named}"]
    return wrong + ([] if "chmod 700 /data" in build.commands else ["others may read it"])


def no_shell_stands_between(build: Build) -> list[str]:
    """A shell would keep SIGTERM for itself; tini hands it on, and is installed."""
    wrong = []
    for word in ("ENTRYPOINT", "CMD", "HEALTHCHECK"):
        found = build.final.last(word)
        if found is None or found.array is None:
            wrong.append(f"{word} is not in exec form")
    entry = build.final.last("ENTRYPOINT")
    if entry and (entry.array or [])[:2] != ["tini", "--"]:
        wrong.append("ENTRYPOINT does not begin with tini")
    if not any(each.startswith("apt-get install") and "tini" in shlex.split(each) for each in build.commands):
        wrong.append("tini is not installed")
    return wrong


def it_is_stopped_by_sigterm(build: Build) -> list[str]:
    """What `reelbot run` listens for."""
    found = build.final.last("STOPSIGNAL")
    return [] if found and found.text == "SIGTERM" else [f"STOPSIGNAL {found.text if found else 'missing'}"]


def every_setting_in_it_exists(build: Build) -> list[str]:
    """A misspelt one would stop the start."""
    names = [each for each in build.final.environment if each.startswith("REELBOT_")]
    probe = build.final.last("HEALTHCHECK")
    names += re.findall(r"REELBOT_\w+", probe.text if probe else "")
    return [f"there is no setting {each}" for each in names if each not in all_settings()]


def the_port_is_the_default_one(build: Build) -> list[str]:
    """The one it exposes, and the one it is asked at when no setting names another."""
    default = str(all_settings()["REELBOT_WEB__PORT"].default)
    exposed, probe = build.final.last("EXPOSE"), build.final.last("HEALTHCHECK")
    wrong = [] if exposed and exposed.text == default else [f"EXPOSE {exposed.text if exposed else 'missing'}"]
    return wrong + ([] if probe and f"or {default})" in probe.text else ["the probe asks elsewhere"])


def the_probe_leaves_time_to_start_and_is_not_asked_all_the_time(build: Build) -> list[str]:
    """Often while it starts, once a minute afterwards."""
    probe = build.final.last("HEALTHCHECK")
    wanted = {"interval": "60s", "timeout": "5s", "start-period": "20s", "start-interval": "5s", "retries": "3"}
    return [] if probe and probe.flags == wanted else [f"{probe.flags if probe else 'missing'}"]


def no_secret_is_baked_in(build: Build) -> list[str]:
    """Neither a build argument nor the environment carries one, and nothing is fetched past the locks."""
    names = [*build.dockerfile.arguments]
    for stage in build.dockerfile.stages:
        names += [name for each in stage.all("ENV", "ARG") for name in each.pairs]
    wrong = [f"{each} sounds like a secret" for each in names if SECRETIVE.search(each)]
    return wrong + [f"line {each.line}: ADD" for stage in build.dockerfile.stages for each in stage.all("ADD")]


def its_labels_say_what_it_is(build: Build) -> list[str]:
    """Title, licences (ours and the codecs') and version, the version by argument, the layers above kept."""
    labels = {name: value for each in build.final.all("LABEL") for name, value in each.pairs.items()}
    arguments: list[Instruction] = build.final.all("ARG")
    wanted = {
        "title": "Reelbot",
        "licenses": "MIT AND GPL-2.0-or-later AND LGPL-3.0-or-later",
        "version": "${VERSION}",
        "revision": "${REVISION}",
    }
    wrong = [
        f"{name}: {labels.get(f'org.opencontainers.image.{name}')}"
        for name, value in wanted.items()
        if labels.get(f"org.opencontainers.image.{name}") != value
    ]
    wrong += [f"no ARG {each}" for each in ("VERSION", "REVISION") if not any(each in one.pairs for one in arguments)]
    if arguments and arguments[0].line < max(each.line for each in build.final.all("RUN", "COPY")):
        wrong.append("each commit would make every layer anew")
    return wrong


RULES = (
    every_copied_path_exists_and_is_not_ignored,
    nothing_else_of_a_checkout_enters,
    the_base_is_a_named_version_that_can_be_exchanged,
    everything_from_a_registry_is_hashed,
    debian_brings_only_what_is_named_and_leaves_no_lists,
    the_final_stage_copies_the_environment_and_the_licences_only,
    nothing_can_be_installed_in_the_image,
    all_bytecode_is_made_at_build_time,
    it_runs_as_a_numbered_user_that_owns_the_data,
    the_data_directory_is_one_place,
    no_shell_stands_between,
    it_is_stopped_by_sigterm,
    every_setting_in_it_exists,
    the_port_is_the_default_one,
    the_probe_leaves_time_to_start_and_is_not_asked_all_the_time,
    no_secret_is_baked_in,
    its_labels_say_what_it_is,
)
