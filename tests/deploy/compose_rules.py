"""What our compose files promise, one function per promise: each returns what is wrong, and nothing when all is well.

What is promised of who reaches whom: `compose_network_rules.py`.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import jsonschema

from bot.settings.names import all_settings, is_ours
from tests.deploy import compose_network_rules
from tests.deploy.compose import Compose, awaited, command, environment, mounts
from tests.deploy.reading import (
    OWN_IMAGE,
    SCHEMAS,
    SECRETIVE,
    is_secret_setting,
    needed_to_stop_s,
    roles,
    seconds,
    wrong_with_command,
    wrong_with_settings,
)

ALLOWED_CAPABILITIES = {"caddy": {"NET_BIND_SERVICE"}, "media-owner": {"CHOWN"}}
"""Whatever else is added is an oversight."""
ROOT_SERVICES = frozenset({"caddy", "media-owner"})
"""One binds the ports below 1024, the other hands a new volume over; everybody else is somebody else."""


@cache
def _validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json.loads((SCHEMAS / "compose-spec.json").read_text(encoding="utf-8")))


def it_keeps_the_compose_specification(compose: Compose) -> list[str]:
    """Every key, and the shape of every value."""
    return [f"{error.json_path}: {error.message}" for error in _validator().iter_errors(compose.document)]


def every_name_leads_somewhere(compose: Compose) -> list[str]:
    """Volumes, networks, secrets, services that are waited for; and what is declared is used."""
    wrong: list[str] = []
    used: dict[str, set[str]] = {"volumes": set(), "networks": set(), "secrets": set()}
    for name, each in compose.services.items():
        used["volumes"] |= {source for source, _, _ in mounts(each) if source and not source.startswith((".", "/"))}
        used["networks"] |= compose.networks(name) - {"default"}
        used["secrets"] |= set(each.get("secrets", []))
        wrong += [f"{name} waits for {other}" for other in awaited(each) if other not in compose.services]
    for kind, names in used.items():
        declared = set(compose.document.get(kind, {}))
        wrong += [f"{each} is not among the {kind}" for each in sorted(names - declared)]
        wrong += [f"nobody uses {each} of the {kind}" for each in sorted(declared - names)]
    return wrong


def every_mounted_file_is_here_and_cannot_be_written(compose: Compose) -> list[str]:
    """What comes from the repository stays as it is; nothing else of the machine is handed in."""
    wrong = []
    for name, each in compose.services.items():
        for source, _, mode in mounts(each):
            if source is None or re.fullmatch(r"[a-z][a-z-]*", source):
                continue
            if not source.startswith("./") or ".." in source:
                wrong.append(f"{name} mounts {source}")
            elif not (compose.folder / source).exists():
                wrong.append(f"there is no {source}")
            elif mode != "ro":
                wrong.append(f"{name} may write {source}")
    return wrong


def every_setting_exists_and_is_understood(compose: Compose) -> list[str]:
    """Reelbot itself is asked; and a variable of the compose file is never one of Reelbot's, which would stop the start."""
    wrong = [f"the variable {each} looks like a setting" for each in compose.variables if is_ours(each)]
    for name, each in compose.ours.items():
        with tempfile.TemporaryDirectory() as folder:
            wrong += [f"{name}: {problem}" for problem in wrong_with_settings(environment(each), Path(folder))]
    return wrong


def secrets_come_from_files(compose: Compose) -> list[str]:
    """Never from the environment, never with a value that everybody knows; and each file is one that is handed in."""
    wrong = []
    for name, each in compose.services.items():
        handed = {f"/run/secrets/{secret}" for secret in each.get("secrets", [])}
        for variable, value in environment(each).items():
            if variable.endswith("_FILE"):
                wrong += [] if value in handed else [f"{name}: nobody hands in {value}"]
            elif is_secret_setting(variable) or SECRETIVE.search(variable):
                wrong.append(f"{name}: {variable} is told to everybody")
    for name, secret in compose.document.get("secrets", {}).items():
        wrong += [] if secret == {"file": f"secrets/{name}"} else [f"the secret {name} is {secret}"]
    return wrong


def images_are_named_by_version(compose: Compose) -> list[str]:
    """Somebody else's by a full version; ours is what `make image` built, unless IMAGE says otherwise."""
    wrong = [] if "IMAGE" in compose.variables else ["ours cannot be exchanged"]
    for name, each in compose.services.items():
        repository, _, tag = each["image"].partition(":")
        if repository == OWN_IMAGE:
            wrong += [] if tag == "dev" else [f"{name}: {each['image']}"]
        elif not re.match(r"v?\d+\.\d+", tag):
            wrong.append(f"{name}: {each['image']}")
    return wrong


def nobody_can_do_more_than_he_must(compose: Compose) -> list[str]:
    """No capability but the two that are named, none to be gained, nothing to write on but volumes and memory."""
    wrong = []
    for name, each in compose.services.items():
        wrong += [] if each.get("read_only") is True else [f"{name} may write its root"]
        wrong += [] if each.get("cap_drop") == ["ALL"] else [f"{name} keeps capabilities"]
        wrong += [] if "no-new-privileges:true" in each.get("security_opt", []) else [f"{name} may gain privileges"]
        if more := set(each.get("cap_add", [])) - ALLOWED_CAPABILITIES.get(name, set()):
            wrong.append(f"{name} has {min(more)}")
        wrong += [f"{name}: {key}" for key in ("privileged", "pid", "ipc", "devices", "userns_mode") if key in each]
        if str(each.get("user", "")).partition(":")[0] in {"0", "root"} and name not in ROOT_SERVICES:
            wrong.append(f"{name} is root")
    return wrong


def everything_is_limited(compose: Compose) -> list[str]:
    """Processors, memory and processes: one that goes wild takes nobody along."""
    wrong = []
    for name, each in compose.services.items():
        limits = each.get("deploy", {}).get("resources", {}).get("limits", {})
        wrong += [f"{name} has no limit of {kind}" for kind in ("cpus", "memory", "pids") if kind not in limits]
    return wrong


def there_is_time_to_finish(compose: Compose) -> list[str]:
    """Compose kills after ten seconds unless it is told otherwise; the proxy waits for whom it asks."""
    least = needed_to_stop_s()
    return [
        f"{name} is killed after {grace:.0f} s"
        for name, each in compose.services.items()
        if name in compose.ours or name == "caddy"
        if (grace := seconds(each.get("stop_grace_period", "10s"))) < least
    ]


def commands_and_roles_exist(compose: Compose) -> list[str]:
    """What a container is told to do, Reelbot can do."""
    return [
        f"{name}: {each}" for name, service in compose.ours.items() for each in wrong_with_command(command(service))
    ]


def chats_come_only_when_asked_for(compose: Compose) -> list[str]:
    """Without a token their role stops with an error, so each is in a profile of its name; the others are in none."""
    wrong = []
    for name, each in compose.ours.items():
        chats = sorted(roles(command(each)) & {"discord", "slack"})
        if each.get("profiles", []) != chats:
            wrong.append(f"{name} is in {each.get('profiles', [])}")
    return wrong


def who_runs_for_ever_is_started_again_and_who_ends_is_not(compose: Compose) -> list[str]:
    """A job that others wait for must end; everything else comes back after a crash and after a reboot."""
    ending = {
        other
        for each in compose.services.values()
        for other, condition in awaited(each).items()
        if condition == "service_completed_successfully"
    }
    return [
        f"{name}: restart {each.get('restart')}"
        for name, each in compose.services.items()
        if each.get("restart") != ("no" if name in ending else "unless-stopped")
    ]


def the_database_is_brought_up_to_date_first(compose: Compose) -> list[str]:
    """Where it is a server: nothing of ours runs before `db upgrade` ended well, and that not before the server answers."""
    if "postgres" not in compose.services:
        return []
    upgrading = [name for name, each in compose.ours.items() if command(each) == ["db", "upgrade"]]
    if len(upgrading) != 1:
        return [f"upgraded by {upgrading}"]
    wrong = [
        f"{name} does not wait for it"
        for name, each in compose.ours.items()
        if name not in upgrading and awaited(each).get(upgrading[0]) != "service_completed_successfully"
    ]
    if awaited(compose.ours[upgrading[0]]).get("postgres") != "service_healthy":
        wrong.append("it does not wait for the database")
    return wrong


def health_is_asked_where_it_is_told(compose: Compose) -> list[str]:
    """The image asks the web's port; a process that only tells it at the port of the metrics is asked there."""
    wrong = []
    for name, each in compose.ours.items():
        probe, port = each.get("healthcheck", {}), environment(each).get("REELBOT_METRICS__PORT")
        if command(each)[0] != "run":
            wrong += [] if probe.get("disable") is True else [f"{name} ends, and has nothing to be asked"]
        elif port is None:
            wrong += [f"{name} is asked elsewhere than the image asks"] if probe else []
        elif f"('localhost', {port})" not in str(probe.get("test")) or "/livez" not in str(probe.get("test")):
            wrong.append(f"{name} is not asked at {port}")
    for name, each in compose.services.items():
        for other, condition in awaited(each).items():
            if condition == "service_healthy" and other in compose.services:
                found = compose.services[other].get("healthcheck", {})
                wrong += [] if "test" in found else [f"{name} waits for the health of {other}, which nobody asks"]
    return wrong


def there_is_room_where_it_writes(compose: Compose) -> list[str]:
    """The root is read-only: `/data` and `/tmp` are not; and media, if they are files, are the same ones for everybody."""
    wrong = []
    for name, each in compose.ours.items():
        targets = {target: source for source, target, _ in mounts(each)}
        wrong += [] if "/tmp" in each.get("tmpfs", []) else [f"{name} has no /tmp"]
        wrong += [] if "/data" in targets else [f"{name} has no /data"]
        url = environment(each).get("REELBOT_MEDIA_URL", "")
        if url.startswith("file://") and targets.get(url.removeprefix("file://")) != "media":
            wrong.append(f"{name} keeps media for itself")
        if "postgres" in compose.services and targets.get("/data") is not None:
            wrong.append(f"{name} shares its /data")
        if "postgres" not in compose.services and targets.get("/data") is None:
            wrong.append(f"{name} keeps nothing")
    return wrong


def wrong_with_example(text: str) -> Iterator[str]:
    """What an example of `reelbot.env` says that is no setting, or is a value that people would leave as it is."""
    for line in text.splitlines():
        found = re.fullmatch(r"#?([A-Z][A-Z0-9_]*)=(\S*)", line)
        if found is None:
            if line and not line.startswith("# "):
                yield f"{line!r} is neither a setting nor a comment"
            continue
        name, value = found.groups()
        if not line.startswith("#"):
            yield f"{name} is set"
        if is_ours(name) and name not in all_settings() and not is_secret_setting(name.removesuffix("_FILE")):
            yield f"there is no setting {name}"
        if is_secret_setting(name) and value:
            yield f"{name} has a value"


RULES = (
    it_keeps_the_compose_specification,
    every_name_leads_somewhere,
    every_mounted_file_is_here_and_cannot_be_written,
    every_setting_exists_and_is_understood,
    secrets_come_from_files,
    images_are_named_by_version,
    nobody_can_do_more_than_he_must,
    everything_is_limited,
    there_is_time_to_finish,
    commands_and_roles_exist,
    chats_come_only_when_asked_for,
    who_runs_for_ever_is_started_again_and_who_ends_is_not,
    the_database_is_brought_up_to_date_first,
    health_is_asked_where_it_is_told,
    there_is_room_where_it_writes,
    *compose_network_rules.RULES,
)
