"""A root file system as `docker run --read-only --tmpfs /tmp --cap-drop ALL --volume …:/data` makes it, without an engine.

A mount namespace gets a root of its own: this machine's system directories and what is named, all of it read-only, a
temporary `/tmp` and one writable directory at `/data`. A command runs in it as a numbered user that no file knows, with
no capability, and cannot gain any. Everything is gone with its last process; this machine's own mounts are not touched.
Needs Linux, root, and `unshare`, `setpriv` and `chroot` (util-linux, coreutils).
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc", "/proc", "/dev")
_TOOLS = ("unshare", "setpriv", "chroot", "mount")


@cache
def why_not() -> str | None:
    """Why such a root cannot be made here, as half a sentence; None when it can."""
    if sys.platform != "linux":
        return "mount namespaces are Linux's"
    if os.getuid() != 0:
        return "only root may make one and become another user in it"
    missing = [each for each in _TOOLS if shutil.which(each) is None]
    if missing:
        return f"there is no {missing[0]} here"
    tried = subprocess.run(
        ["unshare", "--mount", "--net", "sh", "-c", "mount -t tmpfs tmpfs /mnt"], capture_output=True, check=False
    )
    return None if tried.returncode == 0 else "this machine permits no mount namespaces"


def interpreter() -> Path:
    """The installation of Python that this process's environment was made from."""
    return Path(os.path.realpath(getattr(sys, "_base_executable", sys.executable))).parents[1]


def sealed(
    command: Sequence[str],
    *,
    root: Path,
    data: Path,
    env: Mapping[str, str],
    user: int,
    show: Mapping[str, Path],
    has_network: bool = True,
) -> list[str]:
    """The command line that runs `command` in such a root.

    `root` is an empty directory to mount it on, `data` becomes `/data` and the working directory, `env` is the whole
    environment, `show` maps further paths inside to directories of this machine. The process keeps its id through
    all of it, so that a signal sent to it reaches `command`.
    """
    shown = {each: Path(each) for each in SYSTEM if Path(each).exists()} | dict(show)
    links = {inside: os.readlink(path) for inside, path in shown.items() if path.is_symlink()}
    lines = [
        "set -e",
        "mount --make-rprivate /",
        f"mount -t tmpfs -o mode=755 tmpfs {_quoted(root)}",
        f"mkdir {_quoted(root / 'tmp')} {_quoted(root / 'data')}",
        # First, because what is shown may lie in this machine's own /tmp.
        f"mount -t tmpfs -o noexec,nosuid,nodev,mode=1777 tmpfs {_quoted(root / 'tmp')}",
        f"mount --bind {_quoted(data)} {_quoted(root / 'data')}",
    ]
    for inside, path in shown.items():
        place = _quoted(f"{root}{inside}")
        if inside in links:
            lines.append(f"ln -s {_quoted(links[inside])} {place}")
            continue
        lines += [f"mkdir -p {place}", f"mount --rbind {_quoted(path)} {place}"]
        # Devices must stay writable (`/dev/null`); nobody but root can change the others' mount any more.
        if inside not in ("/dev", "/proc"):
            lines.append(f"mount -o remount,bind,ro {place}")
    lines += [f"mount -o remount,ro {_quoted(root)}", f'exec chroot {_quoted(root)} "$@"']
    become = [
        "setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups",
        "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs",
    ]  # fmt: skip
    clean = ["env", "--ignore-environment", "--chdir=/data", *(f"{name}={value}" for name, value in env.items())]
    namespaces = ["unshare", "--mount", *([] if has_network else ["--net"])]
    return [*namespaces, "--", "/bin/sh", "-c", "\n".join(lines), "sealed", *become, *clean, *command]


def _quoted(path: Path | str) -> str:
    return shlex.quote(str(path))
