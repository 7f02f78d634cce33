"""What our manifests promise of their pods, one function per promise; see `kubernetes_rules.py`."""

from __future__ import annotations

import re

from bot.settings.names import all_settings
from tests.deploy.cluster import COMPONENT, Cluster, labels, ports, quantity, spec_of
from tests.deploy.kustomize import containers, identity
from tests.deploy.reading import ROOT, needed_to_stop_s, roles, wrong_with_command
from tools.dockerfile import parse

DOCKERFILE = parse((ROOT / "Dockerfile").read_text(encoding="utf-8"))


def nobody_can_do_more_than_he_must(cluster: Cluster) -> list[str]:
    """The image's user, no capability and none to be gained, a root that cannot be written, and no word with the cluster."""
    user = DOCKERFILE.final.all("USER")[-1].text.partition(":")[0]
    wanted_pod = {
        "runAsNonRoot": True, "runAsUser": int(user), "runAsGroup": int(user), "fsGroup": int(user),
        "seccompProfile": {"type": "RuntimeDefault"},
    }  # fmt: skip
    wanted = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    wrong = []
    for each in cluster.workloads:
        spec, who = spec_of(each), identity(each)[1]
        wrong += [] if spec.get("securityContext") == wanted_pod else [f"{who}: {spec.get('securityContext')}"]
        for one in containers(each):
            wrong += [] if one.get("securityContext") == wanted else [f"{who}: {one.get('securityContext')}"]
        wrong += [] if spec.get("automountServiceAccountToken") is False else [f"{who} has a token of the cluster"]
        wrong += [f"{who}: {key}" for key in ("hostNetwork", "hostPID", "hostIPC") if spec.get(key)]
        wrong += [f"{who} mounts {one}" for one in spec["volumes"] if one.keys() != {"name", "emptyDir"}]
    for account in cluster.of("ServiceAccount"):
        wrong += [] if account.get("automountServiceAccountToken") is False else ["the account hands out its token"]
    return wrong


def what_other_services_are_called_does_not_get_in(cluster: Cluster) -> list[str]:
    """`REELBOT_WEB_PORT`, which Kubernetes would set for a Service `reelbot-web`, is no setting and would stop the start."""
    return [
        f"{identity(each)[1]} is told of services"
        for each in cluster.workloads
        if spec_of(each).get("enableServiceLinks") is not False
    ]


def there_is_room_where_it_writes(cluster: Cluster) -> list[str]:
    """`/data` and `/tmp`, for as long as the pod lives, with an end."""
    wrong = []
    for each in cluster.workloads:
        who, sizes = (
            identity(each)[1],
            {one["name"]: one["emptyDir"].get("sizeLimit") for one in spec_of(each)["volumes"]},
        )
        for one in containers(each):
            places = {mount["mountPath"]: mount["name"] for mount in one["volumeMounts"]}
            wrong += [] if places.keys() == {"/data", "/tmp"} else [f"{who} writes to {sorted(places)}"]
        wrong += [f"{who}: {name} has no end" for name, size in sizes.items() if size is None]
    return wrong


def everything_asks_for_what_it_needs_and_is_limited(cluster: Cluster) -> list[str]:
    """So that a node is never promised twice, and one that goes wild takes nobody along."""
    wrong = []
    for each in cluster.workloads:
        for one in containers(each):
            found = one.get("resources", {})
            for kind in ("cpu", "memory"):
                asked, limit = (found.get(key, {}).get(kind) for key in ("requests", "limits"))
                if asked is None or limit is None or not 0 < quantity(asked) <= quantity(limit):
                    wrong.append(f"{identity(each)[1]}: {kind} {asked} of {limit}")
    return wrong


def there_is_time_to_finish(cluster: Cluster) -> list[str]:
    """Draining, open connections, and the pause before both. Whoever is sent requests pauses until nobody sends more."""
    wrong = []
    called = {
        identity(one)
        for each in cluster.of("Service")
        for one in cluster.chosen({"matchLabels": each["spec"]["selector"]})
    }
    for each in cluster.of("Deployment"):
        pause = containers(each)[0].get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        grace = spec_of(each).get("terminationGracePeriodSeconds", 30)
        if grace < pause + needed_to_stop_s():
            wrong.append(f"{identity(each)[1]} is killed after {grace} s")
        if identity(each) in called and not pause:
            wrong.append(f"{identity(each)[1]} closes its door while people are sent to it")
    return wrong


def commands_and_roles_exist(cluster: Cluster) -> list[str]:
    """What a container is told to do, Reelbot can do; a component is the role it plays."""
    wrong = []
    for each in cluster.workloads:
        for one in containers(each):
            wrong += [f"{identity(each)[1]}: {problem}" for problem in wrong_with_command(one["args"])]
            wrong += [f"{identity(each)[1]} has a command of its own" for _ in one.get("command", [])]
            if each["kind"] == "Deployment" and roles(one["args"]) != {labels(each)[COMPONENT]}:
                wrong.append(f"{identity(each)[1]} plays {one['args']}")
    return wrong


def health_is_asked_where_it_is_told(cluster: Cluster) -> list[str]:
    """Three questions at a port that is listened on; a slow start is given a minute at least before it is a failure."""
    numbers = {
        "http": all_settings()["REELBOT_WEB__PORT"].default,
        "metrics": int(cluster.settings.get("REELBOT_METRICS__PORT", 0)),
    }
    wrong = []
    if cluster.settings.get("REELBOT_METRICS__HOST") != "0.0.0.0":
        wrong.append("the metrics are told to the pod itself only")
    for each in cluster.of("Deployment"):
        (one,), who = containers(each), identity(each)[1]
        listens = {"metrics", "http"} if roles(one["args"]) & {"web", "slack"} else {"metrics"}
        if ports(each) != {name: numbers[name] for name in listens}:
            wrong.append(f"{who} does not listen on {ports(each)}")
        for probe, path in (("startupProbe", "/livez"), ("livenessProbe", "/livez"), ("readinessProbe", "/readyz")):
            asked = one.get(probe, {}).get("httpGet", {})
            if asked.get("path") != path or asked.get("port") not in listens:
                wrong.append(f"{who}: {probe} asks {asked}")
        start = one.get("startupProbe", {})
        if start.get("failureThreshold", 3) * start.get("periodSeconds", 10) < 60:
            wrong.append(f"{who} is given up while it starts")
    return wrong


def images_are_ours_and_named_by_version(cluster: Cluster) -> list[str]:
    """All the same, so that no two versions work on one database."""
    found = {one["image"] for each in cluster.workloads for one in containers(each)}
    wrong = [] if len(found) == 1 else [f"several: {sorted(found)}"]
    return wrong + [
        f"{each} is no version"
        for each in found
        if not re.fullmatch(r"reelbot:dev|[\w./-]+/reelbot:\d+\.\d+\.\d+", each)
    ]


def metrics_are_where_they_are_said_to_be(cluster: Cluster) -> list[str]:
    """The annotations that many an installation of Prometheus looks for."""
    return [
        f"{identity(each)[1]}: {found}"
        for each in cluster.of("Deployment")
        if (found := each["spec"]["template"]["metadata"].get("annotations"))
        != {
            "prometheus.io/scrape": "true",
            "prometheus.io/port": cluster.settings.get("REELBOT_METRICS__PORT"),
            "prometheus.io/path": "/metrics",
        }
    ]


RULES = (
    nobody_can_do_more_than_he_must,
    what_other_services_are_called_does_not_get_in,
    there_is_room_where_it_writes,
    everything_asks_for_what_it_needs_and_is_limited,
    there_is_time_to_finish,
    commands_and_roles_exist,
    health_is_asked_where_it_is_told,
    images_are_ours_and_named_by_version,
    metrics_are_where_they_are_said_to_be,
)
