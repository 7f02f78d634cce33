"""How the program comes here: once, pinned by its hash, from whichever registry npm is set up for; or a reason why not."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.emulators.local_slack import install
from tests.emulators.local_slack.install import HERE, PROGRAM, Unavailable

INSTALLS = f"mkdir -p $(dirname {PROGRAM}) && touch {PROGRAM}"


@pytest.fixture
def npm(tmp_path, monkeypatch):
    """An npm that does what it is told and counts how often; nothing is installed yet."""
    monkeypatch.setattr(install, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(install, "_why_not", lambda: None)
    monkeypatch.setattr(install, "_program", install._program.__wrapped__)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    runs = tmp_path / "runs"

    def does(script: str):
        npm = tmp_path / "npm"
        npm.write_text(f'#!/bin/sh\necho "$@" >> {runs}\n{script}\n')
        npm.chmod(0o755)
        return lambda: runs.read_text().splitlines() if runs.exists() else []

    return does


def test_the_lock_pins_the_program_by_hash_and_names_no_registry():
    """Whoever installs it gets these bytes, from a registry of their own."""
    wanted = json.loads((HERE / "package.json").read_text())["dependencies"]

    packages = json.loads((HERE / "package-lock.json").read_text())["packages"]

    locked = {name.removeprefix("node_modules/"): facts for name, facts in packages.items() if name}
    assert {name: facts["version"] for name, facts in locked.items()} == wanted
    assert all(facts["integrity"].startswith("sha512-") and "resolved" not in facts for facts in locked.values())


def test_several_workers_wait_for_one_install(npm, tmp_path):
    """And git does not see what they installed."""
    runs = npm(INSTALLS)

    with ThreadPoolExecutor(3) as workers:
        found = set(workers.map(lambda _: install.program(), range(3)))

    assert len(found) == len(runs()) == 1
    assert found.pop().exists()
    assert "--ignore-scripts" in runs()[0]
    assert (tmp_path / "cache" / ".gitignore").read_text() == "*\n"


def test_an_older_pin_makes_room_for_the_new_one(npm, tmp_path):
    """Ninety megabytes are kept once; what a killed install left behind goes too."""
    npm(INSTALLS)
    for left in ("an-older-pin", "unfinished-1"):
        (tmp_path / "cache" / left).mkdir(parents=True)

    found = install.program()

    folders = [each for each in (tmp_path / "cache").iterdir() if each.is_dir()]
    assert folders == [found.parents[3]]


def test_a_registry_that_is_not_there_is_asked_once_in_a_run_and_again_in_the_next(npm, monkeypatch):
    """The sentence is what npm said first; nothing half-installed stays."""
    runs = npm('echo "npm error code ENOTFOUND" >&2; echo "npm error network the rest" >&2; exit 1')
    monkeypatch.setenv("PYTEST_XDIST_TESTRUNUID", "one")

    for _ in range(2):
        with pytest.raises(Unavailable, match=r"could not be installed by npm \(code ENOTFOUND\)"):
            install.program()
    assert len(runs()) == 1

    npm(INSTALLS)
    monkeypatch.setenv("PYTEST_XDIST_TESTRUNUID", "two")
    assert install.program().exists()


def test_other_bytes_than_the_pinned_ones_are_a_failure_and_no_reason_to_skip(npm):
    """A registry that serves something else must be looked at by somebody."""
    npm('echo "npm error code EINTEGRITY" >&2; exit 1')

    with pytest.raises(RuntimeError, match="refuses the pinned local-slack"):
        install.program()


def test_a_machine_that_cannot_run_it_says_why(monkeypatch):
    """One sentence each, which is the reason of the skip."""
    monkeypatch.setattr(install.platform, "libc_ver", lambda: ("glibc", "2.36"))
    monkeypatch.setattr(install.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(install.shutil, "which", lambda name: None)
    without_npm = install._why_not()

    monkeypatch.setattr(install.platform, "machine", lambda: "aarch64")
    elsewhere = install._why_not()

    assert without_npm is not None
    assert "no npm" in without_npm
    assert elsewhere is not None
    assert "x86-64" in elsewhere
