"""The locks install everywhere: every package pinned and hashed, and no registry, link or path in them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = ("runtime", "build", "dev", "s3")
_PIN = re.compile(r"^([a-z0-9][a-z0-9._-]*)(?:\[[^\]]*\])?==([^ ]+)", re.MULTILINE)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def read(lock):
    return (ROOT / "requirements" / f"{lock}.txt").read_text()


def pins(lock):
    return dict(_PIN.findall(read(lock)))


def normal(requirement):
    return re.split(r"[\[<>=!~; ]", requirement)[0].lower().replace("_", "-").replace(".", "-")


@pytest.mark.parametrize("lock", LOCKS)
def test_no_registry_link_or_path_is_in_a_lock(lock):
    for line in read(lock).splitlines():
        assert "://" not in line
        assert not re.match(r"\s*--(?!hash=sha256:[0-9a-f]{64})", line), line
        assert not re.search(r"(^|[\s\"'=])/\w", line), line


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_is_pinned_and_hashed(lock):
    blocks = re.split(r"\n(?=[a-z0-9])", re.sub(r"(?m)^ *#.*\n", "", read(lock)).strip())

    for block in blocks:
        assert _PIN.match(block), block[:80]
        assert "--hash=sha256:" in block, block[:80]


def test_every_dependency_of_the_project_is_locked():
    groups = PROJECT["dependency-groups"]
    assert {normal(one) for one in PROJECT["project"]["dependencies"]} <= set(pins("runtime"))
    assert {normal(one) for one in groups["build"]} <= set(pins("build"))
    assert {normal(one) for one in groups["dev"] + groups["build"]} <= set(pins("dev"))
    assert {normal(one) for one in groups["s3"]} <= set(pins("s3"))


def test_the_locks_agree_with_each_other():
    assert pins("runtime").items() <= pins("dev").items()
    assert pins("build").items() <= pins("dev").items()


def test_compiled_codecs_are_hashed_for_several_platforms():
    """One hash would mean that the lock was made from one machine's own files."""
    for name in ("av", "pi-heif", "pillow", "numpy", "obstore"):
        block = read("runtime").split(f"\n{name}==")[1].split("# via")[0]
        assert block.count("--hash") > 8, name
